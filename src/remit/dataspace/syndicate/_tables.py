"""What one session has given to its peer and got of it: references, with the number of times that live assertions hold them.

    export    oid of ours → a reference of this process. Given away as [0 oid], meant by the peer as [1 oid]
    import    oid of the peer's → our proxy for its object. It came as [0 oid], we send it home as [1 oid]

Each occurrence of a reference in a live assertion counts one, and so does each live assertion at it, on both sides, until that assertion is
retracted. At zero the entry leaves its table. What is pinned (the object that a peer gets for free, and both
ends of a sync until its answer) counts one more. Messages hold nothing. (Syndicate Protocol, Membranes.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.errors import LimitExceeded, NotPassable

if TYPE_CHECKING:
    from remit.dataspace.syndicate._door import Door
    from remit.vat import Ref

__all__ = ["MAX_TABLE", "Entry", "Export", "Exports", "Import", "Imports"]

MAX_TABLE: Final = 1_000_000
"""References of one kind in one session; about 300 MB of small objects, far above any honest use."""


class Entry:
    """One reference that both sides know by a number."""

    __slots__ = ("count", "oid", "pins", "ref")

    def __init__(self, oid: int, ref: Any) -> None:
        self.oid = oid
        self.ref = ref
        self.count = 0
        self.pins = 0

    @property
    def live(self) -> bool:
        """Whether a live assertion, or a pin, holds it."""
        return self.count > 0


class Import(Entry):
    """An object of the peer's."""

    __slots__ = ()


class Export(Entry):
    """An object of ours. `views`: what the peer has made of it by caveats of its own. `door`: this session's way in, once it was used."""

    __slots__ = ("door", "views")

    def __init__(self, oid: int, ref: Any) -> None:
        super().__init__(oid, ref)
        self.views: dict[bytes, Ref[Any]] = {}
        self.door: Door | None = None


class Exports:
    """The export table of one session; the session owns it."""

    __slots__ = ("_next", "by_oid", "by_ref")

    def __init__(self) -> None:
        self.by_oid: dict[int, Export] = {}
        self.by_ref: dict[Ref[Any], Export] = {}
        self._next = 1  # 0 is what each peer gets for free

    def initial(self, ref: Ref[Any]) -> Export:
        """The object that the peer gets for free, at 0, for as long as the session lasts."""
        export = self.by_oid[0] = self.by_ref[ref] = Export(0, ref)
        export.count = export.pins = 1
        return export

    def find(self, ref: Ref[Any]) -> Export:
        """The entry for a reference; a new one holds nothing yet. Raises `NotPassable` where the table is full."""
        export = self.by_ref.get(ref)
        if export is None:
            export = self.by_ref[ref] = self.put(Export(self._next, ref))
        return export

    def put(self, export: Export) -> Export:
        """An entry that nobody finds by its reference, at the next number."""
        if len(self.by_oid) > MAX_TABLE:
            raise NotPassable(f"{MAX_TABLE} references are out in this session already; retract what holds them")
        export.oid = self._next
        self._next += 1
        self.by_oid[export.oid] = export
        return export

    def hold(self, export: Export) -> None:
        """One more holds it, and its place."""
        export.count += 1
        self.by_oid.setdefault(export.oid, export)

    def drop(self, export: Export) -> bool:
        """One less; whether it has left the table."""
        export.count -= 1
        return self.clear(export)

    def clear(self, export: Export) -> bool:
        """Take it out of the table if nothing holds it."""
        if export.count > 0 or self.by_oid.get(export.oid) is not export:
            return False
        del self.by_oid[export.oid]
        if self.by_ref.get(export.ref) is export:
            del self.by_ref[export.ref]
        return True

    def faults(self) -> list[str]:
        """What contradicts the invariants."""
        found = [f"export {oid} has count {e.count}" for oid, e in self.by_oid.items() if e.count <= 0]
        found += [f"export {oid} stands at {e.oid}" for oid, e in self.by_oid.items() if e.oid != oid]
        found += [f"export {oid} was never given out" for oid in self.by_oid if not 0 <= oid < self._next]
        found += [f"the index of export {e.oid} is wrong" for r, e in self.by_ref.items() if e.ref is not r]
        found += [
            f"export {e.oid} is gone from the table" for e in self.by_ref.values() if self.by_oid.get(e.oid) is not e
        ]
        return found


class Imports:
    """The import table of one session; the session owns it."""

    __slots__ = ("by_oid", "fresh")

    def __init__(self) -> None:
        self.by_oid: dict[int, Import] = {}
        self.fresh: list[Import] = []  # came just now, and nothing holds them yet

    def add(self, entry: Import) -> Import:
        """A new entry, which holds nothing yet. Raises `LimitExceeded` where the table is full."""
        if len(self.by_oid) >= MAX_TABLE:
            raise LimitExceeded(f"more than {MAX_TABLE} live references of one session")
        self.by_oid[entry.oid] = entry
        self.fresh.append(entry)
        return entry

    def hold(self, entry: Import) -> None:
        """One more holds it, and its place."""
        entry.count += 1
        self.by_oid.setdefault(entry.oid, entry)

    def drop(self, entry: Import) -> None:
        """One less."""
        entry.count -= 1
        self.clear(entry)

    def clear(self, entry: Import) -> None:
        """Take it out of the table if nothing holds it."""
        if entry.count <= 0 and self.by_oid.get(entry.oid) is entry:
            del self.by_oid[entry.oid]

    def settle(self) -> None:
        """A packet is done: what came with it and is held by nothing leaves the table."""
        fresh, self.fresh = self.fresh, []
        for entry in fresh:
            self.clear(entry)

    def faults(self) -> list[str]:
        """What contradicts the invariants."""
        found = [f"import {oid} has count {e.count}" for oid, e in self.by_oid.items() if e.count <= 0]
        return found + [f"import {oid} stands at {e.oid}" for oid, e in self.by_oid.items() if e.oid != oid]
