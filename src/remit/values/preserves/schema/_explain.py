"""Why a value does not fit: where in it, what was wanted there, and what is there.

Contents of strings and byte strings are not told, since they may be secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from remit.values._data import Symbol
from remit.values._same import same
from remit.values.preserves._text import text
from remit.values.preserves.schema._inline import ATOM_TYPES
from remit.values.preserves.schema._model import (
    ANY,
    And,
    Atom,
    DictOf,
    Embedding,
    Entries,
    Lit,
    NamedPattern,
    Or,
    Rec,
    Ref,
    SeqOf,
    SetOf,
    Tuple,
    TuplePrefix,
)
from remit.values.preserves.schema._plan import entries_of
from remit.values.preserves.schema._view import ABSENT, get, is_dictionary, is_embedded, is_set, pairs, record_view

__all__ = ["Reasons", "shown"]

WORDS = {
    "Boolean": "a boolean",
    "Double": "a double",
    "SignedInteger": "an integer",
    "String": "a string",
    "ByteString": "a byte string",
    "Symbol": "a symbol",
}
FEW = 8  # alternatives that are named one by one


class Reason(NamedTuple):
    """One misfit: the way to it from the whole value, what was wanted, and what was found."""

    way: tuple[str, ...]
    wanted: str
    found: str


class Reasons:
    """Looks for what does not fit. `find(ref)` gives the definition that a reference names, and the reasons of its schema."""

    def __init__(self, find: Callable[[Ref], tuple[Any, Reasons]], exact: bool) -> None:
        self._find = find
        self._exact = exact

    def tell(self, what: str, definition: Any, value: Any) -> str:
        """The explanation, for a definition called `what`."""
        reason = self._first(self.of(definition, value, ()))
        if reason is None:
            return f"{shown(value)} is no {what}"
        place = "".join(f"{step}: " for step in reason.way)
        return f"{shown(value)} is no {what}: {place}expected {reason.wanted}, not {reason.found}"

    def of(self, part: Any, value: Any, way: tuple[str, ...]) -> Iterator[Reason]:
        """What does not fit, the first of it at least."""
        if isinstance(part, NamedPattern):
            part = part.pattern
        if isinstance(part, Or):
            yield from self._alternatives(part, value, way)
        elif isinstance(part, And):
            for each in part.patterns:
                yield from self.of(each, value, way)
        elif isinstance(part, Ref):
            definition, reasons = self._find(part)
            yield from reasons.of(definition, value, way)
        elif isinstance(part, (Rec, Tuple, TuplePrefix, Entries)):
            yield from self._compound(part, value, way)
        else:
            yield from self._simple(part, value, way)

    def _first(self, reasons: Iterator[Reason]) -> Reason | None:
        return next(iter(reasons), None)

    def _alternatives(self, part: Or, value: Any, way: tuple[str, ...]) -> Iterator[Reason]:
        """The reason of the alternative that gets furthest; where none gets anywhere, the names of all."""
        found = []
        for _, pattern in part.alternatives:
            reason = self._first(self.of(pattern, value, way))
            if reason is None:
                return
            found.append(reason)
        furthest = max(found, key=lambda reason: len(reason.way))
        if len(furthest.way) > len(way):
            yield furthest
        else:
            wanted = list(dict.fromkeys(reason.wanted for reason in found))
            more = f" or {len(wanted) - FEW} others" if len(wanted) > FEW else ""
            yield Reason(way, " or ".join(wanted[:FEW]) + more, shown(value))

    def _compound(self, part: Any, value: Any, way: tuple[str, ...]) -> Iterator[Reason]:
        if isinstance(part, Rec):
            yield from self._record(part, value, way)
        elif isinstance(part, Entries):
            if not is_dictionary(value):
                yield Reason(way, "a dictionary", shown(value))
                return
            for key, each in entries_of(part):
                item = get(value, key)
                if item is ABSENT:
                    yield Reason(way, f"a dictionary with the key {short(key)}", f"{shown(value)} without it")
                else:
                    yield from self.of(each, item, (*way, f"key {short(key)}"))
        elif type(value) not in (list, tuple):
            yield Reason(way, "a sequence", shown(value))
        elif isinstance(part, Tuple):
            yield from self._items(part.patterns, None, value, way, "item")
        else:
            yield from self._items(part.fixed, part.variable, value, way, "item")

    def _record(self, part: Rec, value: Any, way: tuple[str, ...]) -> Iterator[Reason]:
        view = record_view(value)
        label = part.label.value if isinstance(part.label, Lit) else None
        wanted = "a record" if label is None else f"<{short(label)} …>"
        if view is None or (label is not None and not same(view[0], label)):
            yield Reason(way, wanted, shown(value))
            return
        yield from self.of(part.label, view[0], (*way, "the label"))
        here = (*way, f"<{short(view[0])}>")
        fields = part.fields
        if isinstance(fields, Tuple):
            yield from self._items(fields.patterns, None, view[1], here, "field")
        elif isinstance(fields, TuplePrefix):
            yield from self._items(fields.fixed, fields.variable, view[1], here, "field")
        else:
            yield from self.of(fields, list(view[1]), here)

    def _items(self, fixed: list[Any], rest: Any, value: Any, way: tuple[str, ...], noun: str) -> Iterator[Reason]:
        for index, (each, item) in enumerate(zip(fixed, value, strict=False)):
            name = f" ({each.name.name})" if isinstance(each, NamedPattern) else ""
            yield from self.of(each, item, (*way, f"{noun} {index}{name}"))
        if len(value) < len(fixed):
            least = "at least " if rest is not None or not self._exact else ""
            yield Reason((*way,), f"{least}{_number(len(fixed), noun)}", _number(len(value), noun))
        elif rest is not None:
            for step in self.of(rest, list(value[len(fixed) :]), ()):
                yield step._replace(
                    way=(*way, f"after the first {len(fixed)}", *step.way) if fixed else (*way, *step.way)
                )
        elif self._exact and len(value) > len(fixed):
            yield Reason((*way,), _number(len(fixed), noun), _number(len(value), noun))

    def _simple(self, part: Any, value: Any, way: tuple[str, ...]) -> Iterator[Reason]:
        if part == ANY:
            return
        if isinstance(part, Atom):
            if type(value) is not ATOM_TYPES[part.kind.name]:
                yield Reason(way, WORDS[part.kind.name], shown(value))
        elif isinstance(part, Lit):
            if not same(value, part.value):
                yield Reason(way, short(part.value), shown(value))
        elif isinstance(part, Embedding):
            if not is_embedded(value):
                yield Reason(way, "an embedded object", shown(value))
        elif isinstance(part, SeqOf):
            if type(value) not in (list, tuple):
                yield Reason(way, "a sequence", shown(value))
                return
            for index, item in enumerate(value):
                yield from self.of(part.pattern, item, (*way, f"item {index}"))
        elif isinstance(part, SetOf):
            if not is_set(value):
                yield Reason(way, "a set", shown(value))
                return
            for item in value:
                yield from self.of(part.pattern, item, (*way, f"member {shown(item)}"))
        elif isinstance(part, DictOf):
            yield from self._dictionary(part, value, way)

    def _dictionary(self, part: DictOf, value: Any, way: tuple[str, ...]) -> Iterator[Reason]:
        if not is_dictionary(value):
            yield Reason(way, "a dictionary", shown(value))
            return
        for key, item in pairs(value):
            yield from self.of(part.key, key, (*way, f"the key {shown(key)}"))
            yield from self.of(part.value, item, (*way, f"key {shown(key)}"))


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def short(value: Any) -> str:
    """A part of a schema, as it is written there."""
    written = text(value)
    return written if len(written) <= 60 else f"{written[:60]}…"


def shown(value: Any) -> str:
    """A value in a few words."""
    view = record_view(value)
    if view is not None:
        return f"a record <{shown_label(view[0])} …>" if view[1] else f"the record <{shown_label(view[0])}>"
    if type(value) in (list, tuple):
        return f"a sequence of {_number(len(value), 'item')}"
    if is_set(value):
        return "a set"
    if is_dictionary(value):
        return f"a dictionary of {len(value)}"
    if type(value) is str:
        return f"a string of {_number(len(value), 'character')}"
    if type(value) is bytes:
        return f"a byte string of {len(value)}"
    if type(value) is int and value.bit_length() > 128:
        return f"an integer of {value.bit_length()} bits"
    if type(value) in (bool, int, float, Symbol):
        return short(value)
    return "an embedded object" if is_embedded(value) else f"a Python {type(value).__qualname__}"


def shown_label(label: Any) -> str:
    """The label of a record; what is no symbol is told by its kind."""
    return short(label) if type(label) is Symbol else shown(label)
