"""`remit registry`."""

from __future__ import annotations

import logging
from typing import Any

import click

from remit.cli._main import Settings
from remit.cli._show import say

__all__ = ["listening_options", "log_to", "registry"]


def listening_options(command: Any) -> Any:
    """What `remit registry` and `remit server run` have in common."""
    for option in (
        click.option(
            "--log-file",
            metavar="FILE",
            help="Write the log there, and not to stderr; '-' is the server's own directory. It is rotated.",
        ),
        click.option(
            "-a",
            "--announce",
            multiple=True,
            metavar="HOST:PORT",
            help="An address that others are told, instead of where it listens.",
        ),
        click.option(
            "-l",
            "--listen",
            multiple=True,
            metavar="HOST:PORT",
            help="Listen there, too, with TLS; port 0 takes any free one. Without it only this host's users reach it.",
        ),
        click.option(
            "--log",
            type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False),
            default="INFO",
            show_default=True,
            help="What is logged: this and what is worse.",
        ),
        click.option("--ready-fd", type=int, metavar="N", help="Write a newline to this descriptor once it is up."),
    ):
        command = option(command)
    return command


def log_to(level: str, debug: bool, file: bool) -> None:
    """Log on stderr, unless there is a file for it."""
    root = logging.getLogger()
    root.setLevel(logging.DEBUG if debug else level)
    if not file and not debug:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(handler)


@click.command()
@listening_options
@click.option(
    "--heartbeat",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Silence after which a server is probed; after as long again it is gone.",
)
@click.option(
    "--home", metavar="DIR", help="The ensemble's directory on this host [default: $REMIT_ENSEMBLE, or the user's own]."
)
@click.pass_obj
def registry(
    settings: Settings,
    home: str | None,
    listen: tuple[str, ...],
    announce: tuple[str, ...],
    log_file: str | None,
    log: str,
    heartbeat: float,
    ready_fd: int | None,
) -> None:
    """Run the registry of an ensemble until it is told to stop (SIGTERM, ctrl-C, or remit server shutdown registry).

    It makes the ensemble's cookie where there is none. Its servers come back by themselves when it is started again.
    """
    from remit.cli._server_process import be_registry  # its own weight, for this command only
    from remit.net import run as run_loop

    log_to(log, settings.debug, log_file is not None)
    run_loop(be_registry(home, listen, announce, log_file, heartbeat, ready_fd, say))
