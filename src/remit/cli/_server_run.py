"""`remit server run`."""

from __future__ import annotations

import click

from remit.cli._main import Settings
from remit.cli._registry import listening_options, log_to
from remit.cli._show import say

__all__ = ["run"]


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("id")
@click.argument("module")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("-r", "--role", "roles", multiple=True, metavar="ROLE", help="A role of the server; as often as needed.")
@listening_options
@click.option(
    "--home", metavar="DIR", help="The ensemble's directory on this host [default: $REMIT_ENSEMBLE, or the user's own]."
)
@click.pass_obj
def run(
    settings: Settings,
    id: str,
    module: str,
    arguments: tuple[str, ...],
    roles: tuple[str, ...],
    home: str | None,
    listen: tuple[str, ...],
    announce: tuple[str, ...],
    log_file: str | None,
    log: str,
    ready_fd: int | None,
) -> None:
    """Run MODULE's main(*ARGUMENTS) as server ID, until it returns or the server is told to shut down.

    main may be a plain function, which runs in a thread, or a coroutine. Inside of it remit.ensemble.current_server() is the server.
    """
    import sys

    from remit.cli._server_process import be_server  # its own weight, for this command only
    from remit.net import run as run_loop

    log_to(log, settings.debug, log_file is not None)
    if "" not in sys.path:
        sys.path.insert(0, "")  # as python -m has it: modules of the directory that one is in
    run_loop(be_server(id, module, arguments, roles, home, listen, announce, log_file, ready_fd, say))
