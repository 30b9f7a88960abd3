"""The configuration of a supervisor: a file that people write, and what was set by command beside it.

config.toml     of the home (or the ensemble section of remit.toml); read anew when it is asked for
updates.json    0600: what `update` has set; goes before the file, table by table
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from remit.durable import read_secret_file, write_secret_file
from remit.ensemble.supervisor._effective import Source
from remit.ensemble.supervisor._settings import SECTIONS, check_id, check_name, check_table, check_tables
from remit.errors import BadArgument, Missing, StoreCorrupt

__all__ = ["Tables", "ours"]

_LARGEST: Final = 1 << 20  # bytes of a configuration


class Tables:
    """Owned by the supervisor. `files`: TOML files, of which any may be missing, the weakest first; `kept` is where updates are."""

    def __init__(self, files: Sequence[Path], kept: Path) -> None:
        self._files = list(files)
        self._kept = kept
        self._updates = self._load()

    def sources(self, given: Mapping[str, Any] | None = None, name: str = "remit.toml") -> list[Source]:
        """All there is, the weakest first; `given` is what came along with an order. Raises `BadArgument` with file and table for what is wrong."""
        found: list[Source] = [(name, check_tables(given, name))] if given else []
        found += [(path.name, self._read(path)) for path in self._files if path.exists()]
        return [*found, ("updates", self._updates)]

    def _read(self, path: Path) -> dict[str, Any]:
        if path.stat().st_size > _LARGEST:
            raise BadArgument(f"{path} is larger than a configuration may be ({_LARGEST} bytes)")
        try:
            whole = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadArgument(f"{path}: {error}") from None
        return check_tables(ours(whole), str(path))

    def update(self, section: str, name: str, table: Mapping[str, Any], *, replace: bool = False) -> dict[str, Any]:
        """Set some settings of one table, or with `replace` all that were set by command; an empty table with `replace` forgets it. The whole of what is set of it then.

        The kind of the table is checked by its section: what only a role may say is refused of a server.
        """
        if section not in SECTIONS:
            raise BadArgument(f"{section[:60]!r} is no section: there are {', '.join(SECTIONS)}")
        if section == "defaults":
            name = ""
        else:
            check_id(name) if section == "servers" else check_name(section.rstrip("s"), name)
        label = f"[{section}.{name}]" if name else f"[{section}]"
        checked = check_table(section, table, label)
        before: dict[str, Any] = self._updates.get(section, {})
        own = before if not name else before.get(name, {})
        made = checked if replace else check_table(section, _merged(own, checked), label)
        whole = {**self._updates, section: made if not name else {**before, name: made}}
        if name and not made:
            del whole[section][name]
        self._write(whole)
        return made

    def update_all(self, tables: Mapping[str, Any], *, replace: bool = False) -> dict[str, Any]:
        """The same for a whole configuration; without `replace` tables that it does not have stay as they are."""
        checked = check_tables(tables, "the configuration")
        whole: dict[str, Any] = {} if replace else json.loads(json.dumps(self._updates))
        for section, table in checked.items():
            if section == "defaults":
                whole[section] = _merged(whole.get(section, {}), table)
                continue
            there = whole.setdefault(section, {})
            for name, each in table.items():
                there[name] = _merged(there.get(name, {}), each)
        self._write(check_tables(whole, "the configuration"))
        return self._updates

    def named(self, sources: Sequence[Source], section: str) -> dict[str, dict[str, Any]]:
        """All tables of a section, put over each other."""
        found: dict[str, dict[str, Any]] = {}
        for _, tables in sources:
            for name, each in tables.get(section, {}).items():
                found[name] = {**found.get(name, {}), **each}
        return found

    def _load(self) -> dict[str, Any]:
        try:
            return check_tables(json.loads(read_secret_file(self._kept, limit=_LARGEST)), str(self._kept))
        except Missing:
            return {}
        except (ValueError, BadArgument) as error:
            raise StoreCorrupt(f"{self._kept} cannot be read: {error}. Restore it from a copy, or remove it") from None

    def _write(self, whole: dict[str, Any]) -> None:
        data = json.dumps(whole, indent=1, sort_keys=True).encode()
        if len(data) > _LARGEST:
            raise BadArgument(f"the configuration would be larger than it may be ({_LARGEST} bytes)")
        write_secret_file(self._kept, data, replace=True)
        self._updates = whole


def ours(whole: Mapping[str, Any]) -> dict[str, Any]:
    """Our sections of a file that has others besides; one that is nearly called as ours is taken for it, so that it is named as wrong."""
    return {key: each for key, each in whole.items() if get_close_matches(str(key), SECTIONS, 1, 0.8)}


def _merged(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """A module in place of a program is no server of two minds."""
    made = {**before, **after}
    for one, other in (("module", "program"), ("program", "module")):
        if one in after:
            made.pop(other, None)
    return made
