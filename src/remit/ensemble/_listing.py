"""What is there now, by id and by role: the registry's own view of its dataspace. Plain data, changed in turns of the registry."""

from __future__ import annotations

import difflib
from bisect import bisect_right
from typing import TYPE_CHECKING

from remit.ensemble._ids import ServerId, within

if TYPE_CHECKING:
    from collections.abc import Iterable

    from remit.ensemble._records import ServerEntry

__all__ = ["Listing"]


class Listing:
    """Entries by whole id, and ids by role. An entry that is said to go is dropped only if it is still the one that is known."""

    __slots__ = ("_ids", "_roles", "_sorted")

    def __init__(self) -> None:
        self._ids: dict[str, ServerEntry] = {}
        self._roles: dict[str, dict[str, ServerEntry]] = {}
        self._sorted: list[str] | None = []

    def __len__(self) -> int:
        return len(self._ids)

    def came(self, entry: ServerEntry) -> None:
        """A server is there, or is there with other roles."""
        old = self._ids.get(entry.id)
        if old is None:
            self._sorted = None
        else:
            self._leave(old)
        self._ids[entry.id] = entry
        for role in entry.roles:
            self._roles.setdefault(role, {})[entry.id] = entry

    def went(self, entry: ServerEntry) -> None:
        """What was said of a server is withdrawn."""
        known = self._ids.get(entry.id)
        if known is not None and known.door == entry.door and known.since == entry.since:
            self._leave(known)
            del self._ids[entry.id]
            self._sorted = None

    def find(self, id: str) -> ServerEntry | None:
        """The server with this whole id, if it is there."""
        return self._ids.get(id)

    def with_role(self, role: str, domain: str) -> list[ServerEntry]:
        """The servers of a role in a domain and below it, by id."""
        found = self._roles.get(role, {})
        return [found[id] for id in sorted(found) if within(_domain(id), domain)]

    def page(self, domain: str, after: str, most: int) -> list[ServerEntry]:
        """Some of the servers of a domain and below it, by id, those behind `after`."""
        if self._sorted is None:
            self._sorted = sorted(self._ids)
        made: list[ServerEntry] = []
        for place in range(bisect_right(self._sorted, after), len(self._sorted)):
            if len(made) >= most:
                break
            if within(_domain(self._sorted[place]), domain):
                made.append(self._ids[self._sorted[place]])
        return made

    def ids(self, names: dict[bytes, str]) -> dict[str, list[str]]:
        """The ids of the servers that have these keys, under the keys' names."""
        found: dict[str, list[str]] = {}
        for entry in self._ids.values():
            if entry.key in names:
                found.setdefault(names[entry.key], []).append(entry.id)
        return {name: sorted(ids) for name, ids in found.items()}

    def near(self, id: ServerId) -> str:
        """Words about what is like an id that is not there."""
        return did_you_mean(id.text, self._ids)

    def near_role(self, role: str) -> str:
        """The same of roles."""
        return did_you_mean(role, self._roles)

    def _leave(self, entry: ServerEntry) -> None:
        for role in entry.roles:
            members = self._roles.get(role, {})
            members.pop(entry.id, None)
            if not members:
                self._roles.pop(role, None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Words that help whoever has mistyped."""
    names = list(known)
    near = difflib.get_close_matches(word, names, 1)
    if near:
        return f"; did you mean {near[0]}?"
    if not names:
        return "; there are none now"
    return f"; there are: {', '.join(sorted(names)[:8])}{' …' if len(names) > 8 else ''}"


def _domain(id: str) -> str:
    return id.partition("@")[2]
