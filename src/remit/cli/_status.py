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
from remit.errors import Broken
from remit.vat import Ref

__all__ = ["alarm", "status"]

BUSY = 100
"""Messages under way at a time that need no mention."""


@click.command()
@as_json_option
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    """Everything on one screen: machines, bindings, alarms; and at each node, peers that owe, and durable messages that wait."""
    seen = ask_boss(settings, _everything)
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
    for burden in seen["burdens"]:
        _show_burden(burden)


async def _everything(boss: Ref[Any]) -> Any:
    seen, asked = boss.status(), boss.burdens()
    try:
        burdens = await asked
    except Broken as error:  # somebody who was invited to see alarms only, or a boss of before
        burdens = [{"node": "boss", "sessions": [], "waiting": [], "error": str(error)}]
    return {**await seen, "burdens": burdens}


def _show_burden(burden: dict[str, Any]) -> None:
    """The peers who are waited for at one node, or wait there: one at rest shows none."""
    node = "the boss" if burden["node"] == "boss" else f"machine {burden['node']}"
    if burden["error"]:
        tell(f"UNKNOWN is what waits at {node}: {burden['error']}")
    for one in burden["sessions"]:
        if one["paused"] or one["messages"] > BUSY or one["bytes"] or one["unread"]:
            much = f"{one['messages']} messages and {one['bytes']} bytes under way, {one['unread']} bytes unread"
            held = "; it is not read for now" if one["paused"] else ""
            tell(f"DEBT of {_who(one)} at {node} over {one['transport']}: {much}{held}")
    for one in burden["waiting"]:
        much = f"{one['messages']} durable messages of {one['bytes']} bytes"
        tell(f"WAITING at {node} for {_who(one)}: {much}{': ' if one['why'] else ''}{one['why']}")


def _who(one: dict[str, Any]) -> str:
    if one["machine"] == "boss":
        return "the boss"
    return f"machine {one['machine']}" if one["machine"] else f"peer {one['peer'][:8] or 'without a proved key'}"


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
