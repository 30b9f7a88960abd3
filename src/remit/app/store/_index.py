"""Indexes: what a program says of one, and what its function gives for a value."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final, overload

from remit.app.store._fingerprint import fingerprint
from remit.app.store._form import from_json, to_json
from remit.app.store._names import check_key
from remit.errors import BadArgument, Misuse, RemitError
from remit.values import record

__all__ = ["Entry", "Found", "Index", "IndexView", "Row", "index", "rows_of"]

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
        if isinstance(function, staticmethod):
            function = function.__func__
        if not callable(function):
            raise Misuse(f"the index {name!r} has a function of a value, not {type(function).__name__}")
        self.name = name
        self.version = version
        self.function = function
        self.fingerprint = fingerprint(function)

    @overload
    def __get__(self, it: None, owner: Any = None) -> Index: ...

    @overload
    def __get__(self, it: object, owner: Any = None) -> IndexView: ...

    def __get__(self, it: Any, owner: Any = None) -> Any:
        """As the attribute of a store, it is what looks entries up there."""
        return self if it is None else IndexView(it, self.name)

    def __repr__(self) -> str:
        return f"<Index {self.name} version {self.version}>"

    def __call__(self, value: Any) -> Any:
        """What the function gives, as if it had no decoration."""
        return self.function(value)

    def spec(self) -> dict[str, Any]:
        """The index as data, for the graph."""
        return {"name": self.name, "version": self.version, "fingerprint": self.fingerprint}


class IndexView:
    """An index of one store: looks entries up. Made when it is used, and owned by nobody."""

    __slots__ = ("_name", "_store")

    def __init__(self, store: Any, name: str) -> None:
        self._store = store
        self._name = name

    async def get(self, index_key: str, *, values: bool = False, inline: bool = True, prefix: str = "") -> list[Found]:
        """All entries under this key, in order of the store's keys: with the inline values, and with `values` what is kept under the keys."""
        return [each async for each in self.entries(index_key, values=values, inline=inline, prefix=prefix)]

    async def entries(
        self, index_key: str, *, values: bool = False, inline: bool = True, prefix: str = ""
    ) -> AsyncIterator[Found]:
        """The same one after the other, fetched in pages."""
        after: list[Any] | None = None
        while True:
            page = await self._store.find(self._name, index_key, prefix, values=values, inline=inline, after=after)
            for each in page:
                yield each
            if not page:
                return
            after = [page[-1].key, page[-1].place]


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
