"""Bringing a store's indexes to what a program declares, while it is used.

    (nothing) ──begin──► building ──fill…──► filled ──check…──► right ──switch──► active ──switch of another version──► retired ──drop──► (nothing)

Each arrow is one step that is kept whole or not at all, and what is kept says where to go on after a crash: a table that is `building` has the last key
that was filled in. From `begin` on, each write of a value writes to the new table as well; a writer that does not know the function, since it is of another
version of the program, notes the key as *stale* for the table. Until `switch`, programs that declare the old version read the old table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from remit.app.store._index import Index
from remit.app.store._names import index_table
from remit.errors import Conflict

__all__ = ["ACTIVE", "BUILDING", "RETIRED", "Kept", "Tables", "build", "prepare"]

BUILDING: Final = "building"
ACTIVE: Final = "active"
RETIRED: Final = "retired"
BATCH: Final = 200  # values of one step: others wait for no more than that
PASSES: Final = 5  # of checking, each of which mends what it finds


@dataclass(frozen=True, slots=True)
class Kept:
    """One table of an index, as the store knows it. `cursor`: the last key that was filled in, while it is being built. `stale`: how many values were
    written by those who do not know its function.
    """

    name: str
    version: int
    fingerprint: str
    table: str
    state: str
    cursor: str | None = None
    stale: int = 0


class Tables(Protocol):
    """The steps, as a store does them. Each is one transaction."""

    async def kept(self) -> list[Kept]:
        """All tables of indexes, also those that nobody remembers (with the name "")."""

    async def begin(self, index: Index, table: str) -> None:
        """Make an empty table that is `building`; each later write is written to it as well."""

    async def fill(self, index: Index, table: str, after: str | None, most: int) -> str | None:
        """Write the rows of the next values in order of keys, and the last key down; that key, or None where there was none left."""

    async def freshen(self, index: Index, table: str, most: int) -> int:
        """Write the rows of values that are stale for this table; how many there were."""

    async def check(self, index: Index, table: str, after: str | None, most: int) -> tuple[str | None, int]:
        """Compare the rows of the next values with what the function gives now, and mend them; the last key, and how many values were wrong."""

    async def switch(self, table: str) -> None:
        """Make this table the active one of its name, and the one before it retired."""

    async def drop(self, table: str) -> None:
        """Remove a table, and what is written down of it."""


async def prepare(tables: Tables, declared: Sequence[Index]) -> list[Index]:
    """Check what is declared against what is kept, and begin the tables that are missing; the indexes that are to be built."""
    _check_names(declared)
    kept = await tables.kept()
    for index in declared:
        for old in kept:
            _check_fingerprint(index, old)
    todo = []
    for index in declared:
        table = index_table(index.name, index.version)
        there = next((old for old in kept if old.table == table and old.name), None)
        if there is not None and there.state == BUILDING and there.fingerprint != index.fingerprint:
            await tables.drop(table)  # never in use: begun with another function
            there = None
        if there is None or there.state == RETIRED:
            if there is not None or any(old.table == table for old in kept):
                await tables.drop(table)
            await tables.begin(index, table)
        if there is None or there.state != ACTIVE or there.stale:
            todo.append(index)
    return todo


async def build(tables: Tables, declared: Sequence[Index], todo: Sequence[Index]) -> None:
    """Fill, check and switch what is to be built, and remove what nobody uses."""
    for index in todo:
        table = index_table(index.name, index.version)
        there = next(old for old in await tables.kept() if old.table == table)
        last = there.cursor
        while there.state == BUILDING and (last := await tables.fill(index, table, last, BATCH)) is not None:
            pass
        while await tables.freshen(index, table, BATCH):
            pass
        if there.state == BUILDING:
            await _check(tables, index, table)
            await tables.switch(table)
    wanted = {index_table(index.name, index.version) for index in declared}
    for old in await tables.kept():
        if old.table not in wanted:
            await tables.drop(old.table)


async def _check(tables: Tables, index: Index, table: str) -> None:
    for _ in range(PASSES):
        last, wrong = await tables.check(index, table, None, BATCH)
        while last is not None:
            last, more = await tables.check(index, table, last, BATCH)
            wrong += more
        if not wrong:
            return
    raise Conflict(
        f"the function of the index {index.name!r} gives other entries for a value each time ({wrong} values differed at the last of {PASSES} looks): "
        "it may depend on nothing but the value; the index is not used"
    )


def _check_names(declared: Sequence[Index]) -> None:
    for place, index in enumerate(declared):
        if any(other.name == index.name for other in declared[:place]):
            raise Conflict(f"two indexes of one store are called {index.name!r}: give one of them another name")


def _check_fingerprint(index: Index, old: Kept) -> None:
    if (old.name, old.version, old.state) != (index.name, index.version, ACTIVE):
        return
    if index.fingerprint and old.fingerprint and index.fingerprint != old.fingerprint:
        raise Conflict(
            f"the function of the index {index.name!r} has changed, and its version is {index.version} as before: give it another version "
            f"(@index(version={index.version + 1})), and the index is built anew beside the old one. Nothing was changed"
        )
