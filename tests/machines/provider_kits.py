"""How the contract of providers gets each of them: a kit for each sort. To put yours under it, add one to `KITS`."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from remit.machines import Parcel, ProcessProvider, parcel
from remit.machines._launch import spawn_apart
from remit.machines._process_table import Process
from remit.machines.docker._engine import Answer, Engine
from remit.machines.docker._options import BASE_IMAGE
from remit.machines.docker._provider import DockerProvider
from remit.machines.images._tree import machine_tree
from remit.machines.nspawn._provider import NspawnProvider
from remit.machines.qemu._provider import QemuProvider
from remit.testing import FakeProvider
from tests.machines.cloud_kits import LibcloudKit, TerraformKit
from tests.machines.kit import Died, Kit, read
from tests.machines.nspawn import missing
from tests.machines.ssh_kit import SshKit

AGENT = (sys.executable, "-c", "import time; time.sleep(300)")
NOTING = """
import os, sys, time
from remit.machines._process_table import Process
from remit.machines._room import note_process
note_process(sys.argv[2], Process.of(os.getpid()))
time.sleep(300)
"""
ROOT = Path(__file__).resolve().parents[2]


class FakeKit(Kit):
    """The fake one, which is all in memory."""

    name = "fake"
    shared = False

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.made = FakeProvider()

    def provider(self, owner: str = "boss") -> FakeProvider:
        return self.made

    @contextmanager
    def dying(self, at: int) -> Iterator[FakeProvider]:
        for step in ("create", "destroy"):
            if at < 2:
                self.made.fail(step, "before" if at == 0 else "half")
        try:
            yield self.made
        except Exception as error:
            raise Died from error
        finally:
            self.made._faults.clear()

    def kill(self, id: str) -> None:
        self.made.machines[id].running = False

    def leftovers(self) -> Sequence[str]:
        return list(self.made.machines)


class ProcessKit(Kit):
    """The process provider, with something that merely stays alive as the agent."""

    name = "process"

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.spawned: list[int] = []

    def provider(self, owner: str = "boss", command: Sequence[str] = AGENT) -> ProcessProvider:
        return ProcessProvider(self.place / "machines", owner, command=command, grace=2.0)

    @contextmanager
    def dying(self, at: int) -> Iterator[ProcessProvider]:
        from remit.machines import _process, _room

        left = [at]

        def counted(work: Any) -> Any:
            def instead(*args: Any, **kwargs: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    raise Died
                return work(*args, **kwargs)

            return instead

        def spawn(*args: Any) -> int:
            self.spawned.append(spawn_apart(*args))
            return self.spawned[-1]

        steps = {"write_secret_file": counted(_process.write_secret_file), "spawn_apart": counted(spawn)}
        rooms = {"write_secret_file": counted(_room.write_secret_file), "open_state_dir": counted(_room.open_state_dir)}
        with (
            patch.multiple(_process, **steps),
            patch.multiple(_room, **rooms),
            patch.object(_process.shutil, "rmtree", counted(shutil.rmtree)),
            patch.object(Process, "end", counted(Process.end)),
        ):
            yield self.provider(command=(sys.executable, "-c", NOTING))

    def settle(self) -> None:
        """An agent that was started notes itself where the provider could not any more."""
        deadline = time.monotonic() + self.seconds
        while any(Process.of(pid) is not None and str(pid) not in self._noted() for pid in self.spawned):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _noted(self) -> set[str]:
        return {file.read_text().split()[0] for file in (self.place / "machines").glob("*/process")}

    def _pids(self) -> list[str]:
        state = f"--state {self.place}/machines/"
        return [pid for pid in os.listdir("/proc") if pid.isdigit() and state in read(f"/proc/{pid}/cmdline")]

    def table(self) -> dict[str, Any]:
        return {"kind": "process", "root": str(self.place / "machines")}

    def kill(self, id: str) -> None:
        process = Process.parse((self.place / "machines" / id / "process").read_text())
        assert process is not None
        process.send(signal.SIGKILL)
        assert process.wait(self.seconds)

    def visible(self, id: str) -> str:
        shown = [read(f"/proc/{pid}/{what}") for pid in self._pids() for what in ("cmdline", "environ")]
        assert shown
        return "\n".join([*shown, self.log(id)])

    def log(self, id: str) -> str:
        return read(f"{self.place}/machines/{id}/agent.log")

    def leftovers(self) -> Sequence[str]:
        return [*(path.name for path in (self.place / "machines").glob("*")), *self._pids()]


class DyingEngine(Engine):
    """An Engine whose user is killed before its `left`th request that changes something."""

    left = 0

    async def ask(self, method: str, path: str, query: Any, **more: Any) -> Answer:
        if self.left == 0 and method not in ("GET", "HEAD"):
            raise Died
        if self.left < 0:
            raise Died
        if method not in ("GET", "HEAD"):
            self.left -= 1
        return await super().ask(method, path, query, **more)


class DockerKit(Kit):
    """Containers of the Docker Engine here, on the image that `remit image build docker` makes."""

    name = "docker"
    seconds = 300.0  # for the first of all: it makes the image
    parcels: list[Path] = []

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.owner = f"t{os.getpid()}x{abs(hash(place)) % 10**6:06d}"

    @staticmethod
    def lacks() -> str:
        async def look() -> None:
            await Engine().get("/version")
            await Engine().get(f"/images/{BASE_IMAGE}/json")

        if _LACKS.get("docker") is None:
            try:
                asyncio.run(look())
            except Exception as error:
                _LACKS["docker"] = (
                    f"no machine can be made with Docker here: {error} (tools/servers; remit image build docker)"
                )
            else:
                _LACKS["docker"] = ""
        return _LACKS["docker"]

    def provider(self, owner: str = "boss", engine: Engine | None = None) -> DockerProvider:
        made = DockerProvider(self.owner + owner, self.store(), engine=engine)
        made.command = ("/bin/sh", "-c", "exec sleep 300")
        made.prefix = f"remit-{self.owner}-"  # others may try the same here at the same time
        return made

    def store(self) -> Path:
        """Where the parcel is made, once for all tests of this process: nothing of it changes."""
        if not self.parcels or not self.parcels[0].is_dir():
            self.parcels[:] = [self.place / "parcels"]
        return self.parcels[0]

    @contextmanager
    def dying(self, at: int) -> Iterator[DockerProvider]:
        engine = DyingEngine()
        engine.left = at
        yield self.provider(engine=engine)

    def table(self) -> dict[str, Any]:
        return {"kind": "docker"}

    def kill(self, id: str) -> None:
        asyncio.run(self._kill(id))

    async def _kill(self, id: str) -> None:
        name = await self._named(id)
        await Engine().post(f"/containers/{name}/kill")
        await Engine().post(f"/containers/{name}/wait")

    async def _named(self, id: str) -> str:
        (found,) = await Engine().get(
            "/containers/json", all=True, filters={"label": [f"remit.machine={id}"], "name": [self.owner]}
        ) or (await Engine().get("/containers/json", all=True, filters={"label": [f"remit.machine={id}"]}))
        return str(found["Names"][0].lstrip("/"))

    def visible(self, id: str) -> str:
        return asyncio.run(self._visible(id))

    def sweep(self) -> None:
        """Also what is left of the machines of a real boss, where a test had no time to destroy them."""
        super().sweep()
        for owner in re.findall(r"^boss ([a-z2-7]{52}) is at", read(f"{self.place}/boss.log"), re.MULTILINE):
            asyncio.run(self._sweep(DockerProvider(owner, self.store())))

    def log(self, id: str) -> str:
        return asyncio.run(self._log(f"remit-{id}"))

    async def _log(self, name: str) -> str:
        logs = await Engine().ask("GET", f"/containers/{name}/logs", {"stdout": True, "stderr": True})
        return logs.body.decode(errors="replace")

    async def _visible(self, id: str) -> str:
        engine, name = Engine(), await self._named(id)
        container = await engine.get(f"/containers/{name}/json")
        shown = [container, await engine.get(f"/volumes/{name}"), await engine.get(f"/containers/{name}/top")]
        shown += [await engine.get(f"/images/{container['Image']}/{what}") for what in ("json", "history")]
        pids = [each for each in os.listdir("/proc") if each.isdigit()]
        host = [read(f"/proc/{pid}/{what}") for pid in pids for what in ("cmdline", "environ")]
        return "\n".join([*map(str, shown), await self._log(name), *host, read("/var/log/dockerd.log")])

    def leftovers(self) -> Sequence[str]:
        return asyncio.run(self._leftovers())

    async def _leftovers(self) -> list[str]:
        engine = Engine()
        found = [each["Names"][0] for each in await engine.get("/containers/json", all=True)]
        found += [each["Name"] for each in (await engine.get("/volumes"))["Volumes"] or []]
        found += [str(each["Labels"]) for each in await engine.get("/networks")]
        return [each for each in found if any(mine in each for mine in (self.owner, *self.ids))]


class DirectoryKit(Kit):
    """Providers that keep each machine in a directory, and start it by `launch`."""

    parcels: list[Parcel] = []

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.spawned: list[int] = []

    def parcel(self, store: Path) -> Parcel:
        """Made once for all tests of this process: nothing of it changes."""
        if not self.parcels or not self.parcels[0].path.is_dir():
            self.parcels[:] = [parcel(store)]
        return self.parcels[0]

    @contextmanager
    def dying_in(self, at: int, module: Any, names: Sequence[str]) -> Iterator[Any]:
        """As `dying`: what changes things is named in the provider's module, and is what these providers share."""
        from remit.machines import _launch, _room

        left = [at]

        def counted(work: Any) -> Any:
            def instead(*args: Any, **kwargs: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    raise Died
                return work(*args, **kwargs)

            return instead

        def spawn(*args: Any) -> int:
            self.spawned.append(spawn_apart(*args))
            return int(counted(lambda: self.spawned[-1])())

        rooms = {"write_secret_file": counted(_room.write_secret_file), "open_state_dir": counted(_room.open_state_dir)}
        with (
            patch.multiple(module, **{name: counted(getattr(module, name)) for name in names}),
            patch.multiple(_room, **rooms),
            patch.object(_launch, "spawn_apart", spawn),
            patch.object(module.shutil, "rmtree", counted(shutil.rmtree)),
            patch.object(Process, "end", counted(Process.end)),
        ):
            yield self.provider()

    def settle(self) -> None:
        """What was started writes itself down, where the provider could not look any more."""
        deadline = time.monotonic() + 20.0
        while any(Process.of(pid) is not None and str(pid) not in self._noted() for pid in self.spawned):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _noted(self) -> set[str]:
        return {file.read_text().split()[0] for file in (self.place / "machines").glob("*/process")}

    def kill(self, id: str) -> None:
        process = Process.parse((self.place / "machines" / id / "process").read_text())
        assert process is not None
        process.send(signal.SIGKILL)
        assert process.wait(20.0)

    def visible(self, id: str) -> str:
        pids = [each for each in os.listdir("/proc") if each.isdigit()]
        shown = [read(f"/proc/{pid}/{what}") for pid in pids for what in ("cmdline", "environ")]
        assert any(id in each for each in shown)
        here = self.place / "machines" / id
        return "\n".join([*shown, *(read(f"{here / name}") for name in ("console.log", "label.json", "made.json"))])

    def leftovers(self) -> Sequence[str]:
        found = [path.name for path in (self.place / "machines").glob("*")]
        pids = [each for each in os.listdir("/proc") if each.isdigit()]
        found += [pid for pid in pids if f"{self.place}/machines/" in read(f"/proc/{pid}/cmdline")]
        groups = [path for id in ("db-1", *self.ids) for path in Path("/sys/fs/cgroup").glob(f"**/remit-{id}")]
        return [*found, *map(str, groups)]


class NspawnKit(DirectoryKit):
    """Containers of systemd-nspawn, with a systemd that boots. The root file system is made once for all runs on this host, which takes a minute."""

    name = "nspawn"
    seconds = 300.0  # for the first of all
    moments = (0.3,)  # each boots a system
    trees: list[Path] = []

    @staticmethod
    def lacks() -> str:
        return missing()

    def provider(self, owner: str = "boss") -> NspawnProvider:
        made = {"tree": lambda _: self._tree(), "make_parcel": self.parcel}
        return NspawnProvider(self.place / "machines", owner, self.place / "parcels", grace=10.0, **made)

    def _tree(self) -> Path:
        """Looked for once."""
        if not self.trees:
            self.trees.append(machine_tree((), lambda _: None))
        return self.trees[0]

    def dying(self, at: int) -> AbstractContextManager[NspawnProvider]:
        from remit.machines.nspawn import _provider as _nspawn

        names = ("write_secret_file", "_hand_over", "_unpack", "make_group", "end_group", "launch")
        return self.dying_in(at, _nspawn, names)

    def table(self) -> dict[str, Any]:
        return {"kind": "nspawn", "root": str(self.place / "machines")}


class QemuKit(DirectoryKit):
    """Virtual machines of QEMU with nothing on their disks: they run, and come no further than looking for something to boot."""

    name = "qemu"

    @staticmethod
    def lacks() -> str:
        for program in ("qemu-system-x86_64", "qemu-img", "genisoimage"):
            if shutil.which(program) is None:
                return f"{program} is not installed: tools/servers slow"
        return ""

    def provider(self, owner: str = "boss") -> QemuProvider:
        image = self.place / "image"
        if not image.exists():
            image.write_bytes(b"\0" * (1 << 20))
        table = {"image": str(image), "memory": "64m", "cpus": 1, "code": "image"}
        return QemuProvider(self.place / "machines", owner, self.place / "parcels", table, kvm=False, grace=0.0)

    def dying(self, at: int) -> AbstractContextManager[QemuProvider]:
        from remit.machines.qemu import _provider as _qemu

        return self.dying_in(at, _qemu, ("write_secret_file", "_make_disk", "write_seed", "launch"))


_LACKS: dict[str, str] = {}
KITS: dict[str, type[Kit]] = {
    kit.name: kit for kit in (FakeKit, ProcessKit, DockerKit, NspawnKit, QemuKit, SshKit, LibcloudKit, TerraformKit)
}


def opened(name: str, place: Path) -> Kit:
    """The kit of this name, or the reason why it cannot be tried here."""
    lacks = KITS[name].lacks()
    if lacks:
        pytest.skip(lacks)
    return KITS[name](place)
