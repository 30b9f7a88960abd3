"""Indexes: what a program says of one, and what its function gives for a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from remit.app.store._fingerprint import fingerprint
from remit.app.store._form import from_json, to_json
from remit.app.store._names import check_key
from remit.errors import BadArgument, Misuse, RemitError
from remit.values import record

__all__ = ["Entry", "Found", "Index", "Row", "index", "rows_of"]

MOST: Final = 1000  # entries of one value in one index

Row = tuple[str, int, str | None]
"""A key of the index, which of the value's entries it is (from 0), and the inline value as JSON, if any."""


@record("remit.store.entry")
class Entry:
    """What an index function gives, none or several for each value: the key to find it by, and what is kept `inline`, beside that key."""

    index_key: str
    inline: Any = None


@record("remit.store.found")
class Found:
    """One entry that was found: the key of the index, the key in the store, and what was asked for besides.

    `inline` and `value` are None where they were not asked for, or there is none. `place` counts the entries of one value.
    """

    index_key: str
    key: str
    inline: Any = None
    value: Any = None
    place: int = 0


class Index:
    """An index as a program declares it: a name, a version, and a function of a value that gives its entries. Immutable.

    The function is pure: it is given a copy of the value, and gives `Entry`s or plain texts, none or several. A changed function needs another version.
    """

    __slots__ = ("fingerprint", "function", "name", "version")

    def __init__(self, name: str, version: int, function: Callable[[Any], Any]) -> None:
        if type(name) is not str or not name or len(name.encode()) > 200 or "\0" in name:
            raise Misuse(f"an index has a name of at most 200 bytes, not {name!r}")
        if type(version) is not int or not 0 < version < 1 << 31:
            raise Misuse(f"the version of the index {name!r} is a whole number from 1 up, not {version!r}")
        if not callable(function):
            raise Misuse(f"the index {name!r} has a function of a value, not {type(function).__name__}")
        self.name = name
        self.version = version
        self.function = function
        self.fingerprint = fingerprint(function)

    def __repr__(self) -> str:
        return f"<Index {self.name} version {self.version}>"

    def __call__(self, value: Any) -> Any:
        """What the function gives, as if it had no decoration."""
        return self.function(value)

    def spec(self) -> dict[str, Any]:
        """The index as data, for the graph."""
        return {"name": self.name, "version": self.version, "fingerprint": self.fingerprint}


def index(*, version: int = 1, name: str = "") -> Callable[[Callable[[Any], Any]], Index]:
    """Make an index of a function: `@index(version=2)`. Its name is the function's, unless another is given."""

    def made(function: Callable[[Any], Any]) -> Index:
        return Index(name or getattr(function, "__name__", ""), version, function)

    return made


def rows_of(index: Index, key: str, text: bytes | str) -> list[Row]:
    """The rows of one index for the value with this JSON text. Raises `BadArgument`, naming index and key, where the function fails or gives what is no
    entry.
    """
    try:
        given = index.function(from_json(text))
        if isinstance(given, (str, Entry)):
            given = [given]
        rows: list[Row] = []
        for entry in _entries(given):
            inline = None if entry.inline is None else to_json(entry.inline).decode()
            rows.append((check_key(entry.index_key, "key of an index"), len(rows), inline))
            if len(rows) > MOST:
                raise BadArgument(f"it has more than {MOST} entries")
    except RemitError as error:
        raise BadArgument(
            f"the index {index.name!r} cannot take the value under {key!r}: {getattr(error, 'message', error)}"
        ) from None
    except Exception as error:
        raise BadArgument(
            f"the function of the index {index.name!r} failed on the value under {key!r}: {type(error).__name__}: {error}; nothing was changed"
        ) from error
    return rows


def _entries(given: object) -> Iterable[Entry]:
    if given is None:
        return
    if not isinstance(given, Iterable):
        raise BadArgument(f"its function gives Entry(…) or texts, not {type(given).__name__}")
    for each in given:
        if isinstance(each, Entry):
            yield each
        elif type(each) is str:
            yield Entry(each)
        else:
            raise BadArgument(f"its function gives Entry(…) or texts, not {type(each).__name__}")
