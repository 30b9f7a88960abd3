"""Machines of a host that is there already, as that host sees them: what the provider `ssh` runs there, out of its parcel.

    BASE/versions/DIGEST/   parcels; those that no machine is started out of are removed
    MACHINES/ID/            as of the provider `process`, and:
        runner.json         who keeps the agent running, and with which Python
        supervisor          which process that is, where no service manager does it

Agents are kept running by systemd: of the system for root, of the user where that goes on without a login. Elsewhere a small shell script does it
(`remit-supervise` of the parcel), until the host is started again.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from remit.durable import read_secret_file, write_secret_file
from remit.errors import Missing, ProviderError
from remit.machines._launch import spawn_apart
from remit.machines._parcel import digest_of
from remit.machines._process import ProcessProvider, environment, keep_services
from remit.machines._process_table import Process, reap
from remit.machines._room import running_in
from remit.machines._systemd import Manager, unit_text
from remit.machines._versions import CURRENT, PREVIOUS, begin, current

__all__ = ["HostedProvider", "leave_alone"]

RUNNER: Final = "runner.json"
SUPERVISOR: Final = "supervisor"
_GRACE: Final = 15.0  # seconds for an agent to end its services, and itself


class HostedProvider(ProcessProvider):
    """The machines of one owner below `machines`, whose parcels are below `base`. Runs on the host, for one request."""

    def __init__(
        self, base: Path, machines: Path, owner: str, *, find: Callable[[], Manager | None] = Manager.find
    ) -> None:
        super().__init__(machines, owner, command=(), grace=_GRACE)
        self._versions = base / "versions"
        self._find_manager = find

    async def take(self, id: str, name: str, user_data: dict[str, Any], digest: str, python: str) -> None:
        """`create`, out of the parcel with this digest, unless the machine has one already. `python`: which one runs it ("": the parcel looks)."""
        directory = self._room.prepare(id, name)
        begin(directory, self.version(digest))
        if _runner(directory) is None:
            manager = self._find_manager()
            says = {"by": "" if manager is None else manager.scope, "python": python}
            write_secret_file(directory / RUNNER, json.dumps(says).encode(), replace=True)
        await self.create(id, name, user_data, {})

    def version(self, digest: str, *, fresh: bool = False) -> Path:
        """Where a parcel is that was brought here. One that has just come is looked at in full, and removed where it is not whole."""
        place = self._versions / digest
        if not place.is_dir():
            raise ProviderError(f"the parcel {digest[:16]} is not on the host")
        if fresh and digest_of(place) != digest:
            shutil.rmtree(place)
            raise ProviderError(f"the parcel {digest[:16]} has not come to the host whole: try again")
        return place

    async def destroy(self, id: str) -> None:
        """See `Provider.destroy`. Parcels that are of no use any more go as well."""
        await super().destroy(id)
        self.sweep()

    def sweep(self) -> None:
        """Remove the parcels that no machine of anybody's is started out of, or could go back to."""
        links = [each / link for each in self._room.every() for link in (CURRENT, PREVIOUS)]
        used = {os.path.realpath(link) for link in links if link.is_symlink()}
        for place in self._versions.glob("*"):
            if os.path.realpath(place) not in used:
                shutil.rmtree(place, ignore_errors=True)

    # --- who keeps agents running -----------------------------------------------------------------------

    def _runs(self, directory: Path) -> Process | None:
        """The agent, or who is about to start it again."""
        manager = self._manager(directory)
        if manager is not None:
            pid = manager.main_pid(_unit(directory))
            return Process.of(pid) if pid else None
        return super()._runs(directory) or self._supervisor(directory)

    def _supervisor(self, directory: Path) -> Process | None:
        found = _noted(directory / SUPERVISOR)
        if found is not None:
            reap(found.pid)
        return found if found is not None and found.alive else None

    def _launch(self, directory: Path) -> None:
        runner = _runner(directory) or {}
        manager = self._manager(directory)
        if manager is not None:
            name = json.loads(read_secret_file(directory / "label.json"))["name"]
            (directory / "agent.log").touch(mode=0o600)
            manager.start(_unit(directory), unit_text(name, directory, runner.get("python", ""), manager.target))
            return
        if self._supervisor(directory) or super()._runs(directory):
            return
        command = [str(directory / CURRENT / "bin" / "remit-supervise"), str(directory)]
        env = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
        if runner.get("python"):
            env["REMIT_PYTHON"] = runner["python"]
        pid = spawn_apart(command, directory / "agent.log", env)
        process = Process.of(pid)
        if process is not None:
            write_secret_file(directory / SUPERVISOR, process.text().encode(), replace=True)

    async def leave(self, id: str) -> str:
        """See `Leaving.leave`."""
        left = await super().leave(id)
        self.sweep()
        return left

    async def _end(self, directory: Path, grace: float | None = None) -> None:
        manager = self._manager(directory)
        if manager is not None:
            await asyncio.to_thread(manager.stop, _unit(directory))
        supervisor = self._supervisor(directory)
        if supervisor is not None:
            await asyncio.to_thread(supervisor.end, self._grace if grace is None else grace)
        await super()._end(directory, grace)

    async def _again(self, directory: Path) -> None:
        manager, supervisor = self._manager(directory), self._supervisor(directory)
        keep_services(directory)
        if manager is not None:
            await asyncio.to_thread(manager.restart, _unit(directory))
            return
        if supervisor is None:
            await super()._again(directory)
            return
        agent = running_in(directory)
        supervisor.send(signal.SIGHUP)
        if agent is not None and not await asyncio.to_thread(agent.wait, self._grace):
            agent.send(signal.SIGKILL)

    def _manager(self, directory: Path) -> Manager | None:
        scope = (_runner(directory) or {}).get("by", "")
        return Manager(scope) if scope else None


async def leave_alone(directory: Path, owner: str) -> str:
    """Take the agent of this directory off this host, without the boss: see `Leaving.leave`."""
    parcel = current(directory)
    if _runner(directory) is None or parcel is None:
        return await ProcessProvider(directory.parent, owner).leave(directory.name)
    return await HostedProvider(parcel.parent.parent, directory.parent, owner).leave(directory.name)


def _unit(directory: Path) -> str:
    return f"remit-{directory.name}.service"


def _runner(directory: Path) -> dict[str, str] | None:
    try:
        said = json.loads(read_secret_file(directory / RUNNER))
    except (Missing, ValueError):
        return None
    return said if isinstance(said, dict) else None


def _noted(path: Path) -> Process | None:
    try:
        return Process.parse(read_secret_file(path).decode())
    except Missing:
        return None
