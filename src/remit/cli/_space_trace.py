"""`remit dataspace trace`: each turn of a dataspace as it happens, with who caused it and what it said to whom."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from remit.cli._main import Settings
from remit.cli._show import as_json_option, say, tell
from remit.cli._space import At, Link, at_options, default_file, linked, look_after
from remit.cli._space_values import as_json as jsonable
from remit.cli._space_values import shown
from remit.dataspace import Trace, bind, complete, on_message
from remit.errors import LinkLost
from remit.net import told_to_stop
from remit.values import Tagged, as_record
from remit.vat import Ref, actor, on, on_sever, this
from remit.vat import tell as send_away

__all__ = ["trace"]


class Roll:
    """Where turns go, a device."""

    def __init__(self, as_json: bool) -> None:
        self.json = as_json
        self.over = asyncio.Event()
        self.failure: Exception | None = None

    def turn(self, seen: Any) -> None:
        """One turn of the dataspace."""
        found = as_table(seen)
        if found is None or self.over.is_set():
            return
        try:
            if self.json:
                tell(json.dumps({**found, "actions": [_plain(each) for each in found["actions"]]}))
            else:
                _show(found)
        except OSError:  # whoever reads us has gone
            self.over.set()

    def ready(self) -> None:
        """Nothing is missed from now on."""
        say("following the turns of the dataspace")

    def __call__(self, broken: Any) -> None:
        """The link has ended, and does not come back."""
        if not self.over.is_set():
            self.failure = LinkLost("the link to the dataspace has ended; start the command again")
            self.over.set()


def as_table(seen: Any) -> dict[str, Any] | None:
    """What `<trace time actor <turn id cause actions>>` says; None for something else."""
    known = as_record(seen, Trace)
    if known is None:
        return None
    time, turn = known.timestamp, known.item
    if not isinstance(turn, Tagged) or turn.tag != "turn" or len(turn.value) != 3:
        return None
    number, cause, actions = turn.value
    found = [each for each in map(_action, actions) if each is not None]
    return {"turn": number, "at": time, "cause": _cause(cause), "actions": found}


def _cause(cause: Any) -> str:
    words = cause.value if isinstance(cause, Tagged) else [cause]
    said = ", ".join(each if type(each) is str else shown(each) for each in words)
    return said if isinstance(cause, Tagged) and cause.tag == "external" else f"step {said}"


def _action(action: Any) -> dict[str, Any] | None:
    try:
        name, event = action.value[0].value
        what, rest = event.tag, list(event.value)
    except (AttributeError, ValueError, IndexError, TypeError):
        return None
    handle = rest[0] if what in ("assert", "retract") and rest else None
    value = rest[-1] if what in ("assert", "message", "sync") and rest else None
    return {"told": action.tag == "enqueue", "party": name, "event": what, "handle": handle, "value": value}


def _plain(action: dict[str, Any]) -> dict[str, Any]:
    return action if action["event"] == "retract" else {**action, "value": jsonable(action["value"])}


def _show(found: dict[str, Any]) -> None:
    tell(f"turn {found['turn']}, by {found['cause']}")
    for each in found["actions"]:
        way = "->" if each["told"] else "<-"
        handle = "" if each["handle"] is None else f" {each['handle']}"
        value = "" if each["event"] == "retract" else f" {shown(each['value'])}"
        tell(f"  {way} {each['party']}: {each['event']}{handle}{value}")


@actor(kind="remit.cli.follower", version=1)
class Follower:
    """Hears of turns: as messages in a dataspace, or by asking the dataspace itself."""

    roll: Any

    def listen(self, space: Ref[Any]) -> None:
        """The dataspace is one in which turns are told."""
        roll = self.roll
        on_sever(space, roll)
        on_message(space, Trace(bind(), bind(), bind()), lambda *fields: send_away(roll).turn(Trace(*fields)))
        complete(space, lambda: send_away(roll).ready())

    def ask(self, space: Ref[Any]) -> None:
        """The dataspace is the one whose turns are wanted."""
        roll = self.roll
        on_sever(space, roll)
        on(space.trace(this()), fulfilled=lambda _: send_away(roll).ready())

    def turn(self, events: list[Any]) -> None:
        """What it says."""
        for event in events:
            if event[0] == "message":
                send_away(self.roll).turn(event[1])


@click.command()
@as_json_option
@at_options
@click.pass_obj
def trace(settings: Settings, as_json: bool, space: str | None, address: str | None, cafile: str | None) -> None:
    """Show each turn as it happens, until ctrl-C: who caused it, what came (<-), and who was told what (->).

    By default the file space.trace of the server's state directory leads to what it says of itself; a CapTP sturdyref of a dataspace does, too.
    Whoever can see this sees everything that is said.
    """
    asyncio.run(_trace(settings, At(space or default_file("space.trace"), address, cafile), Roll(as_json)))


async def _trace(settings: Settings, at: At, roll: Roll) -> None:
    async with told_to_stop() as stop, linked(settings, at) as link:
        follower = send_away(link.vat.spawn(Follower, link.vat.device("roll", roll)))
        if link.once:
            follower.ask(link.space)
        else:
            follower.listen(link.space)
        await _until(stop, roll, link)
        roll.over.set()  # the link ends now, and that is no failure
    if roll.failure is not None:
        raise roll.failure


async def _until(stop: asyncio.Event, roll: Roll, link: Link) -> None:
    waits = [asyncio.ensure_future(each.wait()) for each in (stop, roll.over)]
    looking = asyncio.ensure_future(look_after(link))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*waits, looking):
            task.cancel()
