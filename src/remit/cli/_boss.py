"""`remit boss …`."""

from __future__ import annotations

import asyncio

import click

from remit.cli._config import load_config
from remit.cli._main import Settings
from remit.cli._show import say

__all__ = ["boss"]


@click.group()
def boss() -> None:
    """Run the boss, and look after it."""


@boss.command()
@click.option("--state", metavar="DIR", help="The state directory [default: as configured].")
@click.option("--listen", metavar="HOST:PORT", help="Where to listen [default: as configured].")
@click.option("--published", metavar="HOST", help="The host that others are told.")
@click.option("--start/--no-start", default=None, help="Start all machines too [default: as configured].")
@click.pass_obj
def run(settings: Settings, state: str | None, listen: str | None, published: str | None, start: bool | None) -> None:
    """Run the boss until it is told to stop (SIGTERM or ctrl-C)."""
    from remit.machines import BossSettings, run_boss  # the boss's own weight, for this command only

    config = load_config(settings.config)
    if state:
        config.boss.state = state
    made = BossSettings(
        state=config.boss.directory(),
        listen=listen or config.boss.listen,
        published=published or config.boss.published,
        start=config.boss.start if start is None else start,
        providers=config.providers,
    )
    asyncio.run(run_boss(made, say))
