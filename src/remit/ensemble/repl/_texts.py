"""What people are shown of values and errors: text of a bounded length, whatever the value does."""

from __future__ import annotations

import itertools
import linecache
import os
import traceback
from collections import deque
from typing import Any, Final

__all__ = ["Sources", "shown", "told"]

VALUE: Final = 16_000
"""Characters of a value."""
ITEMS: Final = 2000
"""Items of one container, and of those inside of it together."""
DEEPEST: Final = 12
WORDS: Final = 4000
"""Characters of an error's own words."""
TRACEBACK: Final = 32_000
KEPT: Final = 200
"""Pieces of source of one session that tracebacks can quote."""
_numbers: Final = itertools.count(1)  # of all sessions: Python keeps lines by file name
_HERE: Final = os.path.dirname(os.path.abspath(__file__)) + os.sep
_ENDS: Final[dict[type, tuple[str, str]]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    dict: ("{", "}"),
    deque: ("deque([", "])"),
}


class Shower:
    """Writes one value; ends with it. `left`: items that may still be shown."""

    __slots__ = ("left", "size")

    def __init__(self) -> None:
        self.left = ITEMS
        self.size = 0

    def show(self, value: Any, depth: int) -> str:
        """As `repr`, for the containers that everybody uses item by item."""
        kind = type(value)
        if kind in _ENDS and value:
            text = self._items(value, kind, depth)
        elif kind in (str, bytes) and len(value) > VALUE:
            text = f"{value[:VALUE]!r}… ({len(value)} in all)"
        elif kind is int and value.bit_length() > 4 * VALUE:
            text = f"<an int of {value.bit_length()} bits>"
        else:
            text = _repr(value)
        self.size += len(text)
        return text

    def _items(self, value: Any, kind: type, depth: int) -> str:
        opening, closing = _ENDS[kind]
        if depth == DEEPEST:
            return f"{opening}…{closing}"
        shown: list[str] = []
        for item in value.items() if kind is dict else value:
            if self.left <= 0 or self.size > VALUE:
                shown.append(f"… ({len(value)} in all)")
                break
            self.left -= 1
            if kind is dict:
                shown.append(f"{self.show(item[0], depth + 1)}: {self.show(item[1], depth + 1)}")
            else:
                shown.append(self.show(item, depth + 1))
        return f"{opening}{', '.join(shown)}{',' if kind is tuple and len(value) == 1 else ''}{closing}"


def shown(value: Any) -> str:
    """The value as text, at most `VALUE` characters or a little more. A `repr` that raises is told; one that never ends can be interrupted."""
    return _cut(Shower().show(value, 0), VALUE + 1000)


def _repr(value: Any) -> str:
    try:
        text = repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # a repr is anybody's code
        return f"<{type(value).__qualname__} object at {id(value):#x}, whose repr raised {type(error).__qualname__}>"
    return _cut(text, VALUE)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters in all)"


def told(error: BaseException, note: str = "") -> str:
    """The error with its traceback, without what of it is ours; `note` is added to the last line."""
    try:
        made = traceback.TracebackException.from_exception(error, compact=True)
        _shorten(made, 0)
        text = "".join(made.format())
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  # an error that cannot even be printed
        text = f"{type(error).__qualname__}, which could not be printed\n"
    if len(text) > TRACEBACK:
        text = f"{text[: TRACEBACK // 2]}\n[…]\n{text[-TRACEBACK // 2 :]}"
    return f"{text.rstrip()}{note}\n"


def _shorten(made: Any, depth: int) -> None:
    """Leave out our own frames, and cut the words, which may be as long as memory allows; of the errors that led to it, too."""
    if made is None or depth > 20:
        return
    made.stack[:] = [each for each in made.stack if not each.filename.startswith(_HERE)]
    words = getattr(made, "_str", None)
    if isinstance(words, str):
        made._str = _cut(words, WORDS)
    for each in (made.__cause__, made.__context__, *(made.exceptions or ())):
        _shorten(each, depth + 1)


class Sources:
    """The pieces of source of one session, where tracebacks look for lines. Owned by the session, which closes it."""

    def __init__(self) -> None:
        self._names: deque[str] = deque()

    def add(self, source: str) -> str:
        """A file name for this piece."""
        name = f"<input {next(_numbers)}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        self._names.append(name)
        while len(self._names) > KEPT:
            linecache.cache.pop(self._names.popleft(), None)
        return name

    def close(self) -> None:
        """Forget them."""
        while self._names:
            linecache.cache.pop(self._names.popleft(), None)
