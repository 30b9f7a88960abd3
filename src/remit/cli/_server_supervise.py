"""`remit server supervise`: the supervisor of this host."""

from __future__ import annotations

import click

from remit.cli._main import Settings
from remit.cli._registry import listening_options, log_to
from remit.cli._server_ask import home_option
from remit.cli._show import say

__all__ = ["supervise"]


@click.command()
@click.argument("id", default="supervisor")
@listening_options
@home_option
@click.pass_obj
def supervise(
    settings: Settings,
    id: str,
    listen: tuple[str, ...],
    announce: tuple[str, ...],
    log_file: str | None,
    log: str,
    ready_fd: int | None,
    home: str | None,
) -> None:
    """Run servers on this host, as config.toml of the home and commands say, until told to stop (SIGTERM, ctrl-C, remit server shutdown).

    Its servers end with it. One that is killed leaves them running: for ten seconds they wait for the next one. A machine's agent is a supervisor by itself.
    """
    from remit.cli._server_process import be_supervisor  # its own weight, for this command only
    from remit.net import run as run_loop

    log_to(log, settings.debug, log_file is not None)
    run_loop(be_supervisor(id, home, listen, announce, log_file, ready_fd, say))
