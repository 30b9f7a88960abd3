"""A crash at every write: what is found afterwards is what some prefix of the turns made, and no acknowledged turn is missing."""

from __future__ import annotations

import asyncio
import random
import select
from pathlib import Path
from typing import Any

import pytest

from remit.durable import DurableVat, MemoryStore, SqliteStore
from remit.errors import Broken, StoreError
from remit.testing import Crash, CrashStore
from remit.vat import actor, call, spawn, tell
from tests.durable.stores import child
from tests.durable.vats import Box, Stone, picture

# Each step is a message to the box; a child is reached through the box's table.
SCRIPT: list[list[Any]] = [
    ["set", 1],
    ["edits", [[["table"], "set", "a", 1], [["table"], "set", "b", {"x": [1]}], [["tags"], "add", "t"]]],
    ["adopt", "first"],
    ["edit", ["table", "b", "x"], "append", 2],
    ["move", "first", "value"],
    ["edit", ["items"], "extend", [1, 2, 3]],
    ["edits", [[["items"], "insert", 0, 0], [["items"], "pop"]]],
    ["adopt", "second"],
    ["change", "second", ["deep", {"y": 1}]],
    ["edit", ["table"], "clear"],
    ["petrify"],
    ["set", None],
    ["edit", ["tags"], "clear"],
]


def make(store: Any) -> DurableVat:
    return DurableVat.open(store, classes=[Box, Stone, Actor], roots={"main": (Actor,)})


@actor(kind="test.crash.actor")
class Actor(Box):
    """A box whose steps move objects about."""

    def adopt(self, name: str) -> None:
        self.table[name] = spawn(Box, name)

    def move(self, name: str, field: str) -> None:
        self.value = [self.table.pop(name)]

    def change(self, name: str, value: Any) -> None:
        call(self.table[name]).set(value)
        self.value = None

    def petrify(self) -> None:
        self.value = spawn(Box, "pebble")
        tell(self.value).turn_into("granite")


def graph(kept: DurableVat, ref: Any, seen: dict[Any, int] | None = None) -> Any:
    """Everything that can be reached from a reference, to be compared."""
    seen = {} if seen is None else seen
    if ref in seen:
        return seen[ref]
    seen[ref] = len(seen)
    kind = ref._at._remit_
    return kind.kind, [_graph(kept, getattr(ref._at, name), seen) for name in kind.fields]


def _graph(kept: DurableVat, value: Any, seen: dict[Any, int]) -> Any:
    if isinstance(value, dict):
        return "dict", [(name, _graph(kept, value[name], seen)) for name in sorted(value)]
    if isinstance(value, list):
        return "list", [_graph(kept, entry, seen) for entry in value]
    if hasattr(value, "_at"):
        return graph(kept, value, seen)
    return picture(kept, value)


def run_script(kept: DurableVat, together: int) -> Any:
    """Do the script, so many steps in one batch; after each batch the number of steps that are acknowledged."""
    for start in range(0, len(SCRIPT), together):
        for name, *args in SCRIPT[start : start + together]:
            getattr(kept.root("main"), name)(*args)
        kept.vat.run()
        yield min(start + together, len(SCRIPT))


def states(together: int = 1) -> list[Any]:
    """What there is before the script and after each step."""
    kept = make(MemoryStore())
    return [graph(kept, kept.root("main"))] + [graph(kept, kept.root("main")) for _ in run_script(kept, together)]


@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize("together", [1, 3, len(SCRIPT)])
def test_after_a_crash_at_any_write_every_acknowledged_turn_is_there(mode: Any, together: int) -> None:
    """Turn by turn and in groups: the group in which it crashed happened or did not, as a whole."""
    expected = states(together)
    at = 0
    while True:
        disk = MemoryStore()
        store = CrashStore(disk, at, mode)
        batches = 0
        try:
            kept = make(store)
            for _ in run_script(kept, together):
                batches += 1
        except Crash:
            pass
        again = make(disk.reopen())
        found = graph(again, again.root("main"))
        assert found in expected[batches : batches + 2], f"crash at write {at}, after {batches} batches"
        again.vat.run()
        again.close()
        final = make(disk.reopen())
        assert graph(final, final.root("main")) == found
        if not store.crashed:
            break
        at += 1
    assert at > 40 // together


def test_a_full_disk_at_any_write_stops_the_vat_at_a_state_that_was_kept() -> None:
    """No crash but `StoreFull`: the vat stops, and what is found is what was acknowledged."""
    expected = states()
    at = 0
    while True:
        disk = MemoryStore()
        store = CrashStore(disk, at, "full")
        acknowledged = 0
        try:
            kept = make(store)
            for done in run_script(kept, 1):
                if kept.vat.stopped is not None:
                    break
                acknowledged = done
        except StoreError:
            assert acknowledged == 0
        again = make(disk.reopen())
        assert graph(again, again.root("main")) == expected[acknowledged]
        if not store.crashed:
            break
        at += 1


def test_with_a_loop_and_a_writer_the_same_holds() -> None:
    """Driven by asyncio, with turns committed in groups by the writer's thread."""
    expected = states()

    async def main(at: int, chance: random.Random) -> bool:
        disk = MemoryStore()
        store = CrashStore(disk, at, chance.choice(["before", "after"]))
        acknowledged = [0]

        async def step(number: int, name: str, args: list[Any]) -> None:
            await getattr(kept.root("main"), name)(*args)
            acknowledged[0] = max(acknowledged[0], number)

        try:
            kept = make(store)
        except Crash:
            return True
        async with kept:
            waiting = []
            for number, (name, *args) in enumerate(SCRIPT, 1):
                waiting.append(asyncio.ensure_future(step(number, name, args)))
                for _ in range(chance.randrange(8)):
                    await asyncio.sleep(0)
            results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(result is None or isinstance(result, Broken) for result in results)
        again = make(disk.reopen())
        assert graph(again, again.root("main")) in expected[acknowledged[0] :]
        return store.crashed

    chance = random.Random(7)
    for at in range(200):
        if not asyncio.run(main(at, chance)):
            break
    assert at > 10


KILLED = """
import asyncio, os, sys
from remit.durable import DurableVat, SqliteStore
from tests.durable.vats import Box
async def main():
    kept = DurableVat.open(SqliteStore(sys.argv[1]), classes=[Box], roots={"main": (Box,)})
    async with kept:
        box = kept.root("main")
        start = len(box._at.items)
        async def step(number):
            await box.edits([[["items"], "append", number], [["table"], "set", f"k{number}", [number]], [["tags"], "add", number]])
            os.write(1, b"%d\\n" % number)
        running = set()
        for number in range(start, 1_000_000):
            running.add(asyncio.ensure_future(step(number)))
            while len(running) > 10:
                _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
asyncio.run(main())
"""


def test_what_was_acknowledged_survives_sigkill(tmp_path: Path) -> None:
    """A process with a durable vat is killed at random moments: each answered call is there, and each turn whole."""
    path, chance = tmp_path / "state" / "vat.db", random.Random()
    told: list[int] = []
    for _ in range(5):
        with child(KILLED, str(path)) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(chance.randrange(1, 60))]
            select.select([], [], [], chance.random() * 0.005)
            process.kill()
            lines += process.stdout.read().splitlines()
        told += [int(line) for line in lines if line]
        kept = DurableVat.open(SqliteStore(path), classes=[Box], roots={})
        box = kept.root("main")._at
        count = len(box.items)
        assert set(told) <= set(range(count)), "an acknowledged turn is missing"
        assert list(box.items) == list(range(count))
        assert dict(box.table) == {f"k{i}": [i] for i in range(count)}
        assert set(box.tags) == set(range(count))
        kept.close()
