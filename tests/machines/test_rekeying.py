"""Another key for the boss: what is on disk at each step, and what a machine does about it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from remit.durable import write_secret_file
from remit.errors import Broken, Refused, StoreCorrupt
from remit.machines import _rekeying, begin_rekey, finish_rekey
from remit.net import NodeKey, sign_succession
from tests.machines.crashtown import BossPlace, CrashTown
from tests.machines.test_relay import Split, in_split


class Killed(Exception):
    """The process ends here."""


class Deadly:
    """Kills before or after the `at`th change to the directory, by which every step passes."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.at, self.after, self.steps = at, after, 0

    def step(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **kwargs: Any) -> Any:
            self.steps += 1
            mine = self.steps == self.at
            if mine and not self.after:
                raise Killed
            made = change(*args, **kwargs)
            if mine:
                raise Killed
            return made

        return changed


def rekeyed(directory: Path, deadly: Deadly) -> None:
    """The whole of it, with a death in between."""
    with (
        mock.patch.object(NodeKey, "open", deadly.step(NodeKey.open)),
        mock.patch.object(_rekeying, "write_secret_file", deadly.step(write_secret_file)),
        mock.patch.object(_rekeying.os, "replace", deadly.step(os.replace)),  # also what `write_secret_file` ends with
    ):
        begin_rekey(directory)
        finish_rekey(directory)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A boss's state directory, as far as its keys go."""
    made = tmp_path / "boss"
    NodeKey.create(made / "key.pem")
    return made


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 6))
def test_a_death_at_any_step_loses_no_key_and_the_next_one_goes_on(directory: Path, at: int, after: bool) -> None:
    """There is always one key that machines know or will follow to; what was decided is finished by the next start, and only that."""
    old = NodeKey.load(directory / "key.pem").public
    deadly = Deadly(at, after=after)
    try:
        rekeyed(directory, deadly)
    except Killed:
        pass
    else:
        assert at > deadly.steps
    chain = _rekeying.successions_of(directory)
    finish_rekey(directory)  # as the next start of the boss does
    key = NodeKey.load(directory / "key.pem").public
    assert key == (chain[-1].new if chain else old)
    assert _rekeying.first_key(directory, "x") == ("x" if not chain else _rekeying.designator_of(old))
    if not chain:
        begin_rekey(directory)
        assert finish_rekey(directory)
    (only,) = _rekeying.successions_of(directory)
    assert (only.old, only.new) == (old, NodeKey.load(directory / "key.pem").public)
    assert not (directory / "key-next.pem").exists() and not finish_rekey(directory)


def test_what_is_decided_stays_so(directory: Path) -> None:
    """Begun again before it is finished, it is the same succession; a damaged file of them is no start with the old key."""
    assert begin_rekey(directory) == begin_rekey(directory)
    write_secret_file(directory / "successions", b"[]", replace=True)
    with pytest.raises(StoreCorrupt, match="successions"):
        finish_rekey(directory)


def in_town(work: Callable[[CrashTown], Awaitable[None]]) -> None:
    """Run a conversation in a town with a machine db, which offers a table, and app, which has it bound."""

    async def main() -> None:
        town = CrashTown()
        async with asyncio.timeout(20), town:
            for name in ("db", "app"):
                await town.boss.create_machine(name, "fake")
            while not all(machine["state"] == "active" for machine in await town.boss.list_machines()):
                await asyncio.sleep(0.005)
            await town.boss.offer("db.main", "test.table")
            await town.boss.bind("app.db", "db.main")
            await work(town)

    asyncio.run(main())


def test_a_machine_that_has_followed_is_nobodys_with_the_old_key() -> None:
    """What the old key has fetched breaks, and it gets nothing any more; what machines hold of each other goes on."""

    async def work(town: CrashTown) -> None:
        old, new = town.places["boss"].key, NodeKey.generate()
        held = await town.boss.machine("app").binding("db")
        assert await held.names() == []
        assert await town.hob("app").follow([sign_succession(old, new, 1)])
        with pytest.raises(Broken):
            while True:  # its sessions end in a moment
                await town.places["boss"].node.session(town.places["app"].node.locator)
                await town.boss.machine("app").bindings()
        with pytest.raises(Broken):
            await town.boss.machine("app").bindings()
        table: Any = await town.hob("app").get("db")
        assert await table.names() == []
        with pytest.raises(Refused):  # it has an heir
            await town.hob("app").follow([sign_succession(old, NodeKey.generate(), 2)])
        assert await town.hob("app").follow([sign_succession(old, new, 1)])

    in_town(work)


def test_who_has_no_succession_changes_nothing() -> None:
    """One of another boss, a forged one, one of a key that this boss never had: refused, and the boss goes on as before."""

    async def work(town: CrashTown) -> None:
        old, thief = town.places["boss"].key, NodeKey.generate()
        forged = sign_succession(old, thief, 1).__replace__(by_old=bytes(64))  # type: ignore[attr-defined]  # @record adds it
        for chain in (
            [],
            [forged],
            [sign_succession(NodeKey.generate(), thief, 1)],
            [sign_succession(thief, old, 1), forged],
        ):
            with pytest.raises(Refused):
                await town.hob("app").follow(chain)
        assert [each["name"] for each in await town.boss.machine("app").bindings()] == ["db"]

    in_town(work)


PARTS = BossPlace.parts


def with_keys(place: BossPlace) -> dict[str, Any]:
    """The parts of a boss whose key is in its directory."""
    if not (place.directory / "key.pem").exists():
        write_secret_file(place.directory / "key.pem", place.key._pem())
    parts = PARTS(place)
    return {**parts, "devices": {**parts["devices"], "keys": _rekeying.Keys(place.directory)}}


def test_what_the_boss_relays_is_relayed_by_the_new_key() -> None:
    """The ways in of the old key are gone at the provider, and the relay is made anew when the machine says hello. Nothing is left that is told."""

    async def work(town: CrashTown, wires: Split) -> None:
        await town.boss.bind("app.db", "db.main")
        await (await town.hob("app").get("db")).put("ann", "one")
        place = town.places["boss"]
        old = place.key
        done = await town.boss.keyring().begin()
        assert (done["told"], done["missing"]) == (["app", "db"], [])
        swiss: Any = town.places["db"].durable.root("swiss")  # type: ignore[union-attr]  # it is there
        kept = [entry.only for entry in swiss._at.entries.values()]
        assert kept and old.public not in kept
        await place.end()
        assert finish_rekey(place.directory)
        place.key = NodeKey.load(place.directory / "key.pem")
        assert place.key.designator == done["key"] != old.designator
        await place.start()
        while not all(each["heard"] for each in (await town.boss.keyring().state())["machines"]):
            await asyncio.sleep(0.01)
        names: list[str] = []
        while names != ["ann"]:
            with suppress(Broken, TimeoutError):
                async with asyncio.timeout(0.2):  # what was bound to the old key waits longer
                    names = await (await town.hob("app").get("db")).names()
            await asyncio.sleep(0.01)
        (edge,) = await town.boss.bindings()
        assert (edge["state"], edge["via"]) == ("active", "boss")

    with mock.patch.object(BossPlace, "parts", with_keys):
        in_split(work)
