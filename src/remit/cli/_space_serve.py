"""`remit dataspace serve`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from remit.cli._main import Settings
from remit.cli._show import say
from remit.cli._space_ref import state_option
from remit.cli._space_server import Listeners, serve_dataspace

__all__ = ["serve"]


@click.command()
@state_option
@click.option(
    "--listen",
    "addresses",
    metavar="ADDRESS",
    multiple=True,
    help="tcp://host:port (WebSockets, too), tls://host:port, unix:///path; besides the socket in the state directory.",
)
@click.option("--published", metavar="HOST", help="The host that others are told, where one listens on all addresses.")
@click.option("--captp", metavar="HOST:PORT", help="Serve CapTP there, and on a socket in the state directory.")
@click.option(
    "--cert", metavar="FILE", help="The certificate chain for tls:// [default: one of its own, STATE/tls.pem]."
)
@click.option("--key", metavar="FILE", help="Its private key.")
@click.option(
    "--dialect",
    type=click.Choice(["accepted", "ok"]),
    default="accepted",
    show_default=True,
    help="How the gatekeeper answers: syndicate-py needs 'accepted'.",
)
@click.option("--ready-fd", type=int, metavar="N", help="Write a newline to this descriptor once others can come.")
@click.pass_obj
def serve(
    settings: Settings,
    state: Path,
    addresses: tuple[str, ...],
    published: str | None,
    captp: str | None,
    cert: str | None,
    key: str | None,
    dialect: str,
    ready_fd: int | None,
) -> None:
    """Run a dataspace until ctrl-C or SIGTERM.

    Its state directory (0700) has the keys of its sturdyrefs, and for each start anew the files by which others come: space.route
    for remit and Python, space.ref for shells (the sturdyref alone), space.captp with --captp. Whoever can read one of them can do
    everything in the dataspace; remit dataspace ref gives away less.
    """
    from remit.net import run as run_loop

    listeners = Listeners(addresses, published, captp, _tls(cert, key), dialect)

    def ready() -> None:
        if ready_fd is not None:
            os.write(ready_fd, b"\n")
            os.close(ready_fd)

    run_loop(serve_dataspace(state, listeners, say, ready))


def _tls(cert: str | None, key: str | None) -> Any:
    if cert is None:
        if key is not None:
            raise click.UsageError("--key FILE belongs to --cert FILE")
        return None  # the server makes one of its own where it needs one
    from remit.cli._space_tls import server_context

    return server_context(cert, key)
