"""Where the target `processes` keeps what is deployed.

STATE/                    0700
    names.json                id -> physical name, for good
    components/NAME/          of each component: its directory (`remit.app.hosting`), and
        node.json                 what it is to be
        deployed.json             what it was when it last became ready
        edges/FIELD.json          the edge behind the reference
    commands/NAME/            of each command, its directory when it is run by a person
    data/NAME/                what it keeps; `remit down` leaves it, `remit down --data` does not
    code/DIGEST/              the program, as it was when it was deployed
    run/NAME.toml             what the supervisor runs
    services/                 the supervisor's: logs, the warden
    supervisor.*              its lock, log and socket
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from remit.app._ids import physical_name
from remit.app.hosting import Directory
from remit.durable import open_state_dir, write_secret_file
from remit.graph import below
from remit.values import Locator

__all__ = ["Layout"]


class Layout:
    """The paths of one state directory, and the small files in it. Made for each command."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.components = state / "components"
        self.commands = state / "commands"
        self.data = state / "data"
        self.code = state / "code"
        self.run = state / "run"
        self.services = state / "services"
        self.logs = self.services / "logs"
        self.lock = state / "supervisor.lock"
        self.socket = state / "supervisor.sock"
        self.log = state / "supervisor.log"

    def make(self) -> None:
        """Make the directories that are missing."""
        for each in (self.state, self.components, self.commands, self.data, self.code, self.run, self.services):
            open_state_dir(each)
        if not (self.state / ".gitignore").exists():
            (self.state / ".gitignore").write_text("*\n")

    # --- names -----------------------------------------------------------------------------------------

    def names(self) -> dict[str, str]:
        """The physical names that were given, by id."""
        try:
            found: dict[str, str] = json.loads((self.state / "names.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def name(self, id: str) -> str:
        """The physical name of an id, given now if it has none."""
        names = self.names()
        if id not in names:
            names[id] = physical_name(id, set(names.values()))
            self._keep(names)
        return names[id]

    def move(self, old: str, new: str) -> None:
        """What had the old id, and what is below it, has the new one."""
        names = {new + id[len(old) :] if below(id, old) else id: name for id, name in self.names().items()}
        self._keep(names)

    def forget(self, id: str) -> None:
        """Its name is free: nothing is left of it."""
        names = self.names()
        if names.pop(id, None):
            self._keep(names)

    def _keep(self, names: dict[str, str]) -> None:
        write(self.state / "names.json", names)

    # --- components --------------------------------------------------------------------------------------

    def directory(self, name: str) -> Directory:
        """A component's directory."""
        return Directory(self.components / name)

    def command(self, name: str) -> Directory:
        """A command's directory, when it is run by a person."""
        return Directory(self.commands / name)

    def locator(self, name: str) -> Locator:
        """How others reach it."""
        directory = self.directory(name)
        return Locator("remit", directory.key().designator, {"unix": str(directory.path / "sock")})

    def there(self) -> dict[str, dict[str, Any]]:
        """What is to be there: `node.json` of each component, by name."""
        found = {path.parent.name: read(path) for path in sorted(self.components.glob("*/node.json"))}
        return {name: node for name, node in found.items() if node}


def read(path: Path) -> dict[str, Any]:
    """A small file of JSON; {} where there is none."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return found


def write(path: Path, value: Any) -> None:
    """Write a small file of JSON, whole or not at all."""
    write_secret_file(path, json.dumps(value, indent=1, sort_keys=True).encode() + b"\n", replace=True)
