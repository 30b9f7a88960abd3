"""`remit status` and `remit alarm`."""

from __future__ import annotations

from typing import Any

import click

from remit.cli._connect import ask_boss
from remit.cli._edges import edge_table
from remit.cli._machine import machine_table
from remit.cli._main import Settings, Suggesting
from remit.cli._show import as_json_option, say, show_json, tell
from remit.cli._times import ago

__all__ = ["alarm", "status"]

BUSY = 100
"""Messages under way at a time that need no mention."""


@click.command()
@as_json_option
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
    if seen["alarms"]:
        click.echo()
        _show_alarms(seen["alarms"])
    _show_debts(seen.get("sessions", []))


def _show_debts(sessions: list[dict[str, Any]]) -> None:
    """The peers who are waited for, or wait: a boss at rest shows none."""
    for one in sessions:
        if one["paused"] or one["messages"] > BUSY or one["bytes"] or one["unread"]:
            who = f"machine {one['machine']}" if one["machine"] else f"peer {one['peer'][:8] or 'without a proved key'}"
            much = f"{one['messages']} messages and {one['bytes']} bytes under way, {one['unread']} bytes unread"
            tell(f"DEBT of {who} over {one['transport']}: {much}{'; it is not read for now' if one['paused'] else ''}")


def _show_alarms(alarms: list[dict[str, Any]]) -> None:
    for one in alarms:
        tell(f"ALARM {one['id']} {ago(one['at'])}, machine {one['machine']}: {one['what']}")
        tell(f"  known: {one['known']}")
        tell(f"  other: {one['other']}")
        tell(f"  when it is settled: remit alarm clear {one['id']}")


@click.group(cls=Suggesting)
def alarm() -> None:
    """Look at alarms and clear them."""


@alarm.command("list")
@as_json_option
@click.pass_obj
def list_alarms(settings: Settings, as_json: bool) -> None:
    """List the open alarms."""
    alarms = ask_boss(settings, lambda boss: boss.status())["alarms"]
    if as_json:
        show_json(alarms)
    elif alarms:
        _show_alarms(alarms)
    else:
        say("there are no alarms")


@alarm.command()
@click.argument("what", metavar="ALARM|MACHINE")
@as_json_option
@click.pass_obj
def clear(settings: Settings, what: str, as_json: bool) -> None:
    """Say that an alarm, or all of a machine, are settled: the machine may get new grants again."""
    cleared = ask_boss(settings, lambda boss: boss.clear_alarm(what))
    if as_json:
        show_json(cleared)
    else:
        say(f"cleared: {', '.join(one['id'] for one in cleared)}")
