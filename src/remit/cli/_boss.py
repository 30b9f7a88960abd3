"""`remit boss …`."""

from __future__ import annotations

import logging

import click

from remit.cli._backup import backup, move, restore
from remit.cli._config import load_config
from remit.cli._main import Settings, Suggesting
from remit.cli._rekey import rekey
from remit.cli._show import say

__all__ = ["boss"]


@click.group(cls=Suggesting)
def boss() -> None:
    """Run the boss, the process that keeps track of machines and bindings; wait until it is there; copy and move it; give it another key."""


for _command in (backup, move, rekey, restore):
    boss.add_command(_command)


@boss.command()
@click.option("--state", metavar="DIR", help="The state directory [default: as configured].")
@click.option("--listen", metavar="HOST:PORT", help="Where to listen [default: as configured].")
@click.option("--published", metavar="HOST", help="The host that others are told [default: as configured].")
@click.option("--start/--no-start", default=None, help="Start all machines too [default: as configured].")
@click.pass_obj
def run(settings: Settings, state: str | None, listen: str | None, published: str | None, start: bool | None) -> None:
    """Run the boss until it is told to stop (SIGTERM or ctrl-C). Its machines go on without it."""
    from remit.machines import BossSettings, log_to_stderr, run_boss  # the boss's own weight, for this command only
    from remit.net import run as run_loop

    config = load_config(settings.config)
    if state:
        config.boss.state = state
    made = BossSettings(
        state=config.boss.directory(),
        listen=listen or config.boss.listen,
        published=published or config.boss.published,
        websocket=config.boss.websocket,
        websocket_url=config.boss.websocket_url,
        metrics=config.boss.metrics,
        connections=config.boss.connections,
        alarm_webhook=config.boss.alarm_webhook,
        alarm_command=config.boss.alarm_command,
        start=config.boss.start if start is None else start,
        providers=config.providers,
    )
    if not settings.debug:
        log_to_stderr(logging.WARNING)
    run_loop(run_boss(made, say))


@boss.command()
@click.pass_obj
def wait(settings: Settings) -> None:
    """Wait until the boss answers: for scripts that have just started it."""
    from remit.cli._connect import wait_for_boss  # `run` does not need it

    wait_for_boss(settings)
