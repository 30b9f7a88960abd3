"""Lists, dictionaries and sets that are part of an object's state.

A plain container assigned to a field, or put into one of these, becomes one of these: a copy that belongs to that place.
They read as the built-in types they derive from. The first change in a turn leaves the old state in the turn, which puts it
back if the turn fails, and which tells a durable vat what to write:

    TurnDict   the old entry of each key touched, so that a large table is not copied; order is not part of its state
    TurnList   the old length while it is only appended to, else a copy of the old list
    TurnSet    a copy of the old set

`_up` leads (weakly) from a container inside another to the outer one, whose entry `_key` is then touched too.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any, Final, SupportsIndex

from remit.errors import NotPassable
from remit.values import Symbol, passable, register_copier
from remit.vat._active import active, current
from remit.vat._atoms import ATOMS, LEAST, SMALL
from remit.vat._sealed import seal

MISSING: Final = object()
KEYS: Final = frozenset({str, bytes, int, Symbol})


def adopt(value: Any, up: Any = None, at: Any = None) -> Any:
    """The value as a field or container keeps it: containers become ours, the rest is checked and copied."""
    kind = type(value)
    if kind is int or kind is str or kind in ATOMS:
        return passable(value)
    if isinstance(value, dict):
        return TurnDict._from(value, up, at)
    if isinstance(value, list | tuple):
        return TurnList._from(value, up, at)
    if isinstance(value, set | frozenset):
        return TurnSet._from(value, up, at)
    return seal(passable(value))


def _check_key(name: Any) -> Any:
    """Keys keep their kind: True is not among them, since it would be found under 1."""
    if name.__class__ not in KEYS:
        raise NotPassable(f"a dictionary key must be str, bytes, int or Symbol, not {type(name).__name__}")
    return passable(name)


class TurnDict(dict[Any, Any]):
    """A dictionary field; a durable vat stores each key as a row of its own."""

    __slots__ = ("__weakref__", "_key", "_up")

    _up: weakref.ref[Any] | None
    _key: Any

    @classmethod
    def _from(cls, plain: dict[Any, Any], up: Any, at: Any) -> TurnDict:
        self = cls()
        self._up, self._key = None if up is None else weakref.ref(up), at
        for name, value in plain.items():
            dict.__setitem__(self, _check_key(name), adopt(value, self, name))
        return self

    def _touch(self, name: Any) -> None:
        before = (active.turn or current("changing a field")).before
        old = before.get(self)
        if old is None:
            before[self] = old = {}
            if self._up is not None:
                _touch_outer(self)
        if name not in old:
            old[name] = dict.get(self, name, MISSING)

    def _restore(self, old: dict[Any, Any]) -> None:
        for name, value in old.items():
            if value is MISSING:
                dict.pop(self, name, None)
            else:
                dict.__setitem__(self, name, value)

    __hash__ = object.__hash__  # type: ignore[assignment]  # identity: a turn keeps what was before by container

    def __setitem__(self, name: Any, value: Any) -> None:
        kept = value
        if value.__class__ not in ATOMS and not (value.__class__ in OURS and value is dict.get(self, name)):
            kept = adopt(value, self, name)
        kind = name.__class__
        if not (kind is int and LEAST < name < SMALL) and not (kind is str and name.isascii()):
            _check_key(name)
        self._touch(name)
        dict.__setitem__(self, name, kept)

    @classmethod
    def fromkeys(cls, names: Iterable[Any], value: Any = None) -> Any:
        """A plain dictionary: only assigning it makes it part of an object's state."""
        return dict.fromkeys(names, value)

    def __delitem__(self, name: Any) -> None:
        if name not in self:
            raise KeyError(name)
        self._touch(name)
        dict.__delitem__(self, name)

    def pop(self, name: Any, *default: Any) -> Any:
        if name in self:
            self._touch(name)
        return dict.pop(self, name, *default)

    def popitem(self) -> tuple[Any, Any]:
        name = next(reversed(self), MISSING)
        if name is MISSING:
            raise KeyError("popitem(): the dictionary is empty")
        return name, self.pop(name)

    def setdefault(self, name: Any, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return dict.__getitem__(self, name)

    def update(self, *others: Any, **more: Any) -> None:
        for name, value in dict(*others, **more).items():
            self[name] = value

    def __ior__(self, other: Any) -> TurnDict:  # type: ignore[misc]  # the built-in's overloads say the same
        self.update(other)
        return self

    def clear(self) -> None:
        for name in list(self):
            self._touch(name)
        dict.clear(self)

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


class TurnList(list[Any]):
    """A list field; a durable vat stores each element as a row of its own."""

    __slots__ = ("__weakref__", "_key", "_up")

    _up: weakref.ref[Any] | None
    _key: Any

    @classmethod
    def _from(cls, plain: Iterable[Any], up: Any, at: Any) -> TurnList:
        self = cls()
        self._up, self._key = None if up is None else weakref.ref(up), at
        list.extend(self, (adopt(value, self) for value in plain))
        return self

    def _touch(self, *, growing: bool = False) -> None:
        before = current("changing a field").before
        old = before.get(self)
        if old is None:
            before[self] = len(self) if growing else list(self)
            _touch_outer(self)
        elif not growing and isinstance(old, int):
            before[self] = list.__getitem__(self, slice(0, old))

    def _restore(self, old: int | list[Any]) -> None:
        if isinstance(old, int):
            list.__delitem__(self, slice(old, None))
        else:
            list.__setitem__(self, slice(None), old)

    __hash__ = object.__hash__  # type: ignore[assignment]  # identity, as for TurnDict

    def append(self, value: Any) -> None:
        kept = adopt(value, self)
        self._touch(growing=True)
        list.append(self, kept)

    def extend(self, values: Iterable[Any]) -> None:
        kept = [adopt(value, self) for value in values]
        self._touch(growing=True)
        list.extend(self, kept)

    def __iadd__(self, values: Iterable[Any]) -> TurnList:  # type: ignore[misc]  # as the built-in
        self.extend(values)
        return self

    def __imul__(self, times: SupportsIndex) -> TurnList:
        kept = [adopt(value, self) for value in list.__mul__(self, times)]
        self._touch()
        list.__setitem__(self, slice(None), kept)
        return self

    def insert(self, at: SupportsIndex, value: Any) -> None:
        kept = adopt(value, self)
        self._touch()
        list.insert(self, at, kept)

    def pop(self, at: SupportsIndex = -1) -> Any:
        self._touch()
        return list.pop(self, at)

    def remove(self, value: Any) -> None:
        self._touch()
        list.remove(self, value)

    def clear(self) -> None:
        self._touch()
        list.clear(self)

    def sort(self, **how: Any) -> None:
        self._touch()
        list.sort(self, **how)

    def reverse(self) -> None:
        self._touch()
        list.reverse(self)

    def __setitem__(self, at: Any, value: Any) -> None:
        if isinstance(at, slice):
            kept: Any = [adopt(each, self) for each in value]
        else:
            kept = value if value.__class__ in OURS and value is self[at] else adopt(value, self)
        self._touch()
        list.__setitem__(self, at, kept)

    def __delitem__(self, at: Any) -> None:
        self._touch()
        list.__delitem__(self, at)

    def __reduce__(self) -> Any:
        return list, (list(self),)


class TurnSet(set[Any]):
    """A set field; its elements are data that can be dictionary keys, or references. Not passable: send `list(s)`."""

    __slots__ = ("_key", "_up")

    _up: weakref.ref[Any] | None
    _key: Any

    @classmethod
    def _from(cls, plain: Iterable[Any], up: Any, at: Any) -> TurnSet:
        self = cls()
        self._up, self._key = None if up is None else weakref.ref(up), at
        set.update(self, (_check_element(value) for value in plain))
        return self

    def _touch(self) -> None:
        before = current("changing a field").before
        if self not in before:
            before[self] = set(self)
            _touch_outer(self)

    def _restore(self, old: set[Any]) -> None:
        set.clear(self)
        set.update(self, old)

    __hash__ = object.__hash__  # type: ignore[assignment]  # identity, as for TurnDict

    def _change(self, elements: Iterable[Any]) -> None:
        kept = {_check_element(value) for value in elements}
        self._touch()
        set.clear(self)
        set.update(self, kept)

    def add(self, value: Any) -> None:
        kept = _check_element(value)
        if kept not in self:
            self._touch()
            set.add(self, kept)

    def discard(self, value: Any) -> None:
        if value in self:
            self._touch()
            set.discard(self, value)

    def remove(self, value: Any) -> None:
        if value not in self:
            raise KeyError(value)
        self.discard(value)

    def pop(self) -> Any:
        self._touch()
        return set.pop(self)

    def clear(self) -> None:
        self._change(())

    def update(self, *others: Iterable[Any]) -> None:
        self._change(set(self).union(*others))

    def intersection_update(self, *others: Iterable[Any]) -> None:
        self._change(set(self).intersection(*others))

    def difference_update(self, *others: Iterable[Any]) -> None:
        self._change(set(self).difference(*others))

    def symmetric_difference_update(self, other: Iterable[Any]) -> None:
        self._change(set(self).symmetric_difference(other))

    def __ior__(self, other: Any) -> TurnSet:  # type: ignore[misc]  # as the built-in
        self.update(other)
        return self

    def __iand__(self, other: Any) -> TurnSet:  # type: ignore[misc]  # as the built-in
        self.intersection_update(other)
        return self

    def __isub__(self, other: Any) -> TurnSet:  # type: ignore[misc]  # as the built-in
        self.difference_update(other)
        return self

    def __ixor__(self, other: Any) -> TurnSet:  # type: ignore[misc]  # as the built-in
        self.symmetric_difference_update(other)
        return self

    def __reduce__(self) -> Any:
        return set, (set(self),)


OURS: Final[frozenset[type]] = frozenset({TurnDict, TurnList, TurnSet})


def _check_element(value: Any) -> Any:
    kept = seal(passable(value))
    try:
        hash(kept)
    except TypeError:
        raise NotPassable(
            f"a set cannot hold a {type(value).__name__}, which may change; keep it in a list or as a key"
        ) from None
    return kept


def _touch_outer(inner: TurnDict | TurnList | TurnSet) -> None:
    """A change inside is a change of the outer container's entry: a durable vat writes that whole."""
    outer = None if inner._up is None else inner._up()
    if outer is None:
        return
    if isinstance(outer, TurnDict):
        if dict.get(outer, inner._key) is inner:
            outer._touch(inner._key)
    else:
        outer._touch()


register_copier(TurnDict, dict)
register_copier(TurnList, list)
