"""The text syntax of Preserves to values: a superset of JSON for people.

Preserves text syntax. One loop with its own stack, as in `_decode`. A comment is an annotation of the value that follows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from remit.errors import DecodeError, LimitExceeded, ProtocolError
from remit.values._data import Symbol
from remit.values._limits import DEFAULT_LIMITS, Limits
from remit.values.preserves._annotated import Annotated, Embedded
from remit.values.preserves._atoms import BARE, BARE_OLD, fault, quoted, read_bare, read_hash
from remit.values.preserves._records import Wrong, closed_dictionary, closed_record, closed_set

__all__ = ["Parser", "parse", "parse_all", "parse_located", "place_of"]

# What is open: the tags of binary syntax, and 0 at the top. Up to _EMBEDDING, it holds one value.
_TOP: Final = 0
_ANNOTATED: Final = 0x83  # behind its first annotation
_ANNOTATION: Final = 0x85
_EMBEDDING: Final = 0x86
_RECORD: Final = 0xB4
_SEQUENCE: Final = 0xB5
_SET: Final = 0xB6
_DICTIONARY: Final = 0xB7

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_LINE: Final = re.compile(r"[^\r\n]*")
_OPEN: Final = {"<": _RECORD, "[": _SEQUENCE, "{": _DICTIONARY}
_CLOSE: Final = {_RECORD: ">", _SEQUENCE: "]", _SET: "}", _DICTIONARY: "}"}
_NAMES: Final = {
    _TOP: "at the top",
    _ANNOTATED: "between an annotation and its value",
    _ANNOTATION: "behind an @",
    _EMBEDDING: "behind a #:",
    _RECORD: "in a record",
    _SEQUENCE: "in a sequence",
    _SET: "in a set",
    _DICTIONARY: "in a dictionary",
}


def parse(
    text: str,
    *,
    limits: Limits = DEFAULT_LIMITS,
    embedded: Callable[[Any], Any] | None = None,
    annotations: bool = False,
    old_symbols: bool = False,
) -> Any:
    """The value that this text spells; comments and whitespace may follow, and nothing else.

    `embedded` makes of each embedded value what the program wants instead, such as a reference. Annotations, of which
    comments are some, are dropped, or kept as `Annotated`. With `old_symbols`, symbols are quoted as `|…|`, as in files that
    were written before 2025, instead of `'…'`. Raises `Truncated` where the text ends too early, `LimitExceeded` where a
    limit is passed and `DecodeError` for everything else, with line and column.
    """
    parser = Parser(text, limits, embedded, annotations, old_symbols)
    value = parser.value()
    if not parser.ended():
        raise fault(text, parser.start(), "text follows after the end of the value")
    return value


def parse_all(
    text: str,
    *,
    limits: Limits = DEFAULT_LIMITS,
    embedded: Callable[[Any], Any] | None = None,
    annotations: bool = False,
    old_symbols: bool = False,
) -> list[Any]:
    """The values of a file, in order. The same arguments and errors as `parse`. Comments behind the last value are skipped."""
    parser = Parser(text, limits, embedded, annotations, old_symbols)
    values = []
    while not parser.ended():
        values.append(parser.value())
    return values


def parse_located(
    text: str,
    *,
    limits: Limits = DEFAULT_LIMITS,
    embedded: Callable[[Any], Any] | None = None,
) -> list[tuple[Any, int, int]]:
    """The values of a file, each with the line and column, from 1, at which it begins, behind comments: for what says where a value is wrong."""
    parser = Parser(text, limits, embedded, False, False)
    values = []
    while not parser.ended():
        start = parser.start()
        line = text.rfind("\n", 0, start)
        values.append((parser.value(), text.count("\n", 0, start) + 1, start - line))
    return values


def place_of(text: str, path: Sequence[int], *, limits: Limits = DEFAULT_LIMITS) -> tuple[int, int]:
    """The line and column, from 1, at which a value of a file begins: `path` is its number among those of the file, then in each sequence on the way.

    For what was parsed before; where there is no such value, the place of the last one on the way.
    """
    parser = Parser(text, limits, None, False, False)
    found = parser.start()
    for depth, number in enumerate(path):
        if depth:
            if text[found : found + 1] != "[":
                break
            parser.at = found + 1
        for _ in range(number):
            parser.pass_over()
        start = parser.between()
        if text[start : start + 1] in ("]", ""):
            break
        found = start
    line = text.rfind("\n", 0, found)
    return text.count("\n", 0, found) + 1, found - line


class Parser:
    """Reads one value after the other from a text; `at` is the offset of what comes next."""

    __slots__ = ("_annotations", "_count", "_embedded", "_items", "_limits", "_old", "_stack", "_tag", "_text", "at")

    def __init__(
        self, text: str, limits: Limits, embedded: Callable[[Any], Any] | None, annotations: bool, old_symbols: bool
    ) -> None:
        if len(text) > limits.frame:
            raise LimitExceeded(f"a text of {len(text)} characters is longer than Limits.frame, {limits.frame}")
        try:
            text.isascii() or text.encode()
        except UnicodeEncodeError as error:
            raise fault(text, error.start, "half of a surrogate pair stands alone") from None
        self.at = 0
        self._text = text
        self._limits = limits
        self._embedded = embedded
        self._annotations = annotations
        self._old = old_symbols
        self._count = 0
        self._stack: list[tuple[list[Any], int, int]] = []
        self._items: list[Any] = []
        self._tag = _TOP

    def ended(self) -> bool:
        """Whether nothing but whitespace and comments is left."""
        return self.start() >= len(self._text)

    def start(self) -> int:
        """Where the next value begins: behind whitespace and comments."""
        at = self._space(self.at)
        while self._text[at : at + 1] == "#" and self._text[at + 1 : at + 2] in (" ", "\t", "\r", "\n", "!", ""):
            at = self._space(_end_of_line(self._text, at))
        return at

    def between(self) -> int:
        """Where the next value of a sequence begins: behind commas, too."""
        at = self.start()
        while self._text[at : at + 1] == ",":
            self.at = at + 1
            at = self.start()
        return at

    def pass_over(self) -> None:
        """Read the next value of a sequence, if there is one."""
        self.at = self.between()
        if self._text[self.at : self.at + 1] not in ("]", ""):
            self.value()

    def value(self) -> Any:
        """The next value."""
        text = self._text
        self._items, self._tag = [], _TOP
        while True:
            self._next(text)
            if self._tag <= _EMBEDDING and self._single():
                return self._items[0]
            if self._tag == _DICTIONARY and len(self._items) & 1:
                self._colon(text)

    def _space(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        assert match is not None
        return match.end()

    def _next(self, text: str) -> None:
        """Read on until a value has been added to what is open."""
        bare = BARE_OLD if self._old else BARE
        while True:
            at = self._space(self.at)
            c = text[at : at + 1]
            match = bare.match(text, at)
            if match is not None:
                self._items.append(read_bare(text, at, match[0], self._limits))
                self.at = match.end()
                return
            if c == '"':
                found, self.at = quoted(text, at + 1, c)
                self._items.append(found)
                return
            if c == ("|" if self._old else "'"):
                found, self.at = quoted(text, at + 1, c)
                self._items.append(Symbol(found))
                return
            if c in _OPEN:
                self._open(_OPEN[c], at, 1)
            elif c == "#":
                if self._hash(text, at):
                    return
            elif c == "@":
                self._open(_ANNOTATION, at, 1)
            elif c == "," and (
                self._tag in (_SEQUENCE, _SET) or (self._tag == _DICTIONARY and not len(self._items) & 1)
            ):
                self.at = at + 1
            elif c and c == _CLOSE.get(self._tag):
                self._close(at)
                return
            else:
                raise self._unexpected(text, at, c)

    def _hash(self, text: str, at: int) -> bool:
        """Read what begins with #; whether a value was added."""
        c = text[at + 1 : at + 2]
        if c == "{":
            self._open(_SET, at, 2)
        elif c == ":":
            self._open(_EMBEDDING, at, 2)
        elif c in ("!", " ", "\t", "\r", "\n") and c:
            end = _end_of_line(text, at)
            line = text[at + 2 : end] if c not in "\r\n" else ""
            self._annotate(closed_record([Symbol("interpreter"), line]) if c == "!" else line, at)
            self.at = end
        else:
            found, self.at = read_hash(text, at + 1)
            self._items.append(found)
            return True
        return False

    def _open(self, tag: int, at: int, size: int) -> None:
        self._stack.append((self._items, self._tag, at))
        if len(self._stack) > self._limits.depth:
            raise LimitExceeded(f"nested deeper than Limits.depth, {self._limits.depth} {_place(self._text, at)}")
        self._items, self._tag = [], tag
        self.at = at + size

    def _annotate(self, annotation: Any, at: int) -> None:
        if self._tag != _ANNOTATED:
            self._open(_ANNOTATED, at, 0)
        self._items.append(annotation)

    def _close(self, at: int) -> None:
        """End the compound value that is open; it is added to what holds it."""
        inner, tag = self._items, self._tag
        self._count += len(inner)
        if self._count > self._limits.items:
            raise LimitExceeded(f"more values than Limits.items, {self._limits.items} {_place(self._text, at)}")
        self._items, self._tag, start = self._stack.pop()
        try:
            self._items.append(inner if tag == _SEQUENCE else _CLOSED[tag](inner))
        except Wrong as error:
            raise fault(self._text, start, str(error)) from None
        self.at = at + 1

    def _single(self) -> bool:
        """End what holds one value and has it now; whether that was the value at the top."""
        while self._tag <= _EMBEDDING:
            if self._tag == _TOP:
                return True
            items, tag = self._items, self._tag
            value = items.pop()
            self._items, self._tag, start = self._stack.pop()
            if tag == _ANNOTATION:
                self._annotate(value, self.at)
                return False
            if tag == _EMBEDDING:
                value = self._made(value, start)
            elif self._annotations:
                value = Annotated(items, value)
            self._items.append(value)
        return False

    def _made(self, value: Any, start: int) -> Any:
        """What the program makes of an embedded value."""
        if self._embedded is None:
            return Embedded(value)
        try:
            return self._embedded(value)
        except ProtocolError as error:
            if type(error) is ProtocolError:
                raise fault(self._text, start, str(error)) from None
            raise

    def _colon(self, text: str) -> None:
        at = self._space(self.at)
        if text[at : at + 1] != ":":
            raise fault(text, at, "a : stands between a key and its value, and here is none")
        self.at = at + 1

    def _unexpected(self, text: str, at: int, c: str) -> DecodeError:
        where = _NAMES[self._tag]
        if not c:
            return fault(text, at, f"the text ends {where}, where a value should stand")
        if c == ",":
            return fault(text, at, f"a comma stands {where}: commas stand between items and entries only")
        if c == ";":
            return fault(text, at, "a ; stands for nothing (any more): a comment begins with # and a space")
        if c == ":":
            return fault(text, at, f"a : stands {where}: it belongs between the key and value of an entry")
        if c in "])}>" and self._tag in (_ANNOTATED, _ANNOTATION):
            return fault(text, at, f"{c} stands where the value of an annotation should; comments stand before a value")
        if c in "]})>":
            return fault(text, at, f"{c} stands {where} and closes nothing")
        return fault(text, at, f"the character {c!r} begins no value; symbols of unusual characters stand in quotes")


def _end_of_line(text: str, at: int) -> int:
    """Where the line of the comment that begins at this offset ends."""
    match = _LINE.match(text, at + 1)
    assert match is not None
    return match.end()


def _place(text: str, at: int) -> str:
    error = fault(text, at, "")
    return f"(at line {error.line}, column {error.column})"


_CLOSED: Final[dict[int, Callable[[list[Any]], Any]]] = {
    _RECORD: closed_record,
    _SET: closed_set,
    _DICTIONARY: closed_dictionary,
}
