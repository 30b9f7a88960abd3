"""Parsing values: a definition becomes functions that give what a value is to it, or `FAIL`.

Failing is quick and says nothing; `_explain.py` looks for the reason afterwards. Where a sequence or record has more items than its
pattern names, and a dictionary more keys, they are left out: issue 51 of Preserves makes tuples and records extensible, as
dictionaries always were, so that a protocol can grow. An alternative that leaves nothing of these out comes before one that does,
whatever their order. With `exact` more items do not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from remit.values._data import Symbol
from remit.values._model import Tagged
from remit.values._record import Recorded
from remit.values._same import same
from remit.values.preserves.schema._choose import FAIL, Choice, Matcher, first_of
from remit.values.preserves.schema._inline import ATOM_TYPES, inlined
from remit.values.preserves.schema._model import (
    ANY,
    And,
    Atom,
    Embedding,
    Entries,
    Lit,
    NamedPattern,
    Rec,
    Ref,
    SeqOf,
    SetOf,
    Tuple,
    TuplePrefix,
)
from remit.values.preserves.schema._plan import Alternative, entries_of
from remit.values.preserves.schema._view import (
    ABSENT,
    dictionary,
    get,
    is_dictionary,
    is_embedded,
    is_set,
    pairs,
    record_view,
)

__all__ = ["Matching"]

Filler: TypeAlias = Callable[[Any, list[Any]], bool]  # adds what a pattern keeps of the value; whether it fits


_COMPOUND: Final = (Rec, Tuple, TuplePrefix, Entries)


class Matching:
    """The functions for the definitions of one schema.

    `find(ref)` gives the matching that has what a reference names, and the name there, when it is first used. `exact` is the matching of the same schema that takes
    no further items; None for that one itself.
    """

    def __init__(
        self,
        alternatives: Mapping[str, list[Alternative]],
        classes: Mapping[str, type],
        find: Callable[[Ref], tuple[Matching, str]],
        exact: Matching | None,
    ) -> None:
        self._alternatives = alternatives
        self._classes = classes
        self._find = find
        self._exact = exact
        self._made: dict[str, Matcher] = {}

    def definition(self, name: str) -> Matcher:
        """The function for this definition."""
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = first_of(list(self._in_turn(self._alternatives[name])))
        return made

    def labels(self, name: str) -> frozenset[str] | None:
        """The labels of the records that may be of this definition; None if it may have other values, too."""
        found = [self._labels(each.pattern) for each in self._alternatives[name]]
        return None if None in found else frozenset().union(*[each for each in found if each is not None])

    def _labels(self, pattern: Any) -> frozenset[str] | None:
        if isinstance(pattern, Rec) and isinstance(pattern.label, Lit) and type(pattern.label.value) is Symbol:
            return frozenset({pattern.label.value.name})
        if isinstance(pattern, Ref):
            there, name = self._find(pattern)
            return there.labels(name)
        return None

    def alternative(self, each: Alternative) -> Matcher:
        """The function for one alternative."""
        if each.plan is None:
            return self.simple(each.pattern)
        make = self._classes[each.plan.name].__record_make__  # type: ignore[attr-defined]
        pattern = each.pattern
        items = pattern.fields if each.plan.label is not None else pattern
        if isinstance(items, Tuple) and not any(isinstance(part, _COMPOUND) for part in items.patterns):
            return inlined(each.plan.label, items.patterns, make, self.simple, exact=self._exact is None)
        fill = self.part(pattern)

        def match(value: Any) -> Any:
            kept: list[Any] = []
            return make(kept) if fill(value, kept) else FAIL

        return match

    def _in_turn(self, alternatives: list[Alternative]) -> Iterator[Choice]:
        if self._exact is not None and len(alternatives) > 1:
            yield from self._exact._in_turn(alternatives)
        for each in alternatives:
            yield Choice(self._labels(each.pattern), self.alternative(each))

    def simple(self, pattern: Any) -> Matcher:
        """The function for a simple pattern."""
        if pattern == ANY:
            return lambda value: value
        if isinstance(pattern, Atom):
            return _atom(ATOM_TYPES[pattern.kind.name])
        if isinstance(pattern, Lit):
            return _literal(pattern.value)
        if isinstance(pattern, Ref):
            return self._reference(pattern)
        if isinstance(pattern, Embedding):
            return lambda value: value if is_embedded(value) else FAIL
        if isinstance(pattern, SeqOf):
            return _sequence(self.simple(pattern.pattern))
        if isinstance(pattern, SetOf):
            return _set(self.simple(pattern.pattern))
        return _dictionary(self.simple(pattern.key), self.simple(pattern.value))

    def _reference(self, ref: Ref) -> Matcher:
        found: list[Matcher] = []

        def match(value: Any) -> Any:
            if not found:
                there, name = self._find(ref)
                found.append(there.definition(name))
            return found[0](value)

        return match

    def part(self, part: Any) -> Filler:
        """The function for what may have a name."""
        if isinstance(part, NamedPattern):
            return _named(self.simple(part.pattern))
        if isinstance(part, Rec):
            return self._record(part)
        if isinstance(part, Tuple):
            return self._tuple(part.patterns, None)
        if isinstance(part, TuplePrefix):
            return self._tuple(part.fixed, part.variable)
        if isinstance(part, Entries):
            return _entries([(key, self.part(each)) for key, each in entries_of(part)])
        if isinstance(part, And):
            fillers = [self.part(each) for each in part.patterns]
            return lambda value, kept: all(fill(value, kept) for fill in fillers)
        return _unnamed(self.simple(part))

    def _record(self, pattern: Rec) -> Filler:
        fill = self.part(pattern.fields)
        if isinstance(pattern.label, Lit) and type(pattern.label.value) is Symbol:
            return _labelled(pattern.label.value.name, fill)
        fill_label = self.part(pattern.label)

        def filler(value: Any, kept: list[Any]) -> bool:
            view = record_view(value)
            return view is not None and fill_label(view[0], kept) and fill(view[1], kept)

        return filler

    def _tuple(self, fixed: list[Any], variable: Any) -> Filler:
        fillers = [self.part(each) for each in fixed]
        rest = None if variable is None else self.part(variable)
        length = len(fillers)
        exact = self._exact is None and rest is None

        def filler(value: Any, kept: list[Any]) -> bool:
            kind = type(value)
            if (kind is not list and kind is not tuple) or len(value) < length or (exact and len(value) > length):
                return False
            for fill, item in zip(fillers, value, strict=False):
                if not fill(item, kept):
                    return False
            return rest is None or rest(list(value[length:]), kept)

        return filler


def _atom(kind: type) -> Matcher:
    return lambda value: value if type(value) is kind else FAIL


def _literal(literal: Any) -> Matcher:
    return lambda value: value if same(value, literal) else FAIL


def _named(match: Matcher) -> Filler:
    def filler(value: Any, kept: list[Any]) -> bool:
        found = match(value)
        kept.append(found)
        return found is not FAIL

    return filler


def _unnamed(match: Matcher) -> Filler:
    def filler(value: Any, kept: list[Any]) -> bool:
        return match(value) is not FAIL

    return filler


def _labelled(name: str, fill: Filler) -> Filler:
    """A record with this symbol as its label."""

    def filler(value: Any, kept: list[Any]) -> bool:
        if type(value) is Tagged and type(value.value) is list:
            return value.tag == name and fill(value.value, kept)
        if isinstance(value, Recorded) and value.__record_label__ == name:
            return fill(value.__record_values__(), kept)
        view = record_view(value)
        return view is not None and type(view[0]) is Symbol and view[0].name == name and fill(view[1], kept)

    return filler


def _sequence(match: Matcher) -> Matcher:
    def sequence(value: Any) -> Any:
        if type(value) is not list and type(value) is not tuple:
            return FAIL
        found = []
        for item in value:
            each = match(item)
            if each is FAIL:
                return FAIL
            found.append(each)
        return found

    return sequence


def _set(match: Matcher) -> Matcher:
    """Members are looked at and stay values, since only values have an order and a kind to be told apart by."""

    def members(value: Any) -> Any:
        return value if is_set(value) and all(match(item) is not FAIL for item in value) else FAIL

    return members


def _dictionary(match_key: Matcher, match_value: Matcher) -> Matcher:
    """Keys stay values, as the members of sets do."""

    def entries(value: Any) -> Any:
        if not is_dictionary(value):
            return FAIL
        found = []
        for key, item in pairs(value):
            each = match_value(item)
            if each is FAIL or match_key(key) is FAIL:
                return FAIL
            found.append((key, each))
        return dictionary(found)

    return entries


def _entries(fillers: list[tuple[Any, Filler]]) -> Filler:
    def filler(value: Any, kept: list[Any]) -> bool:
        if not is_dictionary(value):
            return False
        for key, fill in fillers:
            item = get(value, key)
            if item is ABSENT or not fill(item, kept):
                return False
        return True

    return filler
