"""Values to the text syntax of Preserves.

Preserves text syntax. Sets and dictionaries stand in the total order. Control characters and marks of direction are escaped,
so that what a stranger has sent can be shown on a terminal.
"""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

from remit.errors import Misuse
from remit.values._data import Reference, Symbol, is_text
from remit.values._limits import INTEGER_DIGITS
from remit.values._passable import MOST, Unfit, unfit
from remit.values._plain import has_copier, plain_copy
from remit.values.preserves._annotated import Annotated, Embedded
from remit.values.preserves._atoms import unbare
from remit.values.preserves._containers import Compound, Map, Set
from remit.values.preserves._forms import arrived, spelled

__all__ = ["text"]

_DEPTH: Final = 64
_WIDTH: Final = 100  # characters of a line that is not broken, where lines are
_HEX: Final = 32  # bytes up to which hexadecimal is easier to read than base64
_PACK: Final = struct.Struct(">d").pack
_ESCAPED: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\\\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SHORT: Final = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}


def text(value: object, *, embedded: Callable[[Any], Any] | None = None, indent: int | None = None) -> str:
    """The text of a value, on one line; with `indent`, on several, so many spaces deeper for what stands inside.

    `embedded` gives the value that stands for a reference, or for an `Embedded`; without it references are refused. Raises
    `NotPassable` naming the path of the part that cannot be written.
    """
    if indent is not None and (type(indent) is not int or indent < 0):
        raise Misuse(f"text(indent=…) takes a number of spaces or None, not {indent!r}")
    try:
        return _Printer(embedded, indent).shown(value, 0, _DEPTH)
    except Unfit as error:
        raise error.refusal("value") from None


class _Printer:
    """How one value is written."""

    __slots__ = ("_embedded", "_indent")

    def __init__(self, embedded: Callable[[Any], Any] | None, indent: int | None) -> None:
        self._embedded = embedded
        self._indent = indent

    def shown(self, value: Any, column: int, depth: int) -> str:
        """The text of a value whose lines, but for the first, begin at this column."""
        kind = type(value)
        if kind is str:
            return _quoted(value, '"')
        if kind is Symbol:
            return _quoted(value.name, "'") if unbare(value.name) else value.name
        if kind is bool:
            return "#t" if value else "#f"
        if kind is int:
            if not -MOST < value < MOST:
                raise Unfit(f"an int of more than {INTEGER_DIGITS} digits cannot be written; write it as bytes")
            return str(value)
        if kind is float:
            return repr(value) if math.isfinite(value) else f'#xd"{_PACK(value).hex()}"'
        if kind is bytes:
            return _bytes(value)
        if depth < 1:
            raise Unfit(f"nested deeper than {_DEPTH} levels, or containing itself; write references or flatter data")
        return self._compound(value, kind, column, depth - 1)

    def _compound(self, value: Any, kind: type, column: int, depth: int) -> str:
        if kind is list or kind is tuple:
            return self._around("[", self._items(value, column, depth), "]", column)
        if kind is dict or kind is Map:
            return self._dictionary(value, kind, column, depth)
        if kind is Set:
            return self._around("#{", self._items(value.members, column, depth), "}", column)
        if kind is Compound:
            return self._record(value.label, value.fields, column, depth)
        if kind is Annotated:
            notes = ["@" + self.shown(note, column, depth) for note in value.annotations]
            return self._joined([*notes, self.shown(value.value, column, depth)], column)
        if kind is Embedded or isinstance(value, Reference):
            return "#:" + self.shown(self._stand_in(value), column, depth)
        found = arrived(value)
        if found is not value:
            return self.shown(found, column, depth)
        record = spelled(value)
        if record is not None:
            return self._record(record[0], record[1], column, depth)
        if has_copier(kind):
            return self.shown(plain_copy(value), column, depth)
        if kind is set or kind is frozenset:
            raise Unfit(f"a {kind.__name__} cannot be written: it finds True under 1; make it a preserves.Set")
        raise unfit(value)

    def _stand_in(self, value: Any) -> Any:
        if self._embedded is not None:
            return self._embedded(value)
        if type(value) is Embedded:
            return value.value
        raise Unfit("a reference cannot be written here: say with embedded=… what stands for it")

    def _items(self, items: Sequence[Any], column: int, depth: int) -> list[str]:
        shown: list[str] = []
        try:
            for item in items:
                shown.append(self.shown(item, column + (self._indent or 0), depth))  # noqa: PERF401  # its length tells the item that failed
        except Unfit as error:
            error.path.append(f"[{len(shown)}]")
            raise
        return shown

    def _dictionary(self, value: Any, kind: type, column: int, depth: int) -> str:
        shown: list[str] = []
        inside = column + (self._indent or 0)
        name: Any = None
        try:
            for name in value if kind is Map else sorted(value):
                if kind is dict and type(name) is not str:
                    raise Unfit(
                        f"a dict with a key that is a {type(name).__name__} cannot be written; make it a preserves.Map"
                    )
                shown.append(f"{self.shown(name, inside, depth)}: {self.shown(value[name], inside, depth)}")
        except Unfit as error:
            error.path.append(f"[{name!r}]")
            raise
        return self._around("{", shown, "}", column)

    def _record(self, label: Any, fields: Sequence[Any], column: int, depth: int) -> str:
        try:
            first = self.shown(label, column, depth)
        except Unfit as error:
            error.path.append(".label")
            raise
        shown = self._items(fields, column, depth)
        if shown and self._broken([first, *shown], column):
            return self._lines(f"<{first}", shown, ">", column)
        return f"<{' '.join([first, *shown])}>"

    def _broken(self, shown: list[str], column: int) -> bool:
        if self._indent is None:
            return False
        return any("\n" in each for each in shown) or column + sum(map(len, shown)) + len(shown) > _WIDTH

    def _around(self, begin: str, shown: list[str], end: str, column: int) -> str:
        if not self._broken(shown, column):
            return f"{begin}{' '.join(shown)}{end}"
        return self._lines(begin, shown, end, column)

    def _lines(self, begin: str, shown: list[str], end: str, column: int) -> str:
        lines = "".join(f"\n{' ' * (column + (self._indent or 0))}{each}" for each in shown)
        return f"{begin}{lines}\n{' ' * column}{end}"

    def _joined(self, shown: list[str], column: int) -> str:
        return f"\n{' ' * column}".join(shown) if self._indent is not None else " ".join(shown)


def _quoted(body: str, quote: str) -> str:
    if not is_text(body):
        raise Unfit(
            "a str with lone surrogates cannot be written; decode bytes with errors='strict', or write the bytes"
        )
    return quote + _ESCAPED.sub(_escape, body).replace(quote, "\\" + quote) + quote


def _escape(match: re.Match[str]) -> str:
    c = match[0]
    if c in _SHORT:
        return _SHORT[c]
    return "".join(
        f"\\u{unit:04x}" for unit in struct.unpack(f">{len(c.encode('utf-16-be')) // 2}H", c.encode("utf-16-be"))
    )


def _bytes(data: bytes) -> str:
    if data.isascii() and data.decode("ascii").isprintable():
        return "#" + _quoted(data.decode("ascii"), '"')
    return f'#x"{data.hex()}"' if len(data) <= _HEX else f"#[{base64.b64encode(data).decode()}]"
