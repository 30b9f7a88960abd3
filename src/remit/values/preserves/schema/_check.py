"""What a schema has to keep besides its syntax: names that exist, parts that can be given back, no definition that waits for itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from remit.errors import Misuse, RemitError
from remit.values.preserves.schema._model import (
    And,
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
from remit.values.preserves.schema._place import Place, hint, wrong
from remit.values.preserves.schema._plan import captures, entries_of

__all__ = ["Definitions", "check", "constant", "module_of", "modules_of", "references"]

_WORDS: Final = ("any", "bool", "double", "int", "string", "bytes", "symbol")

Definitions = Mapping[str, Mapping[str, Any]]  # module → name → definition


def references(part: Any) -> Iterator[Ref]:
    """All references in a definition."""
    if isinstance(part, Ref):
        yield part
    for each in children(part):
        yield from references(each)


def children(part: Any) -> Iterator[Any]:
    """The patterns that a pattern is made of."""
    if isinstance(part, Or):
        yield from (pattern for _, pattern in part.alternatives)
    elif isinstance(part, (And, Tuple)):
        yield from part.patterns
    elif isinstance(part, (NamedPattern, SeqOf, SetOf)):
        yield part.pattern
    elif isinstance(part, Embedding):
        yield part.interface
    elif isinstance(part, DictOf):
        yield from (part.key, part.value)
    elif isinstance(part, Rec):
        yield from (part.label, part.fields)
    elif isinstance(part, TuplePrefix):
        yield from (*part.fixed, part.variable)
    elif isinstance(part, Entries):
        yield from (each for _, each in entries_of(part))


def modules_of(definitions: Mapping[str, Any]) -> dict[str, Ref]:
    """The other modules that definitions refer to, each with one reference to it."""
    found = (ref for definition in definitions.values() for ref in references(definition) if ref.module)
    return {module_of(ref, ""): ref for ref in found}


def module_of(ref: Ref, home: str) -> str:
    """The name of the module that a reference of the module `home` leads to."""
    return ".".join(part.name for part in ref.module) or home


def constant(part: Any, home: str, known: Definitions) -> bool:
    """Whether only one value fits, so that nothing has to be kept of it."""
    if isinstance(part, Lit):
        return True
    if isinstance(part, Ref):
        module = module_of(part, home)
        return constant(known[module][part.name.name], module, known)
    return isinstance(part, (Rec, Tuple, Entries, And)) and all(constant(each, home, known) for each in children(part))


def check(home: str, known: Definitions, places: Mapping[int, Place]) -> None:
    """Look at all definitions of the module `home`. Raises `DecodeError` at a place, or `Misuse` where there is none."""
    checker = _Checker(home, known, places)
    for name, definition in known[home].items():
        for ref in references(definition):
            checker.reference(name, ref)
    for name, definition in known[home].items():
        checker.loop(name, definition)
    for name, definition in known[home].items():
        checker.names(name, definition)


class _Checker:
    def __init__(self, home: str, known: Definitions, places: Mapping[int, Place]) -> None:
        self.home = home
        self.known = known
        self.places = places

    def wrong(self, part: Any, message: str) -> RemitError:
        """The error for this part."""
        place = self.places.get(id(part))
        return Misuse(f"schema {self.home}: {message}") if place is None else wrong(place, message)

    def reference(self, name: str, ref: Ref) -> None:
        module = module_of(ref, self.home)
        if module not in self.known:
            raise self.wrong(ref, f"{name} refers to the module {module}, which is not there{hint(module, self.known)}")
        there = self.known[module]
        if ref.name.name not in there:
            place = "" if module == self.home else f" in the module {module}"
            near = hint(ref.name.name, [*there, *_WORDS] if module == self.home else there)
            raise self.wrong(ref, f"{name} refers to {ref.name.name}, which is not defined{place}{near}")

    def loop(self, name: str, definition: Any) -> None:
        """No definition is reached from itself without going into a value."""
        met = {(self.home, name)}

        def follow(part: Any, module: str) -> None:
            if isinstance(part, Ref):
                there = module_of(part, module)
                step = (there, part.name.name)
                if step == (self.home, name):
                    raise self.wrong(definition, f"{name} is defined by itself: nothing says what value it is")
                if step not in met:
                    met.add(step)
                    follow(self.known[there][part.name.name], there)
            elif isinstance(part, (Or, And, NamedPattern)):
                for each in children(part):
                    follow(each, module)

        follow(definition, self.home)

    def names(self, name: str, definition: Any) -> None:
        if not isinstance(definition, Or):
            self.kept(name, definition)
            return
        taken: set[str] = set()
        for variant, pattern in definition.alternatives:
            if variant in taken:
                raise self.wrong(pattern, f"{name} has two alternatives called {variant}: name one with @other-name")
            taken.add(variant)
            self.kept(f"{name}, alternative {variant}", pattern)

    def kept(self, name: str, pattern: Any) -> None:
        """Every part that is not always the same has a name, and no two the same one."""
        if not isinstance(pattern, (Rec, Tuple, TuplePrefix, Entries, And)):
            return
        taken: set[str] = set()
        for wire, part in captures(pattern):
            if wire in taken:
                raise self.wrong(part, f"{name} has two parts called {wire}")
            taken.add(wire)
        for part in self.nameless(pattern):
            raise self.wrong(part, f"{name}: a part without a name would be lost; name it with @name before it")

    def nameless(self, pattern: Any) -> Iterator[Any]:
        for part in children(pattern):
            if isinstance(part, (Rec, Tuple, TuplePrefix, Entries)):
                yield from self.nameless(part)
            elif not isinstance(part, NamedPattern) and not constant(part, self.home, self.known):
                yield part
