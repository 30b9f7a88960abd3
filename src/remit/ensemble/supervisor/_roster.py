"""What a supervisor is to run: one row for each server, on disk before anything is done about it.

A row keeps the settings that the server was last started with: what is changed in files or by `update` is taken up when the server is restarted by command,
not when it crashes, and not when the supervisor begins again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from remit.durable import read_secret_file, write_secret_file
from remit.ensemble.supervisor._effective import Effective
from remit.ensemble.supervisor._settings import check_id
from remit.errors import BadArgument, Missing, StoreCorrupt

__all__ = ["MOST_SERVERS", "Roster", "Row"]

MOST_SERVERS: Final = 2000
_LARGEST: Final = 64 << 20  # bytes of the file


@dataclass
class Row:
    """One server. `held`: it was stopped by command. `settings` are values and where each is from; `own` was said with the start."""

    id: str
    role: str = ""
    group: str = ""
    number: int | None = None
    held: bool = False
    own: dict[str, Any] = field(default_factory=dict)
    settings: Effective = field(default_factory=dict)

    @property
    def service(self) -> str:
        """The id of its daemon."""
        return f"server.{self.id}"


class Roster:
    """Owned by the supervisor; `rows` by id, in the order in which they came."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: dict[str, Row] = {}
        self.processes: list[dict[str, Any]] = []
        try:
            whole = json.loads(read_secret_file(path, limit=_LARGEST))
            for each in whole["servers"]:
                settings = {name: (value, place) for name, (value, place) in each.pop("settings").items()}
                self.rows[check_id(each["id"])] = Row(**each, settings=settings)
            self.processes = list(whole["processes"])
        except Missing:
            return
        except (ValueError, TypeError, KeyError, BadArgument) as error:
            raise StoreCorrupt(
                f"{path} cannot be read: {error}. Restore it from a copy, or remove it: then nothing is to run"
            ) from None

    def keep(self) -> None:
        """Have it on disk; raises `StoreError`."""
        whole = {"servers": [asdict(row) for row in self.rows.values()], "processes": self.processes}
        write_secret_file(self._path, json.dumps(whole, indent=1).encode(), replace=True)

    def group(self, prefix: str) -> list[Row]:
        """The workers of a group, by their numbers."""
        return sorted((row for row in self.rows.values() if row.group == prefix), key=lambda row: row.number or 0)

    def meant(self, names: Iterable[str], role: str = "") -> list[Row]:
        """The servers of these ids and groups, or all of a role. Raises `Missing` for one that is not there."""
        found: dict[str, Row] = {}
        for name in names:
            rows = [self.rows[name]] if name in self.rows else self.group(name)
            if not rows:
                raise no_server(name, self.rows)
            found |= {row.id: row for row in rows}
        if role:
            of_role = {row.id: row for row in self.rows.values() if row.role == role}
            if not of_role:
                raise Missing(
                    f"no server here has the role {role!r}; there are: {_shown({row.role for row in self.rows.values()})}"
                )
            found |= of_role
        return list(found.values())


def no_server(name: str, known: Iterable[str]) -> Missing:
    """The error for an id that is not there."""
    from difflib import get_close_matches

    names = sorted(known)
    near = get_close_matches(name, names, 3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {_shown(names)}"
    return Missing(f"no server {name!r} here: {hint}")


def _shown(names: Iterable[str]) -> str:
    found = sorted(name for name in names if name)
    return ", ".join(found[:8]) + (" …" if len(found) > 8 else "") or "none yet"
