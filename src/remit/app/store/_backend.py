"""What keeps a store: one interface, over memory, SQLite and PostgreSQL.

    open ──► (indexes are built in the background) ──► ready ──► close
         get has set delete look swap keys find: at any time after `open`

All of them do the same: `tests/app/store` runs one suite on each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from remit.app.store._form import from_json, to_json
from remit.app.store._index import Found, Index
from remit.app.store._names import check_key
from remit.errors import Conflict, Misuse

__all__ = ["MISSING", "PAGE", "Seen", "StoreBackend", "modify"]

PAGE: Final = 1000
"""Rows of one page of keys or of entries, at most."""

MISSING: Final = b""
"""The token of a key under which there is nothing."""

PATIENCE: Final = 30.0  # seconds that `modify` goes on while others are faster
Change = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """A value as it was at one time (None: there was none), and a token by which the backend knows whether it is still that one."""

    value: Any
    token: bytes


class StoreBackend(Protocol):
    """Keys and values, and indexes over them. Owned by whoever made it, until `close`; used by many tasks at once.

    Keys are texts of at most 1,024 bytes, in order of their UTF-8. Values are what passes between objects, but references; each result is fresh. `None`
    is no value: to set it is to delete. What has returned is kept (by memory: as long as it lives); what has raised has changed nothing, but for
    `Uncertain`, which says that this is not known.

    Raises `BadArgument` for keys and values that no store takes, `StoreFull`, `StoreError` and `StoreCorrupt` for what is wrong with what is kept, and
    with a server `Unreachable` (nothing was done) and `Uncertain`.
    """

    async def open(self, indexes: Sequence[Index]) -> None:
        """Make what is missing, and have the declared indexes built, and only these kept. Raises `Conflict` for a function that was changed and has
        kept its version, and for a place in which there is something else.
        """

    async def ready(self) -> None:
        """Wait until all indexes are built; raises what stands in the way."""

    async def get(self, key: str) -> Any:
        """The value, or None."""

    async def has(self, key: str) -> bool:
        """Whether there is a value."""

    async def set(self, key: str, value: Any) -> None:
        """Keep this value, in the place of what was there; None deletes."""

    async def delete(self, key: str) -> bool:
        """Whether there was anything."""

    async def look(self, key: str) -> Seen:
        """The value, and a token for `swap`."""

    async def swap(self, key: str, token: bytes, value: Any) -> bool:
        """Set the value (None: delete), if what is there is still what `look` has seen. Whether it was."""

    async def keys(self, prefix: str = "", after: str | None = None, most: int = PAGE) -> list[str]:
        """Keys that begin with the prefix and come after `after`, in order."""

    async def find(
        self,
        index: str,
        index_key: str,
        *,
        values: bool = False,
        inline: bool = True,
        prefix: str = "",
        after: tuple[str, int] | None = None,
        most: int = PAGE,
    ) -> list[Found]:
        """The entries under a key of an index, in order of the store's keys, of keys with the prefix, after the place `(key, place)`."""

    async def close(self) -> None:
        """Let go. What is kept stays; building goes on at the next `open`."""


_turns: dict[tuple[int, str], tuple[asyncio.Lock, list[int]]] = {}


async def modify(backend: StoreBackend, key: str, function: Change) -> Any:
    """Read, change and write, as if nobody else did anything in between; the new value.

    The function gets a copy of the value, or None, and gives the new one, or None to delete. It is called again where another has been faster, so
    it has no effects. Raises `Misuse` where it changed the copy and returned nothing, which would delete what it meant to change, and `Conflict`
    where others have been faster for 30 seconds.
    """
    check_key(key)
    lock, users = _turns.setdefault(
        (id(backend), key), (asyncio.Lock(), [0])
    )  # those of this process wait in line; others meet in `swap`
    users[0] += 1
    try:
        async with asyncio.timeout(PATIENCE) as limit, lock:
            while True:
                seen = await backend.look(key)
                before = None if seen.value is None else to_json(seen.value)
                value = function(seen.value)
                _check_change(key, function, value, before, seen.value)
                text = None if value is None else to_json(value)
                if text == before or await backend.swap(key, seen.token, value):
                    return None if text is None else from_json(text)
    except TimeoutError:
        if not limit.expired():  # the function's own
            raise
        raise Conflict(
            f"the value under {key!r} was changed by others each time, for {PATIENCE:g} s; nothing was changed by this call: try again"
        ) from None
    finally:
        users[0] -= 1
        if not users[0]:
            _turns.pop((id(backend), key), None)


def _check_change(key: str, function: Change, value: Any, before: bytes | None, seen: Any) -> None:
    name = getattr(function, "__name__", "the function")
    if asyncio.iscoroutine(value):
        value.close()
        raise Misuse(
            f"{name} of modify({key!r}, …) is async: it may be called again, so it only computes; do the rest before or after"
        )
    if value is None and before is not None and to_json(seen) != before:
        raise Misuse(
            f"{name} of modify({key!r}, …) changed its argument and returned nothing, which would delete the value: return it"
        )
