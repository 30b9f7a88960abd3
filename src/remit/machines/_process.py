"""The `process` provider: a machine is a process of this host with a state directory of its own.

    ROOT/<machine id>/      0700
        label.json          id, name and owner, written first: what `list` goes by
        user-data           0600: what the machine is told, introduction included; it deletes it after use
        boss.address        the boss's signed current address, read by the machine each time before it dials
        process             pid, start time and boot id of the agent, by which only it is ever signalled
        agent.log           0600: the agent's output
        current, previous   the parcels that it is started out of, once it has been upgraded (`_versions.py`)

The agent is a session of its own (no terminal, no signal of ours reaches it by accident) and outlives the boss on purpose;
`destroy` ends it, and the user data's `tether` (a pid and start time) makes it end with another process.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from remit.durable import write_secret_file
from remit.errors import ProviderError, StoreError
from remit.machines._launch import spawn_apart
from remit.machines._parcel import Parcel
from remit.machines._process_table import Process
from remit.machines._provider import Observed
from remit.machines._room import MachineRoom, note_process, running_in
from remit.machines._service_room import FOR_GOOD, KEEP
from remit.machines._strip import strip
from remit.machines._versions import current, go_back, switch

__all__ = ["ProcessProvider", "environment", "keep_services"]

_PASSED: Final = ("HOME", "LANG", "LC_ALL", "PATH", "PYTHONPATH", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV")
_GRACE: Final = 5.0  # seconds for an agent to end by itself when told to
_PARTING: Final = 30.0  # seconds for one whose services go on: if it were killed, they would end


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
        self._room = MachineRoom(root, owner)
        self._command = tuple(command)
        self._grace = grace

    async def create(self, id: str, name: str, user_data: dict[str, Any], options: dict[str, Any]) -> None:
        """See `Provider.create`. There are no options."""
        if options:
            raise ProviderError(f"the process provider has no option {', '.join(sorted(options))}: leave it out")
        async with self._room.lock(id):
            try:
                directory = self._room.prepare(id, name)
                _leave_word(directory, user_data)
            except (StoreError, OSError) as error:
                raise ProviderError(f"machine {name}: its directory could not be prepared: {error}") from None
            self._launch(directory)

    async def start(self, id: str, address: bytes) -> None:
        """See `Provider.start`."""
        async with self._room.lock(id):
            directory = self._room.find(id)
            write_secret_file(directory / "boss.address", address, replace=True)
            self._launch(directory)

    async def destroy(self, id: str) -> None:
        """See `Provider.destroy`."""
        async with self._room.lock(id):
            directory = self._room.path(id)
            if not directory.exists():
                return
            self._room.check_owner(directory)
            await self._end(directory)
            await asyncio.to_thread(shutil.rmtree, directory)

    async def upgrade(self, id: str, parcel: Parcel) -> None:
        """See `Upgradable.upgrade`."""
        async with self._room.lock(id):
            directory = self._room.find(id)
            if switch(directory, parcel.path) or not self._runs(directory):
                await self._again(directory)

    async def downgrade(self, id: str) -> None:
        """See `Upgradable.downgrade`."""
        async with self._room.lock(id):
            directory = self._room.find(id)
            if go_back(directory) or not self._runs(directory):
                await self._again(directory)

    async def leave(self, id: str) -> str:
        """See `Leaving.leave`."""
        async with self._room.lock(id):
            directory = self._room.path(id)
            if not directory.exists():
                return ""
            self._room.check_owner(directory)
            write_secret_file(directory / KEEP, FOR_GOOD.encode(), replace=True)
            await self._end(directory, max(self._grace, _PARTING))
            return await asyncio.to_thread(strip, directory)

    async def list(self) -> Sequence[Observed]:
        """See `Provider.list`."""
        return self._room.looks(self._look)

    async def observe(self, id: str) -> Observed:
        """See `Provider.observe`."""
        return self._look(self._room.path(id))

    def _look(self, directory: Path) -> Observed:
        return self._room.observed(directory, self._runs(directory), "process", "agent.log")

    # --- its agent --------------------------------------------------------------------------------------

    def _runs(self, directory: Path) -> Process | None:
        """The agent of this directory, if it runs."""
        return running_in(directory)

    async def _end(self, directory: Path, grace: float | None = None) -> None:
        """End the agent, if it runs."""
        process = running_in(directory)
        if process is not None:
            await asyncio.to_thread(process.end, self._grace if grace is None else grace)

    async def _again(self, directory: Path) -> None:
        """End the agent, with its services left to the next one, and start that."""
        keep_services(directory)
        await self._end(directory)
        self._launch(directory)

    def _launch(self, directory: Path) -> None:
        """Start the agent unless it runs. If we die before its pid is noted, the agent itself notes it."""
        if self._runs(directory) is not None:
            return
        parcel = current(directory)
        command = self._command if parcel is None else (str(parcel / "bin" / "remit-agent"),)
        try:
            pid = spawn_apart(
                [*command, "--state", str(directory)],
                directory / "agent.log",
                environment(sys.executable if parcel else ""),
            )
        except ProviderError as error:
            raise ProviderError(f"machine {directory.name}: {error}") from None
        process = Process.of(pid)
        if process is not None:
            note_process(directory, process)


def keep_services(directory: Path) -> None:
    """Have the next agent that ends here leave its services running."""
    (directory / KEEP).touch(mode=0o600)


def _leave_word(directory: Path, user_data: dict[str, Any]) -> None:
    """The user data, unless the machine has used an earlier one: then it is enrolled and needs none."""
    if (directory / "machine.json").exists():
        return
    write_secret_file(directory / "user-data", json.dumps(user_data).encode(), replace=True)


def environment(python: str = "") -> dict[str, str]:
    """What an agent needs of ours, and no more: no authority of the boss's, such as $REMIT_BOSS, gets into it.

    `python`: which one runs a parcel; that has modules of its own.
    """
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    if python:
        passed.pop("PYTHONPATH", None)
        passed["REMIT_PYTHON"] = python
    if "PYTHONPATH" in passed:  # the agent stands in its own directory
        passed["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, passed["PYTHONPATH"].split(os.pathsep)))
    return passed
