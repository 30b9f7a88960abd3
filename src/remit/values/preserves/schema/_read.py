"""Reading `.prs` text ("Preserves Schema", section *Concrete syntax*)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from remit.values._data import Symbol
from remit.values.preserves.schema._model import (
    ATOMS,
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
from remit.values.preserves.schema._place import Place, hint, wrong
from remit.values.preserves.schema._tokens import Token, tokens
from remit.values.preserves.schema._view import dictionary

__all__ = ["Include", "Source", "read"]

Include = Callable[[str], str]  # the text of a file that `include "…"` names

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_PATH: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")
_CLAUSES: Final = ("version", "embeddedType", "include")
_SIMPLE: Final = (Symbol, Atom, Embedding, Lit, SeqOf, SetOf, DictOf, Ref)


class Source:
    """What a file says: its definitions, and where everything stands."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}
        self.embedded: Ref | bool = False
        self.docs: dict[str, str] = {}  # the comments above definitions
        self.places: dict[int, Place] = {}  # of patterns, by their id; they live as long as the definitions do
        self.origins: dict[str, Place] = {}  # of definitions


def read(text: str, include: Include | None = None) -> Source:
    """The definitions of a text. Raises `DecodeError` with line and column."""
    source = Source()
    _Reader(source, include, ()).file(text)
    return source


class _Reader:
    def __init__(self, source: Source, include: Include | None, inside: tuple[str, ...]) -> None:
        self.source = source
        self.include = include
        self.inside = inside  # the names of files that include this one

    def file(self, text: str) -> None:
        versioned = False
        clause: list[Token] = []
        for token in tokens(text):
            if token.word != ".":
                clause.append(token)
                continue
            versioned = self._clause(clause) or versioned
            clause = []
        if clause:
            _dots(clause)
            raise wrong(
                clause[-1].place, f"the clause that ends with {clause[-1].source} is not closed: put ' .' after it"
            )
        if not versioned:
            raise wrong(Place(text, 0), "the version is missing: begin the schema with 'version 1 .'")

    def _clause(self, clause: list[Token]) -> bool:
        """One clause without its dot; whether it is the version."""
        if not clause:
            return False
        first, rest = clause[0], clause[1:]
        if rest and rest[0].word == "=":
            self._define(first, rest[1:])
        elif first.word == "version":
            if [token.source for token in rest] != ["1"]:
                raise wrong(first.place, "this is for version 1 of schemas: 'version 1 .'")
            return True
        elif first.word == "embeddedType" and len(rest) == 1:
            self.source.embedded = self._embedded_type(rest[0])
        elif first.word == "include" and len(rest) == 1 and type(rest[0].value) is str:
            self._included(rest[0])
        else:
            near = hint(first.word or "", _CLAUSES)
            known = "'version 1 .', 'embeddedType Name .', 'include \"file\" .' and 'Name = pattern .'"
            raise wrong(first.place, f"{first.source} begins no clause{near} (clauses are {known})")
        return False

    def _embedded_type(self, token: Token) -> Ref | bool:
        if token.value is False:
            return False
        if token.word is None or not _PATH.fullmatch(token.word):
            raise wrong(token.place, f"embeddedType is #f or the name of a definition, not {token.source}")
        *module, name = token.word.split(".")
        return Ref([Symbol(part) for part in module], Symbol(name))

    def _included(self, token: Token) -> None:
        name = token.value
        if self.include is None:
            raise wrong(
                token.place, f"include {name!r}: nothing says what that is; give load() a function include=name → text"
            )
        if name in self.inside:
            raise wrong(token.place, f"{name!r} includes itself: {' → '.join((*self.inside, name))}")
        _Reader(self.source, self.include, (*self.inside, name)).file(self.include(name))

    def _define(self, name: Token, body: list[Token]) -> None:
        _dots(body)
        if name.word is None or not _NAME.fullmatch(name.word):
            raise wrong(
                name.place, f"{name.source} cannot be the name of a definition: letters, digits and _, a letter first"
            )
        if name.word in self.source.definitions:
            raise wrong(name.place, f"{name.word} is defined twice, first at {self.source.origins[name.word]}")
        if name.word in ATOMS or name.word == "any":
            raise wrong(name.place, f"{name.word} has a meaning of its own, and cannot be defined")
        self.source.origins[name.word] = name.place
        doc = [line for line in name.comments if line.strip("-=# ") or not line]
        self.source.docs[name.word] = "\n".join(doc).strip()
        self.source.definitions[name.word] = self._definition(name, body)

    def _definition(self, name: Token, body: list[Token]) -> Any:
        split = {token.word for token in body} & {"/", "&"}
        if len(split) > 1:
            raise wrong(name.place, f"{name.word}: '/' and '&' do not mix; define one of the two apart and refer to it")
        if not split:
            return self._whole(name, body)
        between = split.pop()
        pieces: list[list[Token]] = [[]]
        for token in body:
            if token.word == between:
                pieces.append([])
            else:
                pieces[-1].append(token)
        if not pieces[0]:
            del pieces[0]  # an extra one in front is allowed
        if len(pieces) == 1:
            return self._whole(name, pieces[0])
        singles = [self._single(name, piece) for piece in pieces]
        made = (
            Or([[self._variant(token), self._pattern(token)] for token in singles])
            if between == "/"
            else And([self._part(token) for token in singles])
        )
        return self._at(made, name)

    def _whole(self, name: Token, body: list[Token]) -> Any:
        token = self._single(name, body)
        if self._name(token) is not None:
            raise wrong(
                token.place, f"{name.word} has one pattern, which needs no name: names are for parts and alternatives"
            )
        return self._pattern(token)

    def _single(self, name: Token, piece: list[Token]) -> Token:
        if not piece:
            raise wrong(name.place, f"{name.word}: a pattern is missing")
        if len(piece) > 1:
            raise wrong(piece[1].place, f"{name.word}: is a '.', '/' or '&' missing before {piece[1].source}?")
        return piece[0]

    def _variant(self, token: Token) -> str:
        """The name of an alternative: as given, or that of what it refers to, a record's label, a literal's text."""
        given = self._name(token)
        if given is not None:
            return given
        pattern = self._pattern(token)
        if isinstance(pattern, Ref):
            return pattern.name.name
        named = pattern.label if isinstance(pattern, Rec) else pattern
        if isinstance(named, Lit):
            value = named.value
            if type(value) is Symbol:
                return value.name
            if type(value) is bool:
                return "true" if value else "false"
            if type(value) in (str, int, float):
                return str(value)
        if token.word is not None:
            return token.word
        raise wrong(token.place, f"the alternative {token.source} needs a name: @name {token.source}")

    def _name(self, token: Token) -> str | None:
        names = [note for note in token.notes if note.word is not None]
        if len(names) > 1:
            raise wrong(names[1].place, f"two names for one part: {names[0].source} and {names[1].source}")
        return names[0].word if names else None

    def _at(self, pattern: Any, token: Token) -> Any:
        self.source.places[id(pattern)] = token.place
        return pattern

    def _part(self, token: Token) -> Any:
        """A pattern, with its name if it has one."""
        name = self._name(token)
        if name is None:
            return self._pattern(token)
        return self._at(NamedPattern(Symbol(name), self._simple(token)), token)

    def _simple(self, token: Token) -> Any:
        pattern = self._pattern(token)
        if not isinstance(pattern, _SIMPLE):
            raise wrong(
                token.place,
                f"{token.source} cannot stand here, since its parts would have no place to go: give it a definition of its own",
            )
        return pattern

    def _pattern(self, token: Token) -> Any:
        kinds = {"atom": self._atom, "[": self._sequence, "<": self._record, "{": self._dictionary}
        if token.kind in kinds:
            return self._at(kinds[token.kind](token), token)
        if token.kind == "embedded":
            return self._at(Embedding(self._simple(token.items[0])), token)
        if len(token.items) != 1:
            raise wrong(token.place, "a set has one pattern for all members: #{pattern}")
        return self._at(SetOf(self._simple(token.items[0])), token)

    def _atom(self, token: Token) -> Any:
        word = token.word
        if word is None:
            return Lit(token.value)
        if word in ATOMS:
            return Atom(Symbol(ATOMS[word]))
        if word == "any":
            return Symbol("any")  # one of its own, so that it has a place
        if word.startswith("=") and len(word) > 1:
            return Lit(Symbol(word[1:]))
        if _PATH.fullmatch(word):
            *module, name = word.split(".")
            return Ref([Symbol(part) for part in module], Symbol(name))
        if word == "...":
            raise wrong(
                token.place,
                "'...' stands at the end of a sequence or record, or as the entry '...:...' of a dictionary",
            )
        raise wrong(token.place, f"{token.source} is no pattern: write ={word} for the symbol")

    def _sequence(self, token: Token) -> Any:
        items = token.items
        if len(items) == 2 and items[1].word == "..." and self._name(items[0]) is None:
            return SeqOf(self._simple(items[0]))
        return self._fields(items, token)

    def _fields(self, items: list[Token], token: Token) -> Any:
        """A sequence with a fixed beginning."""
        if not items or items[-1].word != "...":
            return Tuple([self._part(item) for item in items])
        if len(items) == 1:
            raise wrong(token.place, "a pattern is missing before '...'")
        *fixed, last, _ = items
        rest: Any = self._at(SeqOf(self._simple(last)), last)
        name = self._name(last)
        if name is not None:
            rest = self._at(NamedPattern(Symbol(name), rest), last)
        return TuplePrefix([self._part(item) for item in fixed], rest)

    def _record(self, token: Token) -> Any:
        if not token.items:
            raise wrong(token.place, "a record has a label")
        label, *fields = token.items
        special = label.items[0].word if label.kind == "<" and len(label.items) == 1 else None
        if special == "lit":
            if len(fields) != 1:
                raise wrong(token.place, "a literal is one value: <<lit> value>")
            return Lit(fields[0].literal())
        if special == "rec":
            if len(fields) != 2:
                raise wrong(token.place, "a record of any label is written <<rec> label-pattern fields-pattern>")
            return Rec(self._part(fields[0]), self._part(fields[1]))
        return Rec(self._at(Lit(label.literal()), label), self._at(self._fields(fields, token), token))

    def _dictionary(self, token: Token) -> Any:
        entries = list(zip(token.items[::2], token.items[1::2], strict=True))
        if any(key.word == "..." for key, _ in entries):
            others = [(key, each) for key, each in entries if key.word != "..."]
            if len(others) != 1 or len(entries) != 2:
                raise wrong(token.place, "a dictionary of any size is written {key-pattern: value-pattern ...:...}")
            return DictOf(self._simple(others[0][0]), self._simple(others[0][1]))
        made = dictionary([(key.literal(), self._entry(key, each)) for key, each in entries])
        if len(made) != len(entries):
            raise wrong(token.place, "a key comes twice in a dictionary")
        return Entries(made)

    def _entry(self, key: Token, token: Token) -> Any:
        """The pattern of an entry, which takes the name of its key where it has none."""
        name = self._name(token) or key.word or (key.value if type(key.value) is str else None)
        pattern = self._simple(token)
        return pattern if not name else self._at(NamedPattern(Symbol(name), pattern), token)


def _dots(clause: list[Token]) -> None:
    """A dot behind a name belongs to the name: say so, since people write it."""
    for token in clause:
        if token.word is not None and token.word[-1] == "." and _PATH.fullmatch(token.word[:-1]):
            raise wrong(token.place, f"put a space before the '.' of {token.word}")
