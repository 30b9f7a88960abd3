"""Schemas as data: the records of the metaschema, so that a schema is its own binary form.

Each class is a record of "Preserves Schema", appendix "Metaschema". Their labels are common words, so decoding does not give
these classes by itself (`known=False`): `_binary.py` makes them of what was decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from remit.values._data import Symbol
from remit.values._record import record

__all__ = [
    "ANY",
    "ATOMS",
    "And",
    "Atom",
    "Compound",
    "Definition",
    "DictOf",
    "Embedding",
    "Entries",
    "Lit",
    "NamedPart",
    "NamedPattern",
    "Or",
    "Pattern",
    "Rec",
    "Ref",
    "SeqOf",
    "SetOf",
    "Simple",
    "Tuple",
    "TuplePrefix",
    "unnamed",
]

ANY: Final = Symbol("any")
ATOMS: Final = {
    "bool": "Boolean",
    "double": "Double",
    "int": "SignedInteger",
    "string": "String",
    "bytes": "ByteString",
    "symbol": "Symbol",
}  # the words of a `.prs` file, and the kinds that they stand for


@record("atom", known=False)
class Atom:
    """An atom of this kind: a symbol, one of the values of `ATOMS`."""

    kind: Symbol


@record("embedded", known=False)
class Embedding:
    """An embedded object; `interface` says what it is for."""

    interface: Any


@record("lit", known=False)
class Lit:
    """This value, and no other."""

    value: Any


@record("seqof", known=False)
class SeqOf:
    """A sequence of any length."""

    pattern: Any


@record("setof", known=False)
class SetOf:
    """A set of any size."""

    pattern: Any


@record("dictof", known=False)
class DictOf:
    """A dictionary of any size."""

    key: Any
    value: Any


@record("ref", known=False)
class Ref:
    """Another definition; the empty module path is the schema's own."""

    module: list[Symbol]
    name: Symbol


@record("named", known=False)
class NamedPattern:
    """A part that is kept under a name."""

    name: Symbol
    pattern: Any


@record("rec", known=False)
class Rec:
    """A record: patterns for its label, and for its fields as a sequence."""

    label: Any
    fields: Any


@record("tuple", known=False)
class Tuple:
    """A sequence of these parts."""

    patterns: list[Any]


@record("tuplePrefix", known=False)
class TuplePrefix:
    """A sequence that begins with these parts; `variable` is the pattern of the rest, a sequence."""

    fixed: list[Any]
    variable: Any


@record("dict", known=False)
class Entries:
    """A dictionary with these entries; it may have others besides."""

    entries: Mapping[Any, Any]


@record("or", known=False)
class Or:
    """The first of these that fits: `[name, pattern]`, two at least."""

    alternatives: list[list[Any]]


@record("and", known=False)
class And:
    """All of these, of one value: two at least."""

    patterns: list[Any]


Simple: TypeAlias = Symbol | Atom | Embedding | Lit | SeqOf | SetOf | DictOf | Ref
Compound: TypeAlias = Rec | Tuple | TuplePrefix | Entries
Pattern: TypeAlias = Simple | Compound
NamedPart: TypeAlias = NamedPattern | Pattern
Definition: TypeAlias = Or | And | Pattern


def unnamed(part: Any) -> Any:
    """The pattern of a part that may have a name."""
    return part.pattern if isinstance(part, NamedPattern) else part
