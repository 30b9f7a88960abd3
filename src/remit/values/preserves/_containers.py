"""What Preserves has and the model has not: sets, dictionaries with any keys, records with any label.

All three are record classes with a form of their own in Preserves; elsewhere they travel as any record does. What a peer
sends under their labels and is none, with a member twice for instance, stays a `Tagged`.
"""

from __future__ import annotations

import collections.abc
import operator
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, TypeVar

from remit.errors import NotPassable
from remit.values._data import Symbol, blank
from remit.values._model import Tagged
from remit.values._record import Recorded, _register, tagged
from remit.values.preserves._forms import RESERVED
from remit.values.preserves._order import identity, order, order_here
from remit.values.preserves._parts import DICTIONARY, RECORD, SET, Parts

__all__ = ["Compound", "Map", "Set", "ordered_map"]

T = TypeVar("T")

_put: Final = object.__setattr__
_first: Final = operator.itemgetter(0)
_PLAIN: Final = frozenset({str, int, bytes})  # that are ordered, among themselves, as Python orders them
_SYMBOLS: Final = {Symbol}


class Set(Recorded, Parts, collections.abc.Set[Any]):
    """A set whose members differ by kind and content: `Set([1, 1.0, True])` has three. Immutable.

    `members` are in the total order. A member that is given twice is kept once. `in`, `&`, `|`, `-` and `len` are those of
    a set; equality is by `same`.
    """

    __slots__ = ("_known", "members")
    __match_args__ = ("members",)
    __record_label__: ClassVar[str] = "preserves:set"
    __record_fields__: ClassVar[tuple[str, ...]] = ("members",)

    members: tuple[Any, ...]
    _known: frozenset[Hashable] | None  # of the members, when it was needed

    def __init__(self, members: Iterable[object] = ()) -> None:
        given = list(members)
        _put(self, "members", tuple(_in_order(given, given)))
        _put(self, "_known", None)

    @staticmethod
    def __record_make__(values: Sequence[Any]) -> Any:  # type: ignore[override]  # a class variable there
        members = values[0]
        made = _made(Set, members) if type(members) is list else None
        if made is not None and len(made) == len(members):
            return made
        return Tagged(Set.__record_label__, list(values))

    def __record_values__(self) -> tuple[Any, ...]:
        return (self.members,)

    def _form(self) -> tuple[str, object]:
        return "tagged", (self.__record_label__, (sorted(self.members, key=order_here),))

    def _parts(self) -> tuple[int, Sequence[Any]]:
        return SET, self.members

    def __contains__(self, member: object) -> bool:
        if self._known is None:
            _put(self, "_known", frozenset(map(identity, self.members)))
        return _has(self._known or frozenset(), member)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)

    __eq__ = Recorded.__eq__
    __hash__ = Recorded.__hash__

    def __repr__(self) -> str:
        return f"Set({list(self.members)!r})"


class Map(Recorded, Parts, Mapping[Any, Any]):
    """A mapping whose keys are any values and differ by kind and content. Immutable; entries in the total order of the keys.

    Made of another mapping or of pairs; of a key that is given twice, the last one counts. A `Map` whose keys are all str
    is the same as that dict, and is read as one.
    """

    __slots__ = ("_table", "entries")
    __match_args__ = ("entries",)
    __record_label__: ClassVar[str] = "preserves:map"
    __record_fields__: ClassVar[tuple[str, ...]] = ("entries",)

    entries: tuple[tuple[Any, Any], ...]
    _table: dict[Hashable, Any] | None  # of the values, when it was needed

    def __init__(self, entries: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = ()) -> None:
        pairs = [(name, value) for name, value in (entries.items() if isinstance(entries, Mapping) else entries)]
        _put(self, "entries", tuple(_in_order([name for name, _ in pairs], pairs)))
        _put(self, "_table", None)

    @staticmethod
    def __record_make__(values: Sequence[Any]) -> Any:  # type: ignore[override]
        entries = values[0]
        pairs = type(entries) is list and all(type(pair) is list and len(pair) == 2 for pair in entries)
        made = _made(Map, entries) if pairs else None
        if made is not None and len(made) == len(entries):
            return dict(made.entries) if made._plain() else made
        return Tagged(Map.__record_label__, list(values))

    def __record_values__(self) -> tuple[Any, ...]:
        return (self.entries,)

    def _plain(self) -> bool:
        return all(type(name) is str for name, _ in self.entries)

    def _form(self) -> tuple[str, object]:
        if self._plain():
            return "struct", dict(self.entries)
        return "tagged", (self.__record_label__, (sorted(self.entries, key=_by_name_here),))

    def _parts(self) -> tuple[int, Sequence[Any]]:
        return DICTIONARY, self.entries

    def _found(self) -> dict[Hashable, Any]:
        if self._table is None:
            _put(self, "_table", {identity(name): value for name, value in self.entries})
        return self._table or {}

    def __getitem__(self, name: object) -> Any:
        if not _has(self._found(), name):
            raise KeyError(name)
        return self._found()[identity(name)]

    def __contains__(self, name: object) -> bool:
        return _has(self._found(), name)

    def __iter__(self) -> Iterator[Any]:
        return iter([name for name, _ in self.entries])

    def __len__(self) -> int:
        return len(self.entries)

    __eq__ = Recorded.__eq__
    __hash__ = Recorded.__hash__

    def __repr__(self) -> str:
        return f"Map({list(self.entries)!r})"


def ordered_map(entries: tuple[tuple[Any, Any], ...]) -> Map:
    """The mapping of these entries, whose keys are known to differ and to be in the total order."""
    made = _Blank()
    made.entries = entries
    made._table = None
    made.__class__ = Map
    return made  # type: ignore[no-any-return]


_Blank: Final = blank(Map)


class Compound(Recorded, Parts):
    """A record whose label is any value. One whose label is a symbol is a `Tagged` or of a record class, and is read as that."""

    __slots__ = ("fields", "label")
    __match_args__ = ("label", "fields")
    __record_label__: ClassVar[str] = "preserves:compound"
    __record_fields__: ClassVar[tuple[str, ...]] = ("label", "fields")

    label: Any
    fields: tuple[Any, ...]

    def __init__(self, label: object, fields: Iterable[object] = ()) -> None:
        _put(self, "label", label)
        _put(self, "fields", tuple(fields))

    @staticmethod
    def __record_make__(values: Sequence[Any]) -> Any:  # type: ignore[override]
        label, fields = values
        if type(fields) is not list:
            return Tagged(Compound.__record_label__, list(values))
        made = Compound(label, fields)
        return tagged(label.name, fields) if made._plain() else made

    def __record_values__(self) -> tuple[Any, ...]:
        return self.label, self.fields

    def _plain(self) -> bool:
        return type(self.label) is Symbol and self.label.name not in RESERVED

    def _form(self) -> tuple[str, object]:
        return ("tagged", (self.label.name, self.fields)) if self._plain() else super()._form()

    def _parts(self) -> tuple[int, Sequence[Any]]:
        return RECORD, (self.label, self.fields)

    def __repr__(self) -> str:
        return f"Compound({self.label!r}, {list(self.fields)!r})"


def _in_order(names: list[Any], parts: list[T]) -> list[T]:
    """The parts in the total order of their names; of those with equal names, the last one."""
    kinds = set(map(type, names))
    keys: list[Any]
    if len(kinds) < 2 and kinds <= _PLAIN:
        keys = names
    elif kinds == _SYMBOLS:
        keys = [name.name for name in names]
    else:
        return [parts[i] for _, i in sorted([(order(names[i]), i) for i in _last(map(identity, names))])]
    if len(set(keys)) != len(keys):
        return _in_order([names[i] for i in _last(keys)], [parts[i] for i in _last(keys)])
    return [part for _, part in sorted(zip(keys, parts, strict=True), key=_first)]


def _last(keys: Iterable[Hashable]) -> list[int]:
    """Of equal keys, where the last one stands."""
    return list({key: i for i, key in enumerate(keys)}.values())


def _by_name_here(entry: tuple[Any, Any]) -> Any:
    return order_here(entry[0])


def _has(known: Mapping[Hashable, Any] | frozenset[Hashable], value: object) -> bool:
    """Whether it is there. What is no value at all is in no set and no mapping."""
    try:
        return identity(value) in known
    except NotPassable:
        return False


def _made(cls: Callable[[Any], T], parts: object) -> T | None:
    """What a stranger's parts make; None where something in them cannot be compared."""
    try:
        return cls(parts)
    except NotPassable:
        return None


for _cls in (Set, Map, Compound):
    _register(_cls.__record_label__, _cls)
