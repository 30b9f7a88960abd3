"""From rows to objects: everything is checked before anything is made, so nothing is ever half loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from remit.durable._portrait import FIELD, index_key
from remit.durable._rows import Snapshot
from remit.errors import NotPassable, ProtocolError, StoreCorrupt, StoreError, StoreTooNew, UnknownKind
from remit.values import Record, SturdyRef, Symbol, decode, model_record
from remit.vat import ActorType, Ref, Vat, actor_type

__all__ = ["Loader"]

Rows = dict[str, dict[bytes, bytes]]


class Pointer:
    """A near reference in a row, before the objects are there."""

    __slots__ = ("id",)

    def __init__(self, id: int) -> None:
        self.id = id


class Loader:
    """Loads one snapshot into one vat; used once, by `DurableVat.open`.

    `classes` are those whose objects may be in the store; nothing is imported because a store names it.
    """

    def __init__(
        self, vat: Vat, snapshot: Snapshot, classes: Iterable[type], enliven: Callable[[SturdyRef], Ref[Any]]
    ) -> None:
        self.vat = vat
        self.snapshot = snapshot
        self.enliven = enliven
        self.kinds = {made.kind: made for made in map(actor_type, classes)}
        self.rows: dict[int, Rows] = {id: {} for id, _, _ in snapshot.objects}
        for id, field, key, value in snapshot.fields:
            self.rows.setdefault(id, {}).setdefault(field, {})[key] = value
        self.refs: dict[int, Ref[Any]] = {}
        self.roots = {name[5:]: self._number(name) for name in snapshot.meta if name.startswith("root:")}
        self.upgraded: list[int] = []
        self._found: list[int] = []

    def next_id(self) -> int:
        """The lowest id that was never given to an object."""
        return self._number("next-id") if "next-id" in self.snapshot.meta else 1

    def _number(self, name: str) -> int:
        try:
            return int(self.snapshot.meta[name])
        except ValueError:
            raise _corrupt(f"{name!r} in the store's table meta is not a number") from None

    def load(self) -> dict[int, Ref[Any]]:
        """Every object that is reachable from a root, by id."""
        stored = {id: (kind, version) for id, kind, version in self.snapshot.objects}
        reachable = self._reachable(stored)
        types = {id: self._type(id, *stored[id], reachable[id]) for id in reachable}
        for id, made in types.items():
            self.refs[id] = made.ref_class(self.vat, object.__new__(made.cls))
        for id, made in types.items():
            self._fill(id, made, stored[id][1], reachable[id])
        return self.refs

    def unreachable(self) -> list[int]:
        """The ids of stored objects that no root reaches any more."""
        return [id for id in self.rows if id not in self.refs]

    # --- what is reachable, and by which path ------------------------------------------------------------------

    def _reachable(self, stored: dict[int, tuple[str, int]]) -> dict[int, str]:
        paths = {id: f"root {name!r}" for name, id in self.roots.items()}
        queue = list(paths)
        while queue:
            id = queue.pop()
            if id not in stored:
                raise _corrupt(f"{paths[id]} (object {id}) is missing")
            for field, found in self._pointers(id, paths[id]):
                if found not in paths:
                    paths[found] = f"{paths[id]}.{field}"
                    queue.append(found)
        return paths

    def _pointers(self, id: int, path: str) -> list[tuple[str, int]]:
        pointers = []
        for field, rows in self.rows[id].items():
            for part in (part for row in rows.items() for part in row):  # a set's elements are keys
                if b"6'object" in part:
                    self._found.clear()
                    self._decode(part, f"{path}.{field}", self._note)
                    pointers += [(field, found) for found in self._found]
        return pointers

    def _note(self, label: object, fields: list[Any]) -> object:
        if isinstance(label, Symbol) and label.name == "object":
            if type(fields[0]) is not int:
                raise ProtocolError("the id of an object is an integer")
            self._found.append(fields[0])
            return None
        return Record(label, fields)

    def _decode(self, value: bytes, where: str, record: Callable[[object, list[Any]], object]) -> Any:
        try:
            return decode(value, record=record)
        except (ProtocolError, LookupError, TypeError, ValueError) as error:
            raise _corrupt(f"{where} cannot be read ({error!r})") from None

    def _type(self, id: int, kind: str, version: int, path: str) -> ActorType:
        made = self.kinds.get(kind)
        if made is None:
            raise UnknownKind(
                f"object {id} ({path}) is of kind {kind!r}, whose class was not given: "
                "add it to the classes of this vat; nothing was loaded or changed"
            )
        if version > made.version:
            raise StoreTooNew(
                f"object {id} ({path}) is of kind {kind!r} version {version}, this program knows version {made.version}: upgrade it"
            )
        return made

    # --- making the objects --------------------------------------------------------------------------------------

    def _fill(self, id: int, made: ActorType, version: int, path: str) -> None:
        fields = {name: self._field(f"{path}.{name}", rows) for name, rows in self.rows[id].items()}
        if version < made.version:
            self.upgraded.append(id)
        fields = made.brought_up(version, fields, path)
        try:
            made.fill(self.refs[id]._at, fields, path)
        except (NotPassable, TypeError) as error:
            raise _corrupt(f"{path} holds what no object can hold ({error})") from None

    def _field(self, where: str, rows: dict[bytes, bytes]) -> Any:
        own = rows.get(FIELD)
        if own is None:
            raise _corrupt(f"{where} has entries but no row of its own")
        value = self._decode(own, where, self._record)
        entries = [(key, row) for key, row in rows.items() if key != FIELD]
        kind = value.label.name if isinstance(value, Record) else ""  # type: ignore[attr-defined]  # a symbol: _record saw to it
        if entries and not kind:
            raise _corrupt(f"{where} has entries, and is no container")
        if kind == "dict":
            return {self._key(key, where): self._decode(row, where, self._record) for key, row in entries}
        if kind == "list":
            if sorted(key for key, _ in entries) != [index_key(index) for index in range(len(entries))]:
                raise _corrupt(f"{where} lacks elements")
            return [self._decode(row, where, self._record) for _, row in sorted(entries)]
        return {self._key(key, where) for key, _ in entries} if kind else value

    def _key(self, key: bytes, where: str) -> Any:
        value = self._decode(key, where, self._record)
        if value.__hash__ is None:
            raise _corrupt(f"{where} has an entry that cannot be one")
        return value

    def _record(self, label: object, fields: list[Any]) -> object:
        name = label.name if isinstance(label, Symbol) else ""
        if name == "object":
            return self.refs[fields[0]]
        if name == "device":
            return self._device(fields[0])
        if name == "live":
            if not isinstance(fields[0], SturdyRef):
                raise ProtocolError("a re-enlivening reference without its sturdyref")
            return self.enliven(fields[0])
        if name == "map":
            flat = fields[0]
            return dict(zip(flat[::2], flat[1::2], strict=True))
        if name == "set" and fields:
            return set(fields[0])
        if name in ("dict", "list", "set"):
            return Record(label, fields)
        return model_record(label, fields)

    def _device(self, name: str) -> Ref[Any]:
        device = self.vat.devices.get(name)
        if device is None:
            raise StoreError(f"the store refers to a device {name!r} that this vat was not given: add it to devices")
        return device


def _corrupt(what: str) -> StoreCorrupt:
    return StoreCorrupt(f"{what}: restore the store from a copy; nothing was loaded or changed")
