"""`remit status` and `remit alarm`."""

from __future__ import annotations

import click

from remit.cli._connect import ask_boss
from remit.cli._edges import edge_table
from remit.cli._machine import machine_table
from remit.cli._main import Settings
from remit.cli._show import ago, say, show_json

__all__ = ["alarm", "status"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    """Everything on one screen: machines, bindings, alarms."""
    seen = ask_boss(settings, lambda boss: boss.status())
    if as_json:
        show_json(seen)
        return
    machine_table(seen["machines"])
    if seen["edges"]:
        click.echo()
        edge_table(seen["edges"])
    for one in seen["alarms"]:
        click.echo()
        click.echo(f"ALARM {one['id']} {ago(one['at'])}, machine {one['machine']}: {one['what']}")
        click.echo(f"  known: {one['known']}")
        click.echo(f"  other: {one['other']}")
        click.echo(f"  when it is settled: remit alarm clear {one['id']}")


@click.group()
def alarm() -> None:
    """Look at alarms and clear them."""


@alarm.command()
@click.argument("what", metavar="ALARM|MACHINE")
@click.pass_obj
def clear(settings: Settings, what: str) -> None:
    """Say that an alarm, or all of a machine, are settled."""
    cleared = ask_boss(settings, lambda boss: boss.clear_alarm(what))
    say(f"cleared: {', '.join(one['id'] for one in cleared) or 'nothing'}")
