"""Where a supervisor keeps what: all of it below one directory, 0700.

STATE/
    roster.json         what is to run, and as what
    updates.json        what was set by command
    services/           what `remit.services` keeps, the logs included (where the services are the supervisor's own)
    store/KIND/NAME/    what was uploaded: versions by their digests, `current` leads to the one in use
    uploads/            what is being uploaded
    work/               where servers run that were given no directory
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from remit.durable import open_state_dir
from remit.ensemble.supervisor._settings import check_name
from remit.errors import BadArgument

__all__ = ["CURRENT", "KINDS", "Places"]

KINDS: Final = ("program", "env", "files")
CURRENT: Final = "current"


class Places:
    """The paths. `home` is that of the ensemble, for the servers; `environment` what the processes will find anyway."""

    def __init__(self, state: Path, home: Path, environment: Mapping[str, str] | None = None) -> None:
        self.state = open_state_dir(state)
        self.home = home
        self.store = self.state / "store"
        self.uploads = self.state / "uploads"
        self.work = self.state / "work"
        self._environment = dict(environment or {})
        for each in (self.store, self.uploads, self.work):
            each.mkdir(mode=0o700, exist_ok=True)

    def kept(self, kind: str, name: str) -> Path:
        """Where all versions of one thing are. No name leads out of the store."""
        if kind not in KINDS:
            raise BadArgument(f"{kind[:60]!r} is nothing that is uploaded: there are {', '.join(KINDS)}")
        return self.store / kind / check_name(kind, name)

    def current(self, kind: str, name: str) -> Path:
        """The path of the version in use, which stays the same when another one is; of `name:version`, of that one."""
        bare, _, version = name.partition(":")
        place = self.kept(kind, bare) / (version or CURRENT)
        return place / bare if kind == "program" else place

    def path_with(self, env: Path) -> str:
        """The programs of an environment go before those of the system."""
        return f"{env}/bin:{self._environment.get('PATH') or '/usr/local/bin:/usr/bin:/bin'}"

    def modules_with(self, env: Path) -> str:
        """Its modules go before ours, whether it is a directory of modules or has them in `lib`."""
        rest = self._environment.get("PYTHONPATH", "")
        return f"{env}:{env}/lib{':' + rest if rest else ''}"
