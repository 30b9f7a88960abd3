"""Patterns: what an observer wants to hear of, as data, and how Python writes them with records.

    ANY                          anything
    bind(), bind(pattern)        anything, or what the pattern matches, and tell me what it was
    Says(who="a", what=bind())   a record with these fields; so for lists, dicts and values of any depth
    Says                         any such record, as a whole

(Syndicate Protocol, Dataspace patterns.) Groups are open: fields that are not mentioned are ignored, and longer records match.
"""

from __future__ import annotations

from typing import Any, Final

from remit.dataspace._view import ARRAY, ATOM, DICTIONARY, view
from remit.errors import BadArgument
from remit.values import Symbol, Tagged, passable, record
from remit.values.preserves import Compound, Map, Set

__all__ = ["ANY", "Bind", "Discard", "Group", "Lit", "Observe", "bind", "interest", "pattern"]


@record("_")
class Discard:
    """`<_>`: matches anything, which must be there."""


@record("bind")
class Bind:
    """`<bind p>`: captures what `p` matches."""

    pattern: Any


@record("lit")
class Lit:
    """`<lit atom>`: matches this atom. There are no compound literals: they are groups of literals."""

    value: Any


@record("group")
class Group:
    """`<group type {key: p …}>`: matches a compound by its type (`<rec label>`, `<arr>`, `<dict>`) and the parts at the keys."""

    type: Any
    entries: Any


@record("Observe")
class Observe:
    """An assertion of interest: `observer` is told of what matches `pattern` for as long as this is asserted."""

    pattern: Any
    observer: Any


ANY: Final = Discard()
_ARRAY: Final = Tagged("arr", [])
_DICTIONARY: Final = Tagged("dict", [])


def bind(inner: Any = ANY) -> Any:
    """Capture what stands here; with a pattern, if it matches that."""
    return Bind(inner)


def pattern(written: Any) -> Any:
    """The pattern, as data, that is written with records, `ANY` and `bind()`. Patterns as data stay what they are.

    Raises `BadArgument` for what cannot be matched, such as a set.
    """
    if isinstance(written, type):
        return Bind(_of_class(written))
    return _pattern(written)


def _pattern(written: Any) -> Any:
    kind = type(written)
    if kind is Discard or kind is Lit or kind is Group:
        return written
    if kind is Bind:
        inner = written.pattern
        return Bind(_of_class(inner) if isinstance(inner, type) else _pattern(inner))
    if isinstance(written, type):
        return _of_class(written)
    shape, parts = view(written)
    if shape == ATOM and type(shape) is int:
        if kind is Set:
            raise BadArgument("a set cannot be matched by its members: use ANY or bind() in its place")
        return Lit(passable(written))
    if type(shape) is int:
        if shape == DICTIONARY:
            entries = {name: _pattern(part) for name, part in parts.items()}
            return Group(_DICTIONARY, _entries(entries))
        assert shape == ARRAY
        return Group(_ARRAY, _positions(parts))
    label = Symbol(shape) if type(shape) is str else written.label
    return Group(Tagged("rec", [label]), _positions(parts))


def _of_class(cls: type) -> Group:
    label = getattr(cls, "__record_label__", None)
    if label is None or cls in (Map, Compound, Set):
        raise BadArgument(f"{cls.__name__} is no @record class: a pattern is written with records, ANY and bind()")
    return Group(Tagged("rec", [Symbol(label)]), _positions([ANY] * len(cls.__record_fields__)))  # type: ignore[attr-defined]


def _positions(parts: Any) -> Any:
    """The parts of a sequence, without those that match anything; but the last one stays, for the length."""
    last = len(parts) - 1
    found = {at: _pattern(part) for at, part in enumerate(parts) if at == last or type(part) is not Discard}
    return _entries(found)


def _entries(found: dict[Any, Any]) -> Any:
    return found if all(type(name) is str for name in found) else Map(found)


def interest(written: Any) -> Any:
    """The pattern that matches the interest of others in such assertions: an `Observe` whose own pattern asks for them.

    Where `written` has a value, theirs has to ask for just that value; where it has `bind()`, the value that theirs asks for is captured;
    `ANY` leaves it open what theirs says there. So `interest(Reading(sensor=bind(), celsius=ANY))` tells which sensors somebody wants to read.
    """
    return Group(Tagged("rec", [Symbol("Observe")]), Map({0: _asked(_wanted(written)), 1: ANY}))


def _wanted(written: Any) -> Any:
    if isinstance(written, type):
        return _of_class(written)
    return _pattern(written)


def _asked(wanted: Any) -> Any:
    """The pattern for a pattern: `wanted` as it would be written, with what it captures and leaves open."""
    if type(wanted) is Discard:
        return ANY
    if type(wanted) is Bind:
        return _record("lit", bind(_literal(wanted.pattern)))
    if type(wanted) is Lit:
        return _record("lit", wanted)
    entries = {name: _asked(part) for name, part in wanted.entries.items() if type(part) is not Discard}
    return _record("group", _pattern(wanted.type), Group(_DICTIONARY, _entries(entries)))


def _literal(inner: Any) -> Any:
    if type(inner) is Group:
        raise BadArgument("interest in a compound value is not one value that could be captured: bind its parts")
    return inner


def _record(label: str, *fields: Any) -> Group:
    return Group(Tagged("rec", [Symbol(label)]), Map(dict(enumerate(fields))))
