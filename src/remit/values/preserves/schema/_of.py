"""From `@record` classes to a schema: what their annotations say, as patterns."""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Mapping
from typing import Any, Final

from remit.errors import Broken, Misuse
from remit.values._data import NULL, Null, Reference, Symbol
from remit.values._locator import Locator, SturdyRef
from remit.values._model import Tagged
from remit.values._record import Recorded
from remit.values.preserves._containers import Compound, Map, Set
from remit.values.preserves.schema._model import (
    ANY,
    ATOMS,
    Atom,
    DictOf,
    Embedding,
    Lit,
    NamedPattern,
    Or,
    Rec,
    Ref,
    SeqOf,
    SetOf,
    Tuple,
)
from remit.values.preserves.schema._names import capitalised, class_name, distinct
from remit.values.preserves.schema._read import Source
from remit.values.preserves.schema._schema import Schema, assemble

__all__ = ["of"]

_ATOMS: Final[dict[Any, str]] = {
    bool: "Boolean",
    int: "SignedInteger",
    float: "Double",
    str: "String",
    bytes: "ByteString",
    Symbol: "Symbol",
}
_WORDS: Final = {kind: word for word, kind in ATOMS.items()}
_LISTS: Final = (list, tuple, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
_DICTS: Final = (dict, collections.abc.Mapping, collections.abc.MutableMapping, Map)
_SETS: Final = (Set, collections.abc.Set)
_OPEN: Final = (object, Any, Tagged, Broken, Compound)  # what has no pattern of its own
_UNIONS: Final = (typing.Union, types.UnionType)


def of(*classes: type, name: str = "schema", using: Mapping[str, Schema] | None = None) -> Schema:
    """The schema of these `@record` classes and of those that their annotations name, as the module `name`.

    A definition is called as its class, and parsing gives instances of the class. A union of types, as `X | None`, gets a
    definition of its own, named after class and field. `using` are schemas of other classes, by module: those classes are referred
    to there. Raises `Misuse` for a class that is no record, and for an annotation that says nothing a schema could.
    """
    reader = _Reader()
    for module, schema in (using or {}).items():
        reader.elsewhere(module, schema)
    for cls in classes:
        reader.record(cls)
    source = Source()
    source.definitions = reader.definitions
    source.docs = reader.docs
    return assemble({name: source}, classes={name: reader.classes.values()}, using=using)[name]


class _Reader:
    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}
        self.docs: dict[str, str] = {}
        self.classes: dict[str, type] = {}
        self.unions: dict[Any, Ref] = {}
        self.known: dict[type, Ref] = {}  # classes of other schemas

    def elsewhere(self, module: str, schema: Schema) -> None:
        """Refer to the classes of this schema, where a definition is one class."""
        path = [Symbol(part) for part in module.split(".")]
        for plan in schema.plans:
            if not plan.variant:
                self.known[schema.classes[plan.name]] = Ref(path, Symbol(plan.definition))

    def record(self, cls: Any) -> Ref:
        """The definition of a class, made if it is new."""
        if not isinstance(cls, type) or not issubclass(cls, Recorded):
            raise Misuse(f"a schema is made of @record classes, not of {cls!r}")
        if cls in self.known:
            return self.known[cls]
        name = cls.__name__
        ref = Ref([], Symbol(name))
        if self.classes.get(name) is cls:
            return ref
        if name in self.definitions or class_name(name) != name:
            raise Misuse(
                f"the class {cls.__module__}.{name} cannot give its name to a definition: it is taken, or private"
            )
        self.classes[name] = cls
        self.definitions[name] = None  # its place, before those of the classes that it names
        self.docs[name] = (cls.__doc__ or "").strip().partition("\n\n")[0]
        hints = self._hints(cls)
        fields = [(field, self.pattern(hints[field], f"{name}.{field}")) for field in cls.__record_fields__]
        parts = [NamedPattern(Symbol(field), pattern) for field, pattern in fields]
        self.definitions[name] = Rec(Lit(Symbol(cls.__record_label__)), Tuple(parts))
        return ref

    def _hints(self, cls: type) -> dict[str, Any]:
        try:
            return typing.get_type_hints(cls)
        except (NameError, TypeError) as error:
            raise Misuse(f"the annotations of {cls.__qualname__} cannot be read: {error}") from None

    def pattern(self, hint: Any, where: str) -> Any:
        """The pattern of an annotation; `where` is its class and field."""
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if hint in _OPEN or isinstance(hint, typing.TypeVar):
            return ANY
        if hint in _ATOMS:
            return Atom(Symbol(_ATOMS[hint]))
        if hint is type(None) or hint is Null:
            return Lit(None if hint is type(None) else NULL)
        if origin in _UNIONS or origin is typing.Literal:
            return self._union(hint, args, where, literal=origin is typing.Literal)
        if isinstance(hint, typing.NewType):
            return self.pattern(hint.__supertype__, where)
        return self._container(hint, origin or hint, args, where)

    def _container(self, hint: Any, kind: Any, args: tuple[Any, ...], where: str) -> Any:
        if kind is tuple and args and args[-1] is not ...:
            raise Misuse(f"{where}: a tuple of different items needs a @record of its own, with names for them")
        if kind in _LISTS:
            return SeqOf(self.pattern(args[0] if args else Any, where))
        if kind in _DICTS:
            key, value = args or ((Any if kind is Map else str), Any)
            return DictOf(self.pattern(key, where), self.pattern(value, where))
        if kind in _SETS:
            return SetOf(self.pattern(args[0] if args else Any, where))
        if kind in (Locator, SturdyRef):
            return self._locators(kind)
        if isinstance(kind, type) and issubclass(kind, Reference):
            return Embedding(ANY)
        if isinstance(kind, type) and issubclass(kind, Recorded):
            return self.record(kind)
        raise Misuse(f"{where}: {hint!r} is no type of passable data, so a schema cannot say it")

    def _union(self, hint: Any, args: tuple[Any, ...], where: str, *, literal: bool) -> Any:
        key = hint, where.partition(".")[0]  # one definition for each class that has this union
        if key in self.unions:
            return self.unions[key]
        patterns = [Lit(each) if literal else self.pattern(each, where) for each in args]
        if ANY in patterns:
            return ANY
        if len(patterns) == 1:
            return patterns[0]
        ref = self.unions[key] = self._own(where)
        variants = distinct(_word(each, literal=literal) for each in args)
        self.definitions[ref.name.name] = Or([list(each) for each in zip(variants, patterns, strict=True)])
        return ref

    def _own(self, where: str) -> Ref:
        """A name for a definition that a field needs."""
        name = "".join(capitalised(part) for word in where.split(".") for part in word.split("_"))
        *_, name = distinct([*self.definitions, name])
        return Ref([], Symbol(name))

    def _locators(self, cls: type) -> Ref:
        """What addresses are written as, told in a comment: parsing gives them as they are."""
        name = cls.__name__
        if name not in self.definitions:
            self.definitions[name] = ANY
            self.docs[name] = _ADDRESSES[name]
        return Ref([], Symbol(name))


_ADDRESSES: Final = {
    "Locator": "<ocapn-peer @transport symbol @designator string @hints {string: string ...:...}>, or #f for no hints",
    "SturdyRef": "<ocapn-sturdyref @locator Locator @swiss bytes>",
}


def _word(hint: Any, *, literal: bool) -> str:
    """A name for one alternative."""
    if literal:
        return str(hint)
    if hint is type(None):
        return "none"
    origin = typing.get_origin(hint) or hint
    if hint in _ATOMS:
        return _WORDS[_ATOMS[hint]]
    if origin in _LISTS:
        return "items"
    return "entries" if origin in _DICTS else getattr(origin, "__name__", "value")
