"""Time travel of one server: the device `turns` of its vat, which the part `inspect` asks. Off until somebody who holds that part begins it, and for a time only.

What is kept is in memory; with `spill` each turn is written to `turns.jsonl` of the server's directory (0600) as well, names and numbers without the states of objects.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any, Final

from remit.errors import BadArgument, Missing
from remit.vat.past import Past, PastTurn, changes_of, fields_at, told_turn

if TYPE_CHECKING:
    from pathlib import Path

    from remit.ensemble._server import Server
    from remit.vat import Ref

__all__ = ["Turns"]

LONGEST: Final = 86_400.0
"""Seconds for which turns are kept at most, before somebody asks again."""
MOST_TURNS: Final = 100_000
MOST_BYTES: Final = 256 << 20
PAGE: Final = 1000
"""Turns that are told at a time."""
FILE: Final = 16 << 20
"""Bytes of the file of turns; what is written before is in `turns.jsonl.1`."""


class Turns:
    """The device. Made for the server when somebody first asks, ends with it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._past: Past | None = None
        self._end: asyncio.TimerHandle | None = None
        self._file: TurnFile | None = None
        server.closing.append(self.stop)

    def keep(self, seconds: float, turns: int = 0, size: int = 0, spill: bool = False) -> dict[str, Any]:
        """Keep turns for so many seconds from now (0: no longer): at most `turns` of them, and `size` bytes of what they have replaced (0: as usual)."""
        if not 0 <= seconds <= LONGEST or not 0 <= turns <= MOST_TURNS or not 0 <= size <= MOST_BYTES:
            raise BadArgument(f"turns are kept for at most {LONGEST:g} s, {MOST_TURNS} of them, in {MOST_BYTES} bytes")
        self.stop()
        self._server.network.watch(None, min(seconds, 3600.0))  # so that turns of several nodes can be put together
        if seconds:
            if spill:
                self._file = TurnFile(self._server.file_directory / "turns.jsonl")
            sizes = {name: value for name, value in (("turns", turns), ("size", size)) if value}
            self._past = Past(
                self._server.vat, now=self._server.network.now, tell=self._spill if spill else None, **sizes
            )
            self._past.begin()
            self._end = asyncio.get_running_loop().call_later(seconds, self.stop)
        return self.state()

    def stop(self) -> None:
        """Keep no more; what was kept can be looked at until it is begun again."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if self._past is not None:
            self._past.end()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _spill(self, turn: PastTurn) -> None:
        if self._past is not None and self._file is not None:
            self._file.write(told_turn(self._past, turn, changed=False))

    def state(self) -> dict[str, Any]:
        """{"keeping": whether, "turns": how many are there, "forgotten": how many are not any more}."""
        past = self._past
        return {
            "keeping": self._end is not None,
            "turns": 0 if past is None else len(past.ring),
            "forgotten": 0 if past is None else past.forgotten,
        }

    def turns(self, last: int = 50, of: str = "") -> list[dict[str, Any]]:
        """The last turns, oldest first, of all objects or of one (a name of the server's, or a label): see `remit.vat.past.told_turn`."""
        past = self._kept()
        wanted = self._find(past, of) if of else None
        found: list[PastTurn] = []
        for turn in reversed(past.ring):
            if len(found) >= min(last, PAGE):
                break
            if wanted is None or turn.target is wanted or wanted in turn.refs:
                found.append(turn)
        return [self._told(past, turn) for turn in reversed(found)]

    def turn(self, number: int) -> dict[str, Any]:
        """One turn: as `turns`, and {"changes": [{"actor", "field", "before", "after"}], "led_to": turns that it caused}."""
        past = self._kept()
        mine = [each for each in past.ring if each.number == number]
        if not mine:
            oldest = past.ring[0].number if past.ring else 0
            raise Missing(f"turn {number} is not kept; the oldest that is kept is {oldest}")
        led = [each.number for each in past.ring if number in (each.cause, each.began)]
        return {**self._told(past, mine[-1]), "changes": changes_of(past, mine[-1]), "led_to": led[:PAGE]}

    def steps(self, traces: list[str]) -> list[dict[str, Any]]:
        """The messages of these traces that this node has recorded: [{"id", "cause"}]; by them turns of several nodes are put together."""
        found = [step for trace in traces[:PAGE] for step in self._server.network.recall(trace)["steps"]]
        return [{"id": step["id"], "cause": step["cause"]} for step in found][: 10 * PAGE]

    def object_at(self, actor: str, number: int | None = None) -> dict[str, Any]:
        """An object as it was after a turn (None: as it is, for which no turns need be kept): {"actor", "turn", "fields": {name: text}}."""
        past = Past(self._server.vat) if number is None and self._past is None else self._kept()
        ref = self._find(past, actor)
        at = self._server.vat.turn_number if number is None else number
        return {"actor": self._name(past, ref), "turn": at, "fields": fields_at(past, ref, at)}

    def _kept(self) -> Past:
        if self._past is None:
            raise Missing("turns are not kept in this server; begin with: remit server turns ID --keep 10m")
        return self._past

    def _find(self, past: Past, actor: str) -> Ref[Any]:
        found = self._server.names.get(actor) or past.find(actor)
        if found is None:
            known = ", ".join(sorted(self._server.names))
            raise Missing(
                f"no object is called {actor[:60]!r} here: give a name ({known or 'there are none'}), or what 'remit server turns' calls it"
            )
        return found

    def _told(self, past: Past, turn: PastTurn) -> dict[str, Any]:
        told = told_turn(past, turn)
        if turn.target is not None:
            told["actor"] = self._name(past, turn.target)
        told["node"] = str(self._server.id)
        return told

    def _name(self, past: Past, ref: Ref[Any]) -> str:
        """The label, with the server's own name for the object where it has one."""
        label = past.label(ref)
        own = next((name for name, known in self._server.names.items() if known is ref), "")
        return f"{own} ({label})" if own else label


class TurnFile:
    """One line of JSON for each turn, in a private file of a bounded size. A disk that is full costs lines, and nothing else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = self._opened()

    def _opened(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def write(self, entry: dict[str, Any]) -> None:
        """Add one."""
        try:
            if os.fstat(self._descriptor).st_size > FILE:
                os.close(self._descriptor)
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
                self._descriptor = self._opened()
            os.write(self._descriptor, json.dumps(entry).encode() + b"\n")
        except OSError:
            return

    def close(self) -> None:
        """Write no more."""
        os.close(self._descriptor)
