"""Tables and sets as objects, stored a row for each key."""

from __future__ import annotations

from typing import Any

from remit.errors import BadArgument, Missing
from remit.lib._rules import keyed
from remit.values import Symbol
from remit.vat import Ref, actor, field, reads

_KEYS = (str, bytes, int, Symbol)


@actor(kind="remit.map", version=1)
class Map:
    """A table from keys (text, bytes, numbers, symbols) to data or references.

    Every method has its key marked, so that a grant can be limited to keys under a prefix; a listing takes a prefix for the same
    reason. Listings come in the order of the keys, by kind and value.
    """

    entries: dict[Any, Any] = field(dict)

    @reads
    @keyed("key")
    def get(self, key: Any, default: Any = None) -> Any:
        """The value of a key, or the default."""
        return self.entries.get(_key(key), default)

    @reads
    @keyed("key")
    def has(self, key: Any) -> bool:
        """Whether the key has a value."""
        return _key(key) in self.entries

    @keyed("key")
    def set(self, key: Any, value: Any) -> None:
        """Give the key this value."""
        self.entries[_key(key)] = value

    @keyed("key")
    def delete(self, key: Any) -> bool:
        """Take the key out; whether it was there."""
        there = _key(key) in self.entries
        if there:
            del self.entries[key]
        return there

    @keyed("key")
    def take(self, key: Any) -> Any:
        """Take the key out and give its value; breaks with `Missing` where there is none."""
        if _key(key) not in self.entries:
            raise Missing(f"no entry for {key!r}")
        return self.entries.pop(key)

    @reads
    @keyed("prefix")
    def keys(self, prefix: str = "") -> list[Any]:
        """The keys; with a prefix only texts that begin with it."""
        return sorted((key for key in self.entries if _under(key, prefix)), key=_order)

    @reads
    @keyed("prefix")
    def values(self, prefix: str = "") -> list[Any]:
        """The values, in the order of their keys."""
        return [self.entries[key] for key in self.keys(prefix)]

    @reads
    @keyed("prefix")
    def items(self, prefix: str = "") -> list[list[Any]]:
        """Pairs `[key, value]`, in the order of the keys."""
        return [[key, self.entries[key]] for key in self.keys(prefix)]

    @reads
    @keyed("prefix")
    def size(self, prefix: str = "") -> int:
        """How many keys there are."""
        return sum(_under(key, prefix) for key in self.entries) if prefix else len(self.entries)

    def update(self, entries: dict[str, Any]) -> None:
        """Give each key of a struct its value; all or none."""
        self.entries.update(entries)

    @keyed("prefix")
    def clear(self, prefix: str = "") -> None:
        """Take out all keys, or those that begin with the prefix."""
        for key in self.keys(prefix):
            del self.entries[key]


@actor(kind="remit.set", version=1)
class Set:
    """A set of references and of texts, bytes, numbers and symbols."""

    members: set[Any] = field(set)

    @reads
    def has(self, member: Any) -> bool:
        """Whether it is in the set."""
        return _member(member) in self.members

    def add(self, member: Any) -> bool:
        """Put it in; whether it is new."""
        new = _member(member) not in self.members
        self.members.add(member)
        return new

    def remove(self, member: Any) -> bool:
        """Take it out; whether it was there."""
        there = _member(member) in self.members
        self.members.discard(member)
        return there

    @reads
    def values(self) -> list[Any]:
        """The members: data by kind and value, references after them in no particular order."""
        return sorted(self.members, key=_order)

    @reads
    def size(self) -> int:
        """How many there are."""
        return len(self.members)


def _key(key: Any) -> Any:
    if type(key) not in _KEYS:
        raise BadArgument(f"a key is text, bytes, a whole number or a symbol, not {type(key).__name__}")
    return key


def _member(value: Any) -> Any:
    # Where 1 == True == 1.0 there is no telling them apart, so only one of the kinds may be in a set.
    return value if isinstance(value, Ref) else _key(value)


def _under(key: Any, prefix: str) -> bool:
    return not prefix or (type(key) is str and key.startswith(prefix))


def _order(key: Any) -> tuple[str, Any]:
    if isinstance(key, Ref):
        return "~", 0
    return type(key).__name__, key.name if type(key) is Symbol else key
