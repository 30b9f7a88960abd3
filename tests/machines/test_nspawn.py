"""Machines of systemd-nspawn: what it is told, and real ones with systemd and cloud-init. The contract of all providers is in test_provider_contract.py."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.errors import ProviderError
from remit.machines import parcel
from remit.machines._process_table import Process, reap
from remit.machines.images._image import image_of
from remit.machines.nspawn._cgroup import hierarchies
from remit.machines.nspawn._options import ForOne, options_for_all, options_for_one
from remit.machines.nspawn._words import Container, host_name, machine_name, words
from remit.values import SturdyRef
from tests.machines.nspawn import leader, missing
from tests.machines.stage import Stage, until

REAL = pytest.mark.skipif(bool(missing()), reason=missing())
FIRST = 280.0  # seconds: the first machine on a host waits for the root file system to be made
ONE = Container(Path("/m/db-1"), Path("/cache/tree"), Path("/parcels/x"), "db", (Path("/sys/fs/cgroup/a"),))


# --- what it is told ----------------------------------------------------------------------------------


def test_nspawn_is_told_to_boot_and_to_register_nothing() -> None:
    """With the seed, the state and the code bound to their places, and its own group kept."""
    told = words(ONE)
    assert told[:2] == ["unshare", "--mount"]
    assert "--drop-capability=CAP_NET_RAW" in told
    assert {"--boot", "--register=no", "--keep-unit", "--settings=no", "--hostname=db"} <= set(told)
    assert "--bind=/m/db-1/seed:/var/lib/cloud/seed/nocloud" in told
    assert "--bind=/m/db-1/state:/var/lib/remit" in told
    assert "--bind-ro=/parcels/x:/opt/remit" in told


def test_a_systemd_of_the_host_makes_the_group_with_its_bounds() -> None:
    """Where one runs, nspawn asks it for a scope."""
    told = words(ONE._replace(groups=(), limits=(("memory", 1 << 29), ("pids", 100.0), ("cpus", 0.5))))
    assert "--keep-unit" not in told
    assert {"--property=MemoryMax=536870912", "--property=TasksMax=100", "--property=CPUQuota=50%"} <= set(told)


def test_what_means_something_in_a_path_is_escaped() -> None:
    """Commas and colons would end a layer, or name another place."""
    told = words(ONE._replace(lower=Path("/a:b,c"), directory=Path("/m:x/db-1")))
    assert "lowerdir=/a\\:b\\,c,upperdir=upper,workdir=work" in told
    assert "--bind=/m\\:x/db-1/seed:/var/lib/cloud/seed/nocloud" in told


def test_names_become_host_names() -> None:
    """Ids and names may have what host names may not."""
    assert machine_name("DB_1-" + "x" * 80) == ("remit-db-1-" + "x" * 80)[:64]
    assert (host_name("my_DB."), host_name("___"), host_name("db")) == ("my-db", "machine", "db")


def test_options_are_read_and_wrong_ones_refused() -> None:
    """With the form; what opens this host to a machine is for the provider's table alone."""
    host, defaults = options_for_all({"memory": "512m", "mounts": ["/a:/b"]})
    assert (host.mounts, defaults.memory) == ((("/a", "/b", True),), 512 << 20)
    assert options_for_one({"packages": "postgresql,redis-server", "cpus": "1.5"}, defaults).cpus == 1.5
    for given, why in (
        ({"sise": 1}, "no option sise"),
        ({"image": "/"}, "for all machines of a provider"),
        ({"memory": "1m"}, "at least 64m"),
        ({"user": "nobody"}, "remit or root"),
    ):
        with pytest.raises(ProviderError, match=why):
            options_for_one(given, ForOne())


def test_our_own_groups_are_found_in_both_versions() -> None:
    """In each hierarchy below the group that we are in, so that its bounds hold for machines, too."""
    mounts = (
        "cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n"
        "cgroup /sys/fs/cgroup/systemd cgroup rw,xattr,name=systemd 0 0\n"
        "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
        "tmpfs /tmp tmpfs rw,memory 0 0\n"
    )
    own = "4:memory:/host/us\n1:name=systemd:/\n0::/us\n"
    assert hierarchies(mounts, own) == {
        "memory": Path("/sys/fs/cgroup/memory/host/us"),
        "name=systemd": Path("/sys/fs/cgroup/systemd"),
        "": Path("/sys/fs/cgroup/unified/us"),
    }


# --- real ones ----------------------------------------------------------------------------------------


class Real:
    """One machine, db, that has enrolled; `introduction` is what it was given."""

    def __init__(self, stage: Stage, directory: Path, introduction: str) -> None:
        self.stage = stage
        self.directory = directory
        self.introduction = introduction

    def inside(self, *command: str) -> str:
        """Run something in the machine, as its root."""
        done = subprocess.run(
            ["nsenter", "-t", str(leader(self.directory)), "-a", *command],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """A boss with one machine that has a bound of its memory."""
    stage = Stage(tmp_path_factory.mktemp("nspawn"), {"nspawn": {}})
    stage.start_boss()
    try:
        yield asyncio.run(enrolled(stage))
    finally:
        end(stage)


def end(stage: Stage) -> None:
    """The boss, after its machine, whatever has become of that."""
    try:
        asyncio.run(ended(stage))
    finally:
        stage.kill_boss()


async def enrolled(stage: Stage) -> Real:
    async with stage.admin(FIRST) as boss:
        making = asyncio.ensure_future(boss.create_machine("db", "nspawn", {"memory": "512m", "pids": "500"}))
        (seed,) = await until(lambda: seeds(stage), FIRST)
        introduction = introduction_in(seed)
        await making

        async def active() -> bool:
            return bool((await boss.show("db"))["state"] == "active")

        await until(active)
    return Real(stage, seed.parents[1], introduction)


async def seeds(stage: Stage) -> list[Path]:
    return list(stage.state.glob("machines-nspawn/db-*/seed/user-data"))


def introduction_in(seed: Path) -> str:
    """The introduction of a cloud-config document."""
    for file in json.loads(seed.read_bytes().partition(b"\n")[2])["write_files"]:
        if file["path"].endswith("user-data"):
            return str(json.loads(file["content"])["introduction"])
    raise AssertionError("there is none")


async def ended(stage: Stage) -> None:
    async with stage.admin() as boss:
        for machine in await boss.list_machines():
            await boss.destroy_machine(machine["name"])
    assert not list(stage.state.glob("machines-nspawn/*"))


@REAL
@pytest.mark.needs_root
@pytest.mark.timeout(300)  # the first one on a host makes the root file system
def test_the_introduction_is_gone_when_the_machine_has_enrolled(real: Real) -> None:
    """From the seed, from what cloud-init keeps, from the state directory; in no argument, environment, console or journal at any time."""
    swiss = real.introduction.rpartition("/s/")[2].partition("?")[0].encode()
    assert len(swiss) > 20
    root = Path(f"/proc/{leader(real.directory)}/root")
    places = [real.directory, *(root / name for name in ("etc", "run", "var", "root", "tmp", "opt/machine"))]

    def holding() -> list[Path]:
        files = [path for place in places for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
        return [path for path in files if "proc" not in path.parts[4:] and swiss in read(path)]

    deadline = time.monotonic() + 30
    while found := holding():
        assert time.monotonic() < deadline, (found, real.inside("journalctl", "-u", "remit-forget", "--no-pager"))
        time.sleep(0.1)
    assert swiss.decode() not in real.inside("journalctl", "--no-pager", "-b")
    shown = [
        read(Path(f"/proc/{pid}/{what}"))
        for pid in os.listdir("/proc")
        if pid.isdigit()
        for what in ("cmdline", "environ")
    ]
    assert not any(swiss in each for each in shown)
    assert (real.directory / "state" / "machine.json").exists()
    assert "the used introduction was taken out of" in real.inside("journalctl", "-u", "remit-forget", "--no-pager")


@REAL
@pytest.mark.needs_root
def test_everything_of_it_is_private_on_the_host(real: Real) -> None:
    """The directory keeps others out, and its files that hold anything have mode 0600."""
    assert real.directory.stat().st_mode & 0o777 == 0o700
    for name in ("console.log", "label.json", "made.json", "process", "seed/user-data", "state/key.pem"):
        assert (real.directory / name).stat().st_mode & 0o777 == 0o600, name
    assert (real.directory / "seed").stat().st_mode & 0o777 == 0o700


@REAL
@pytest.mark.needs_root
def test_the_agent_has_few_rights(real: Real) -> None:
    """It runs as a user of its own, with no capability and no way to get one."""
    pid = real.inside("systemctl", "show", "-p", "MainPID", "--value", "remit-agent").strip()
    status = real.inside("cat", f"/proc/{pid}/status")
    assert "NoNewPrivs:\t1" in status
    assert "CapBnd:\t0000000000000000" in status
    assert real.inside("stat", "-c", "%U", f"/proc/{pid}").strip() == "remit"


@REAL
@pytest.mark.needs_root
def test_bounds_are_in_force(real: Real) -> None:
    """In the machine's own control groups, which hold all its processes."""
    groups = [Path(each) for each in json.loads((real.directory / "groups").read_text())]
    found = {
        file.name: file.read_text().strip()
        for group in groups
        for file in group.glob("*")
        if "ma" in file.name or "limit_in" in file.name
    }
    assert found.get("memory.limit_in_bytes", found.get("memory.max")) == str(512 << 20)
    assert found["pids.max"] == "500"


@REAL
@pytest.mark.needs_root
def test_a_machine_that_lost_its_nspawn_is_started_again(real: Real) -> None:
    """What is left of it is ended first; its state stays, it needs no introduction, and cloud-init does nothing twice."""
    before = leader(real.directory)
    pid = int((real.directory / "process").read_text().split()[0])
    os.kill(pid, 9)

    async def again() -> None:
        async with real.stage.admin() as boss:
            await until(lambda: is_made(boss))
            await boss.start_machine("db")
            assert (await boss.show("db"))["alarms"] == []

            async def greeted() -> bool:
                return bool((await boss.show("db"))["seen"] > begun)

            await until(greeted)

    begun = time.time()
    asyncio.run(again())
    assert not Path(f"/proc/{before}/cgroup").exists() or leader(real.directory) != before
    assert "user-data" not in os.listdir(real.directory / "state")


@REAL
@pytest.mark.needs_root
@pytest.mark.timeout(300)
def test_an_image_with_our_own_init_is_a_machine_as_well(tmp_path: Path) -> None:
    """In a second: it enrols, and ends by itself when it is asked to; the introduction is moved out of its seed at once."""
    made = image_of([], parcel(tmp_path / "parcels"), tmp_path, print)
    root = tmp_path / "root"
    for part in made:
        subprocess.run(
            ["cp", "-a", f"{part}/.", str(root)] if root.exists() else ["cp", "-a", str(part), str(root)], check=True
        )
    stage = Stage(tmp_path, {"nspawn": {"image": str(root)}})
    stage.start_boss()

    async def work() -> None:
        async with stage.admin() as boss:
            await boss.create_machine("db", "nspawn")
            await until(lambda: is_active(boss))
            (directory,) = stage.state.glob("machines-nspawn/db-*")
            assert os.listdir(directory / "seed") == ["hostname"]
            pid = int((directory / "process").read_text().split()[0])
            os.kill(leader(directory), signal.SIGRTMIN + 3)
            await until(lambda: gone(pid))
            assert "power off: ending the agent" in (directory / "console.log").read_text()

    try:
        asyncio.run(work())
    finally:
        end(stage)


async def gone(pid: int) -> bool:
    reap(pid)
    return Process.of(pid) is None


async def is_active(boss: Any) -> bool:
    return bool((await boss.show("db"))["state"] == "active")


async def is_made(boss: Any) -> bool:
    return str((await boss.show("db"))["provider_sees"]).startswith("made")


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_the_name_of_the_secret_is_what_a_sturdyref_spells() -> None:
    """What these tests look for is the swiss number as it stands in the introduction."""
    uri = SturdyRef.parse("ocapn://x.remit/s/c3VwZXJzZWNyZXQ?tls=a:1").uri()
    assert uri.rpartition("/s/")[2].partition("?")[0] == "c3VwZXJzZWNyZXQ"
