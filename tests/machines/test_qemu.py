"""Virtual machines of QEMU: what it is told, the disk by which they learn who they are, and real ones, which take minutes (`make test-slow`)."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.errors import Conflict, ProviderError
from remit.machines import build_disk, build_tarball, install_disk
from remit.machines.images._disk import make_file, table_of, what_is_on
from remit.machines.qemu._options import QemuOptions, qemu_defaults, qemu_options
from remit.machines.qemu._provider import _forwards, runs_guests
from remit.machines.qemu._seed_disk import MAKERS, blank_introduction, write_seed
from remit.machines.qemu._words import Virtual, probe_words, words
from tests.machines.stage import Stage, until

SECRET = "ocapn://x.remit/s/c3VwZXJzZWNyZXQ?tls=127.0.0.1:4433"
QEMU = pytest.mark.skipif(
    shutil.which("qemu-system-x86_64") is None, reason="QEMU is not installed: tools/servers slow"
)
ISO = pytest.mark.skipif(not any(map(shutil.which, MAKERS)), reason="genisoimage is not installed: tools/servers")


def test_a_machine_is_given_its_disk_its_seed_and_one_port() -> None:
    """Nothing of QEMU's defaults; ports on the host's loopback only; and QEMU itself can start no process."""
    told = words(Virtual("remit-db-1", 512, 2, False, ((40000, 40000), (8080, 80))))
    assert "-nodefaults" in told
    assert "pc,accel=tcg" in told
    assert "user,id=net,hostfwd=tcp:127.0.0.1:40000-:40000,hostfwd=tcp:127.0.0.1:8080-:80" in told
    assert "file=seed.iso,if=virtio,format=raw,readonly=on" in told
    assert any("spawn=deny" in each for each in told)
    assert "pc,accel=kvm" in words(Virtual("x", 512, 2, True, ()))
    assert "pc,accel=kvm" in probe_words("disk", kvm=True)


def test_options_are_read_and_wrong_ones_refused() -> None:
    """With the form."""
    assert qemu_defaults({"memory": "2g", "publish": "8080:80"}).publish == ((8080, 80),)
    for given, why in (({"sise": 1}, "no option sise"), ({"cpus": 0}, "1 to 255"), ({"code": "net"}, "seed or image")):
        with pytest.raises(ProviderError, match=why):
            qemu_options(given, QemuOptions())


def test_a_boss_on_loopback_is_reached_by_way_of_the_host() -> None:
    """The machine's own address of the same port leads to the host's; other addresses are dialled as they are."""
    told = {"introduction": "ocapn://x.remit/s/c3VwZXJzZWNyZXQ?tls=127.0.0.1:4433,192.0.2.1:4433"}
    assert _forwards(told) == {"127.0.0.1:4433": "10.0.2.2:4433"}
    assert _forwards({}) == {}


@ISO
def test_the_seed_is_private_and_forgets_the_introduction(tmp_path: Path) -> None:
    """Overwritten in place, so that a machine that has the disk in use forgets it as well; all else stays as it was."""
    seed = tmp_path / "seed.iso"
    files: dict[str, bytes | Path] = {
        "user-data": json.dumps({"content": json.dumps({"introduction": SECRET})}).encode(),
        "remit.json": json.dumps({"introduction": SECRET, "machine": "db"}).encode(),
        "meta-data": b"instance-id: i\n",
    }
    write_seed(seed, files)
    assert seed.stat().st_mode & 0o777 == 0o600
    before = seed.read_bytes()
    assert b"cidata" in before[0x8000:0x8800]
    assert before.count(b"c3VwZXJzZWNyZXQ") == 2
    assert blank_introduction(seed)
    after = seed.read_bytes()
    assert b"c3VwZXJzZWNyZXQ" not in after
    assert len(after) == len(before)
    assert b"instance-id: i" in after
    assert not blank_introduction(seed)
    assert list(tmp_path.iterdir()) == [seed]


@QEMU
def test_a_guest_is_seen_to_run_before_it_is_relied_on() -> None:
    """By having it do something: the first sector of a disk ends the machine with a status of its own."""
    assert runs_guests(kvm=False)


def test_a_disk_that_holds_something_is_not_touched(tmp_path: Path) -> None:
    """Unless that is meant; and what cannot be a disk is said."""
    disk, tar = tmp_path / "disk", tmp_path / "root.tar"
    make_file(disk, 512 << 20)
    tar.write_bytes(b"")
    assert what_is_on(disk) == ""
    subprocess.run(
        ["mkfs.ext4", "-q", "-F", "-L", "mine", str(disk), "64M"],
        check=True,
        env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"},
    )
    with pytest.raises(Conflict, match="ext4 mine: all of it would be lost"):
        install_disk(disk, tar, lambda _: None)
    with pytest.raises(ProviderError, match="neither a block device nor a file"):
        what_is_on(tmp_path)
    with pytest.raises(Conflict, match="left as it is"):
        make_file(disk, 1 << 30)


def test_a_disk_has_one_partition_that_starts() -> None:
    """From 1 MiB to its end, however large it is."""
    table = table_of(2 << 30)
    assert len(table) == 512 - 440
    assert (table[6], table[10], table[-2:]) == (0x80, 0x83, b"\x55\xaa")
    assert [int.from_bytes(table[at : at + 4], "little") for at in (14, 18)] == [2048, (2 << 30) // 512 - 2048]
    assert int.from_bytes(table_of(1 << 50)[18:22], "little") == (1 << 32) - 1


# --- real ones: minutes -------------------------------------------------------------------------------


@pytest.fixture
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A boss on loopback with the provider qemu; all is gone afterwards."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "diary.py").write_text((Path(__file__).parent / "diary.py").read_text())
    table = {"memory": "768m", "agent": {"classes": ["diary"], "path": [str(code)]}, "code": "image"}
    made = Stage(tmp_path, {"qemu": table})
    made.start_boss()
    try:
        yield made
    finally:
        try:
            asyncio.run(destroyed(made))
        finally:
            made.kill_boss()


async def destroyed(stage: Stage) -> None:
    async with stage.admin(1800) as boss:
        for machine in await boss.list_machines():
            await boss.destroy_machine(machine["name"])


def image_of(tmp_path: Path, init: str) -> Path:
    """The disk of a machine: built at once for the one init, and by way of a tar and an installation for the other."""
    disk = tmp_path / "disk"
    if init == "systemd":
        build_disk(disk, [], print, init=init, size=3 << 30)
    else:
        build_tarball(tmp_path / "root.tar", [], print, init=init, kernel="auto")
        make_file(disk, 2 << 30)
        install_disk(disk, tmp_path / "root.tar", print)
        (tmp_path / "root.tar").unlink()
    return disk


@pytest.mark.boots
@pytest.mark.needs_root
@QEMU
@ISO
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("init", ["remit", "systemd"])
def test_a_virtual_machine_boots_enrols_powers_off_and_comes_back(stage: Stage, tmp_path: Path, init: str) -> None:
    """From a disk that was made here: it enrols, keeps an object, forgets its introduction on both sides, powers off when asked, and comes back as it was."""
    disk = image_of(tmp_path, init)

    async def work() -> None:
        async with stage.admin(1800) as boss:
            begun = time.monotonic()
            await boss.create_machine("db", "qemu", {"image": str(disk)})
            await until(lambda: is_active(boss), 1000)
            print(f"{init}: enrolled after {time.monotonic() - begun:.0f} s")
            await boss.offer("db.diary", "test.diary")
            await boss.bind("db.own", "db.diary")
            await (await boss.machine("db").binding("own")).write("first")
            (directory,) = stage.state.glob("machines-qemu/db-*")
            await until(lambda: forgotten(boss, directory), 600)
            assert b"/s/" not in (directory / "seed.iso").read_bytes().partition(b"ocapn://")[2][:200]
            await power_off(directory)
            assert (await boss.show("db"))["provider_sees"].startswith("made")
            begun = time.monotonic()
            await boss.start_machine("db")
            await until(lambda: read(boss), 1000)
            print(f"{init}: back after {time.monotonic() - begun:.0f} s")
            assert await read(boss) == ["first"]

    asyncio.run(work())


async def is_active(boss: Any) -> bool:
    return bool((await boss.show("db"))["state"] == "active")


async def forgotten(boss: Any, directory: Path) -> bool:
    await boss.show("db")
    return (directory / "enrolled").exists()


async def read(boss: Any) -> Any:
    return await (await boss.machine("db").binding("own")).read()


async def power_off(directory: Path) -> None:
    """As its button does: the machine ends by itself."""
    from remit.machines._room import running_in
    from remit.machines.qemu._provider import _order

    begun = time.monotonic()
    _order(directory / "qmp.sock", "system_powerdown")
    while running_in(directory) is not None:
        assert time.monotonic() < begun + 300, (directory / "console.log").read_text(errors="replace")[-2000:]
        await asyncio.sleep(0.2)
    print(f"powered off after {time.monotonic() - begun:.0f} s")
