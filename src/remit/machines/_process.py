"""The `process` provider: a machine is a process of this host with a state directory of its own.

    ROOT/<machine id>/      0700
        label.json          id, name and owner, written first: what `list` goes by
        user-data           0600: what the machine is told, introduction included; it deletes it after use
        boss.address        the boss's signed current address, read by the machine each time before it dials
        process             pid, start time and boot id of the agent, by which only it is ever signalled
        agent.log           0600: the agent's output

The agent is a session of its own (no terminal, no signal of ours reaches it by accident) and outlives the boss on purpose;
`destroy` ends it, and the user data's `tether` (a pid and start time) makes it end with another process.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from remit.durable import open_state_dir, read_secret_file, write_secret_file
from remit.errors import Missing, ProviderError, StoreError
from remit.machines._process_table import Process, reap
from remit.machines._provider import Observed

__all__ = ["ProcessProvider", "note_process"]

_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", re.ASCII)
_PASSED: Final = ("HOME", "LANG", "LC_ALL", "PATH", "PYTHONPATH", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV")
_GRACE: Final = 5.0  # seconds for an agent to end by itself when told to


class ProcessProvider:
    """Makes each machine as a process under `root` (made 0700 if missing). Owned by the boss's process.

    `owner` labels the machines: the boss's designator. Its processes live on when this object and the boss's process end.
    `command` starts an agent, with `--state DIRECTORY` added; `grace` is the seconds that one has to end by itself.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        owner: str,
        *,
        command: Sequence[str] = (sys.executable, "-P", "-m", "remit.machines"),  # -P: no code out of our directory
        grace: float = _GRACE,
    ) -> None:
        self._root = Path(root).absolute()
        self._owner = owner
        self._command = tuple(command)
        self._grace = grace
        self._locks: dict[str, asyncio.Lock] = {}

    async def create(self, id: str, name: str, user_data: dict[str, Any], options: dict[str, Any]) -> None:
        """See `Provider.create`. There are no options."""
        if options:
            raise ProviderError(f"the process provider has no option {', '.join(sorted(options))}: leave it out")
        async with self._lock(id):
            try:
                directory = self._prepare(id, name)
                _leave_word(directory, user_data)
            except (StoreError, OSError) as error:
                raise ProviderError(f"machine {name}: its directory could not be prepared: {error}") from None
            self._launch(directory)

    async def start(self, id: str, address: bytes) -> None:
        """See `Provider.start`."""
        async with self._lock(id):
            directory = self._find(id)
            write_secret_file(directory / "boss.address", address, replace=True)
            self._launch(directory)

    async def destroy(self, id: str) -> None:
        """See `Provider.destroy`."""
        async with self._lock(id):
            directory = self._path(id)
            if not directory.exists():
                return
            self._check_owner(directory)
            process = _recorded(directory)
            if process is not None:
                await asyncio.to_thread(process.end, self._grace)
            await asyncio.to_thread(shutil.rmtree, directory)

    async def list(self) -> Sequence[Observed]:
        """See `Provider.list`."""
        if not self._root.exists():
            return []
        found = [self._look(directory) for directory in sorted(self._root.iterdir()) if directory.is_dir()]
        return [each for each in found if each.state != "absent"]

    async def observe(self, id: str) -> Observed:
        """See `Provider.observe`."""
        return self._look(self._path(id))

    # --- one machine's directory --------------------------------------------------------------------

    def _prepare(self, id: str, name: str) -> Path:
        open_state_dir(self._root)
        directory = open_state_dir(self._path(id))
        label = {"id": id, "name": name, "owner": self._owner}
        if _label(directory) is None:
            write_secret_file(directory / "label.json", json.dumps(label).encode(), replace=True)
        self._check_owner(directory)
        return directory

    def _path(self, id: str) -> Path:
        if not _ID.fullmatch(id):
            raise ProviderError(f"{id[:80]!r} cannot be a machine id: letters, digits, '-' and '_' only")
        return self._root / id

    def _find(self, id: str) -> Path:
        directory = self._path(id)
        if _label(directory) is None:
            raise ProviderError(f"machine {id} is not here: it was never made, or was destroyed; create it again")
        self._check_owner(directory)
        return directory

    def _check_owner(self, directory: Path) -> None:
        label = _label(directory)
        if label is not None and label.get("owner") != self._owner:
            raise ProviderError(f"machine {directory.name} belongs to another boss, and was left alone")

    def _look(self, directory: Path) -> Observed:
        label = _label(directory)
        if label is None and not directory.exists():
            return Observed(directory.name)
        if label is not None and label.get("owner") != self._owner:
            return Observed(directory.name)
        process = _recorded(directory)
        if process is not None:
            reap(process.pid)
        if process is None or not process.alive:
            return Observed(
                directory.name,
                (label or {}).get("name", ""),
                "made",
                f"its process does not run; see {directory}/agent.log",
            )
        return Observed(directory.name, (label or {}).get("name", ""), "running", f"process {process.pid}")

    def _lock(self, id: str) -> asyncio.Lock:
        return self._locks.setdefault(id, asyncio.Lock())

    # --- its process ----------------------------------------------------------------------------------

    def _launch(self, directory: Path) -> None:
        """Start the agent unless it runs. If we die before its pid is noted, the agent itself notes it."""
        running = _recorded(directory)
        if running is not None:
            reap(running.pid)
            if running.alive:
                return
        try:
            pid = _spawn(self._command, directory)
        except OSError as error:
            raise ProviderError(
                f"machine {directory.name}: {self._command[0]} cannot be started: {error.strerror}"
            ) from None
        process = Process.of(pid)
        if process is not None:
            note_process(directory, process)


def note_process(directory: Path, process: Process) -> None:
    """Record which process is this directory's agent."""
    write_secret_file(directory / "process", process.text().encode(), replace=True)


def _recorded(directory: Path) -> Process | None:
    try:
        return Process.parse(read_secret_file(directory / "process").decode())
    except Missing:
        return None


def _leave_word(directory: Path, user_data: dict[str, Any]) -> None:
    """The user data, unless the machine has used an earlier one: then it is enrolled and needs none."""
    if (directory / "machine.json").exists():
        return
    write_secret_file(directory / "user-data", json.dumps(user_data).encode(), replace=True)


def _label(directory: Path) -> dict[str, str] | None:
    try:
        label = json.loads(read_secret_file(directory / "label.json"))
    except (Missing, ValueError):
        return None
    return label if isinstance(label, dict) else None


def _environment() -> dict[str, str]:
    """What an agent needs of ours, and no more: no authority of the boss's, such as $REMIT_BOSS, gets into it."""
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    if "PYTHONPATH" in passed:  # the agent stands in its own directory
        passed["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, passed["PYTHONPATH"].split(os.pathsep)))
    return passed


def _spawn(command: Sequence[str], directory: Path) -> int:
    log = os.open(directory / "agent.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return os.posix_spawn(
            command[0],
            [*command, "--state", str(directory)],
            _environment(),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
                *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _handed_down()),
            ],
            setsid=True,
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGPIPE],
        )
    finally:
        os.close(log)


def _handed_down() -> list[int]:
    """Open descriptors that would reach the agent, such as a lock of whoever started us: it outlives us, and must not hold them."""
    found = [int(name) for name in os.listdir("/proc/self/fd")]
    return [descriptor for descriptor in found if descriptor > 2 and _inheritable(descriptor)]


def _inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:  # the listing's own, closed since
        return False
