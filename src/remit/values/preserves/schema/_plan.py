"""What classes a schema's definitions get, and with which fields.

A definition or variant gets a class where its pattern is a compound or an intersection:

- a record whose label is a symbol and whose fields are all named gives an `@record` class: its instances are the values
  themselves;
- everything else gives a `shape`: `[@x int @y int]`, `{key: bytes}`, `A & B`, `<<rec> @label any @fields [any ...]>`.

Definitions and variants of simple patterns get none: what they accept is the plain value, or what the definition gives that they
refer to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from remit.values._data import Symbol
from remit.values.preserves._forms import SPECIAL
from remit.values.preserves._order import order
from remit.values.preserves.schema._model import And, Entries, Lit, NamedPattern, Or, Rec, Tuple, TuplePrefix
from remit.values.preserves.schema._names import attribute, class_name, distinct

__all__ = ["Alternative", "ClassPlan", "Field", "captures", "entries_of", "plans"]


class Field(NamedTuple):
    """One field of a class: its name in Python, its name in the schema, and its pattern."""

    name: str
    wire: str
    pattern: Any


class ClassPlan(NamedTuple):
    """One class: its name, where it comes from, and what it keeps."""

    name: str
    definition: str
    variant: str  # "" for a definition without alternatives
    pattern: Any
    fields: tuple[Field, ...]
    label: str | None  # of an `@record` class; None for a shape


class Alternative(NamedTuple):
    """One alternative of a definition, or the definition itself (`variant` is "")."""

    variant: str
    pattern: Any
    plan: ClassPlan | None


def plans(definitions: dict[str, Any]) -> dict[str, list[Alternative]]:
    """The alternatives of each definition; the names of all classes differ."""
    found: list[tuple[str, str, Any]] = []
    for name, definition in definitions.items():
        if isinstance(definition, Or):
            found += [(name, variant, pattern) for variant, pattern in definition.alternatives]
        else:
            found.append((name, "", definition))
    # A definition keeps its name, whatever the variants of others are called.
    ranked = [*[(name, "") for name in definitions], *[each[:2] for each in found if each[1]]]
    names = dict(zip(ranked, distinct(class_name(*each) for each in ranked), strict=True))
    result: dict[str, list[Alternative]] = {}
    for name, variant, pattern in found:
        plan = _class(names[name, variant], name, variant, pattern)
        result.setdefault(name, []).append(Alternative(variant, pattern, plan))
    return result


def _class(called: str, name: str, variant: str, pattern: Any) -> ClassPlan | None:
    if not isinstance(pattern, (Rec, Tuple, TuplePrefix, Entries, And)):
        return None
    kept = list(captures(pattern))
    fields = zip(distinct(attribute(wire) for wire, _ in kept), kept, strict=True)
    return ClassPlan(
        called, name, variant, pattern, tuple(Field(own, wire, part) for own, (wire, part) in fields), _label(pattern)
    )


def _label(pattern: Any) -> str | None:
    """The label, where an instance's fields are the record's fields."""
    if not isinstance(pattern, Rec) or not isinstance(pattern.label, Lit) or type(pattern.label.value) is not Symbol:
        return None
    if not isinstance(pattern.fields, Tuple) or not all(isinstance(p, NamedPattern) for p in pattern.fields.patterns):
        return None
    label = pattern.label.value.name
    return None if label in SPECIAL else label  # what has a special label is read as another value


def captures(part: Any) -> Iterator[tuple[str, Any]]:
    """What a pattern keeps: names with their patterns, in the order in which values are looked at."""
    if isinstance(part, NamedPattern):
        yield part.name.name, part.pattern
    elif isinstance(part, Rec):
        yield from captures(part.label)
        yield from captures(part.fields)
    elif isinstance(part, (Tuple, And)):
        for each in part.patterns:
            yield from captures(each)
    elif isinstance(part, TuplePrefix):
        for each in part.fixed:
            yield from captures(each)
        yield from captures(part.variable)
    elif isinstance(part, Entries):
        for _, each in entries_of(part):
            yield from captures(each)


def entries_of(pattern: Entries) -> list[tuple[Any, Any]]:
    """The entries in the total order of their keys."""
    return sorted(pattern.entries.items(), key=lambda entry: order(entry[0]))
