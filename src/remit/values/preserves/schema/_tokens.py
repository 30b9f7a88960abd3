"""The tokens of a `.prs` file, each with its place, so that errors can name it.

A schema is a run of Preserves values ("Preserves Schema", section *Concrete syntax*). The borders of values are found here, with
comments and annotations; what an atom or literal is, the text reader of Preserves says.
"""

from __future__ import annotations

import re
from typing import Any, Final

from remit.errors import DecodeError
from remit.values._data import Symbol
from remit.values.preserves._parse import parse
from remit.values.preserves.schema._place import Place, wrong

__all__ = ["Token", "tokens"]

_SPACE: Final = re.compile(r"[\s,]*")
_BARE: Final = re.compile(r"""[^\s<>\[\]{}#:"'@;,]+""")
_QUOTED: Final = {quote: re.compile(rf"{quote}(?:[^{quote}\\]|\\.)*{quote}", re.DOTALL) for quote in "\"'"}
_HASHED: Final = re.compile(r'#(?:[tf](?![^\s<>\[\]{}#:"\'@;,])|x?d?"(?:[^"\\]|\\.)*"|\[[^\]]*\])', re.DOTALL)
_COMMENT: Final = re.compile(r"#(?:[ \t!]([^\n]*)|(?=\n|$))(?:\n|$)?")
_CLOSED: Final = {"<": ">", "[": "]", "{": "}", "#{": "}"}
_DEPTH: Final = 100


class Token:
    """One value: what kind of token it is, its parts, what is noted before it, and where it begins."""

    __slots__ = ("comments", "items", "kind", "notes", "place", "source", "value")

    def __init__(self, kind: str, place: Place) -> None:
        self.kind = kind  # "atom", "embedded", or the bracket that opens it: "<", "[", "{", "#{"
        self.place = place
        self.source = ""
        self.value: Any = None  # of an atom
        self.items: list[Token] = []  # of a dictionary: keys and values in turn
        self.notes: list[Token] = []  # annotations that are no comments
        self.comments: list[str] = []

    @property
    def word(self) -> str | None:
        """The name, if it is a symbol."""
        return self.value.name if type(self.value) is Symbol else None

    def literal(self) -> Any:
        """The value that the token is, for literals."""
        try:
            return parse(self.source)
        except DecodeError as error:
            place = Place(self.place.text, self.place.offset + error.offset)
            raise wrong(place, str(error).rpartition(" (at ")[0]) from None


def tokens(text: str) -> list[Token]:
    """All values of a file; comments after the last are dropped."""
    reader = _Reader(text)
    found: list[Token] = []
    while True:
        token = reader.token(0, last=True)
        if token is None:
            return found
        found.append(token)


class _Reader:
    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def wrong(self, message: str, at: int | None = None) -> DecodeError:
        return wrong(Place(self.text, self.at if at is None else at), message)

    def token(self, depth: int, last: bool = False) -> Token | None:
        """The next value; None at a closing bracket, or at the end where that may be."""
        if depth > _DEPTH:
            raise self.wrong(f"values nested deeper than {_DEPTH} levels")
        notes, comments = self._notes(depth)
        start = self.at
        if start == len(self.text):
            if last and not notes:
                return None
            raise self.wrong("the text ends where a value should follow" if notes else "the text ends inside a value")
        char = self.text[start]
        if char in ">]}":
            if notes:
                raise self.wrong("an annotation without a value after it")
            return None
        token = self._compound(char, depth) or self._atom(char)
        token.source = self.text[start : self.at]
        token.notes, token.comments = notes, comments
        return token

    def _notes(self, depth: int) -> tuple[list[Token], list[str]]:
        notes: list[Token] = []
        comments: list[str] = []
        while True:
            self._skip(_SPACE)
            if self.text.startswith("@", self.at):
                self.at += 1
                note = self.token(depth + 1)
                if note is None:
                    raise self.wrong("an annotation is missing after '@'")
                notes.append(note)
            elif match := _COMMENT.match(self.text, self.at):
                comments.append((match[1] or "").strip())
                self.at = match.end()
            else:
                return notes, comments

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return match is not None

    def _compound(self, char: str, depth: int) -> Token | None:
        opened = "#{" if self.text.startswith("#{", self.at) else char
        token = Token(opened, Place(self.text, self.at))
        if self.text.startswith("#:", self.at):
            self.at += 2
            token.kind = "embedded"
            inner = self.token(depth + 1)
            if inner is None:
                raise self.wrong("an interface is missing after '#:'")
            token.items.append(inner)
            return token
        if opened not in _CLOSED:
            return None
        start = self.at
        self.at += len(opened)
        while True:
            item = self.token(depth + 1)
            if item is None:
                break
            token.items.append(item)
            if opened == "{" and len(token.items) % 2:
                self._skip(_SPACE)
                if not self.text.startswith(":", self.at):
                    raise self.wrong("a ':' is missing after the key of an entry")
                self.at += 1
        if not self.text.startswith(_CLOSED[opened], self.at):
            raise self.wrong(f"{self.text[self.at]!r} does not close the {opened!r} of {Place(self.text, start)}")
        if opened == "{" and len(token.items) % 2:
            raise self.wrong("the value of an entry is missing")
        self.at += 1
        return token

    def _atom(self, char: str) -> Token:
        token = Token("atom", Place(self.text, self.at))
        start = self.at
        known = self._skip(_QUOTED[char]) if char in _QUOTED else self._skip(_HASHED if char == "#" else _BARE)
        if char == ";":
            raise self.wrong("';' begins no value; a comment begins with '# '")
        if not known:
            raise self.wrong("a string or symbol that does not end" if char in "\"'" else f"{char!r} begins no value")
        token.source = self.text[start : self.at]
        token.value = token.literal()
        return token
