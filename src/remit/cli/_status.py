"""`remit status` and `remit alarm`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from remit.cli._app import Program, program_options
from remit.cli._connect import ask_boss
from remit.cli._edges import edge_table
from remit.cli._machine import machine_table
from remit.cli._main import Settings, Suggesting
from remit.cli._pages import StatusText, every_machine, whole_status
from remit.cli._show import as_json_option, document, say, show_json, tell
from remit.cli._times import ago
from remit.errors import Broken
from remit.vat import Promise, Ref

__all__ = ["alarm", "status"]

MANY = 100
"""Machines, bindings or alarms up to which each is shown."""
BUSY = 100
"""Messages under way at a time that need no mention."""


@click.command()
@program_options
@click.option("--all", "every", is_flag=True, help=f"Each machine and binding, even where there are more than {MANY}.")
@as_json_option
@click.pass_obj
def status(settings: Settings, program: Program | None, every: bool, as_json: bool) -> None:
    """Everything on one screen: machines, bindings, alarms; and at each node, peers that owe, and durable messages that wait.

    Of many machines and bindings it shows how many are in which state, and those that have something to say. Of a program it shows the components of its application.
    """
    if program is not None:
        from remit.cli._app_look import status_program  # programs pay for it

        status_program(program, as_json=as_json)
        return
    if as_json:
        document(ask_boss(settings, _in_json).document())
        return
    seen = ask_boss(settings, lambda boss: _everything(boss, every))
    _show_many("machines", seen["machines"], machine_table)
    if seen["edges"]:
        _show_many("bindings", seen["edges"], edge_table, between=True)
    if seen["alarms"]:
        click.echo()
        _show_alarms(seen["alarms"] if every else seen["alarms"][:MANY])
        if not every and len(seen["alarms"]) > MANY:
            tell(f"... and {len(seen['alarms']) - MANY} more alarms: remit alarm list")
    for burden in seen["burdens"]:
        _show_burden(burden)
    if len(seen["burdens"]) == 1 and _count(seen["machines"]) > MANY:
        tell(f"What waits at the machines themselves is asked where there are at most {MANY}.")


async def _everything(boss: Ref[Any], every: bool) -> Any:
    """The boss's status, whole; unless `every`, of a large fleet only a glance. Only the machines of a small one are asked what waits there."""
    glance = await _glance(boss)
    large = max(_count(glance["machines"]), _count(glance["edges"])) > MANY
    asked = boss.burdens("") if large else boss.burdens()
    seen = await whole_status(boss) if every or not large else await _shortened(boss, glance)
    return {**seen, "burdens": await _told(asked)}


async def _in_json(boss: Ref[Any]) -> StatusText:
    """The same, always whole, for programs."""
    text = StatusText()
    try:
        page = await text.fetch(boss)
    except Broken:  # a boss of before
        text.add(await _everything(boss, True))
        return text
    asked = boss.burdens("") if max(page["totals"].values()) > MANY else boss.burdens()
    while page["next"] is not None:
        page = await text.fetch(boss, page["next"])
    text.add({"burdens": await _told(asked)})
    return text


async def _told(burdens: Promise[Any]) -> Any:
    try:
        return await burdens
    except Broken as error:  # somebody who was invited to see alarms only, or a boss of before
        return [{"node": "boss", "sessions": [], "waiting": [], "error": str(error)}]


async def _glance(boss: Ref[Any]) -> dict[str, Any]:
    try:
        return dict(await boss.glance())
    except Broken:  # an invitation or a boss of before: all is shown
        return {"machines": [], "edges": []}


async def _shortened(boss: Ref[Any], glance: dict[str, Any]) -> dict[str, Any]:
    """Only what is told of many at a glance; of the bindings, or the machines, each, where there are few of those."""
    few = {name for name in ("machines", "edges") if 0 < _count(glance[name]) <= MANY}
    if not few:
        return {**glance, "edges": glance["edges"] if _count(glance["edges"]) else []}
    rows = {"machines": every_machine(boss)} if "machines" in few else {"edges": boss.bindings()}
    return {**glance, **{name: await asked for name, asked in rows.items()}}


def _count(things: Any) -> int:
    return len(things) if isinstance(things, list) else int(sum(things["states"].values()))


def _show_many(what: str, things: Any, table: Callable[[list[dict[str, Any]]], None], *, between: bool = False) -> None:
    """A table of all, or how many there are and a table of those that have something to say."""
    if between:
        click.echo()
    if isinstance(things, list):
        table(things)
        return
    states = ", ".join(f"{count} {state}" for state, count in things["states"].items())
    tell(f"{_count(things)} {what}: {states}; {things['noted'] or 'none'} with something to say")
    if things["first"]:
        table(things["first"])
    if things["noted"] > len(things["first"]):
        tell(f"... and {things['noted'] - len(things['first'])} more; all of them: remit status --all")


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
