"""Patterns: what an observer wants to hear of, as data, and how Python writes them with records.

    ANY                          anything
    bind(), bind(pattern)        anything, or what the pattern matches, and tell me what it was
    Says(who="a", what=bind())   a record with these fields; so for lists, dicts and values of any depth
    Says                         any such record, as a whole

(Syndicate Protocol, Dataspace patterns.) Groups are open: fields that are not mentioned are ignored, and longer records match.

Labels of the protocol are short, and others use them, too: decoding gives none of these classes, and patterns that came from
elsewhere are known by label and number of fields (docs/decisions/044-labels-of-vocabularies.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from remit.dataspace._view import ARRAY, ATOM, DICTIONARY, view
from remit.errors import BadArgument
from remit.values import Symbol, Tagged, as_record, passable, record
from remit.values.preserves import Compound, Map, Set, order

__all__ = ["ANY", "Bind", "Discard", "Group", "Lit", "Observe", "bind", "decoded", "interest", "pattern", "typed"]


@record("_", known=False)
class Discard:
    """`<_>`: matches anything, which must be there."""


@record("bind", known=False)
class Bind:
    """`<bind p>`: captures what `p` matches."""

    pattern: Any


@record("lit", known=False)
class Lit:
    """`<lit atom>`: matches this atom. There are no compound literals: they are groups of literals."""

    value: Any


@record("group", known=False)
class Group:
    """`<group type {key: p …}>`: matches a compound by its type (`<rec label>`, `<arr>`, `<dict>`) and the parts at the keys."""

    type: Any
    entries: Any


@record("Observe", known=False)
class Observe:
    """An assertion of interest: `observer` is told of what matches `pattern` for as long as this is asserted."""

    pattern: Any
    observer: Any


ANY: Final = Discard()
_ARRAY: Final = Tagged("arr", [])
_DICTIONARY: Final = Tagged("dict", [])
_PATTERNS: Final = (Discard, Bind, Lit, Group)
_LABELS: Final = frozenset({"_", "bind", "lit", "group"})


def bind(inner: Any = ANY) -> Any:
    """Capture what stands here; with a pattern, if it matches that."""
    return Bind(inner)


def pattern(written: Any) -> Any:
    """The pattern, as data, that is written with records, `ANY` and `bind()`. Patterns as data stay what they are.

    A `Tagged` that is one of the protocol's four patterns is one as data; an instance of an `@record` class of your own never is.
    Raises `BadArgument` for what cannot be matched, such as a set.
    """
    if isinstance(written, type):
        return Bind(_of_class(written))
    return _pattern(written)


def decoded(written: Any) -> Any:
    """The same for a pattern, written or as data, that came from elsewhere, where decoding may have given a class of somebody's own."""
    known = as_record(written, *_PATTERNS)
    if known is not None:
        return Bind(decoded(known.pattern)) if type(known) is Bind else known
    return _pattern(written, decoded)


def _pattern(written: Any, inside: Callable[[Any], Any] | None = None) -> Any:
    """`inside` makes the patterns of its parts."""
    kind = type(written)
    if kind is Tagged and written.tag in _LABELS:
        written = as_record(written, *_PATTERNS) or written
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
            entries = {name: (inside or _pattern)(part) for name, part in parts.items()}
            return Group(_DICTIONARY, _entries(entries))
        assert shape == ARRAY
        return Group(_ARRAY, _positions(parts, inside))
    label = Symbol(shape) if type(shape) is str else written.label
    return Group(Tagged("rec", [label]), _positions(parts, inside))


def _of_class(cls: type) -> Group:
    label = getattr(cls, "__record_label__", None)
    if label is None or cls in (Map, Compound, Set):
        raise BadArgument(f"{cls.__name__} is no @record class: a pattern is written with records, ANY and bind()")
    return Group(Tagged("rec", [Symbol(label)]), _positions([ANY] * len(cls.__record_fields__)))  # type: ignore[attr-defined]


def _positions(parts: Any, inside: Callable[[Any], Any] | None = None) -> Any:
    """The parts of a sequence, without those that match anything; but the last one stays, for the length."""
    last = len(parts) - 1
    made = map(inside or _pattern, parts)
    return _entries({at: part for at, part in enumerate(made) if at == last or type(part) is not Discard})


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
    wanted = as_record(wanted, *_PATTERNS) or wanted
    if type(wanted) is Discard:
        return ANY
    if type(wanted) is Bind:
        return _record("lit", bind(_literal(wanted.pattern)))
    if type(wanted) is Lit:
        return _record("lit", wanted)
    entries = {name: _asked(part) for name, part in wanted.entries.items() if as_record(part, Discard) is None}
    return _record("group", _pattern(wanted.type), Group(_DICTIONARY, _entries(entries)))


def _literal(inner: Any) -> Any:
    if as_record(inner, Group) is not None:
        raise BadArgument("interest in a compound value is not one value that could be captured: bind its parts")
    return inner


def _record(label: str, *fields: Any) -> Group:
    return Group(Tagged("rec", [Symbol(label)]), Map(dict(enumerate(fields))))


# --- what functions are given -------------------------------------------------------------------------------


def typed(written: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, given what the pattern captures; where that is a record whose class the pattern says, as that class.

    Others may have asserted it as a class of theirs with that label, and decoding gives what is known under the label here.
    """
    classes = [written] if isinstance(written, type) else list(_captured(written))
    if classes == [None] * len(classes):
        return function
    if len(classes) == 1:
        cls: Any = classes[0]

        def one(value: Any) -> Any:
            return function(value if type(value) is cls else _as(value, cls))

        return one
    return lambda *values: function(*map(_as, values, classes))


def _as(value: Any, cls: Any) -> Any:
    if cls is None:
        return value
    made = as_record(value, cls)
    return value if made is None else made


def _captured(written: Any) -> list[Any]:
    """For each capture, in order, the class of the record that stands there, or None."""
    if isinstance(written, type):
        return []
    known = as_record(written, *_PATTERNS) if type(written) in (Tagged, *_PATTERNS) else None
    if type(known) is Bind:
        inner = known.pattern
        cls = inner if isinstance(inner, type) else type(inner)
        own = hasattr(cls, "__record_label__") and cls not in (*_PATTERNS, Map, Compound, Set)
        return [cls if own else None, *_captured(inner)]
    if type(known) is Group:
        parts: Any = _ordered(known.entries)
    elif known is not None:
        return []
    else:
        shape, parts = view(written)
        if shape == ATOM and type(shape) is int:
            return []
        parts = _ordered(parts) if shape == DICTIONARY and type(shape) is int else parts
    return [each for part in parts for each in _captured(part)]


def _ordered(entries: Any) -> list[Any]:
    """The parts of a dictionary in the order of its keys, which is that of captures."""
    return [entries[name] for name in sorted(entries, key=order)]
