"""The `qemu` provider: a machine is a virtual one of QEMU on this host, from a disk image with cloud-init, or with our own init.

    ROOT/<machine id>/       0700; label.json and process: see `_room.py`
        made.json            what it is made from, and with which options: once and for all
        disk.qcow2           its own layer over the image, which stays as it is and has to
        seed.iso             0600: who it is (`_seed_disk.py`); the introduction in it is overwritten when the machine says that it has enrolled
        boss.address         the boss's signed address, for the seed
        console.log          0600: its serial console
        qmp.sock             where QEMU takes orders

The network is QEMU's user network: a machine reaches what this host reaches, and the host's loopback as 10.0.2.2. Where the boss is on loopback, the machine passes connections to that
address of its own on; its agent listens on one port, which the host has on its loopback, too. KVM is used where a guest was seen to run with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from remit.durable import read_secret_file, write_secret_file
from remit.errors import BadArgument, Missing, Misuse, ProviderError, StoreError
from remit.machines._cloud_init import cloud_config, meta_data
from remit.machines._cloud_scripts import AgentSetup
from remit.machines._launch import launch
from remit.machines._luggage import packed
from remit.machines._parcel import Parcel, pack, parcel
from remit.machines._process_table import Process
from remit.machines._provider import Observed
from remit.machines._room import MachineRoom, running_in
from remit.machines.images._tree import run_tool
from remit.machines.nspawn._words import LUGGAGE, host_name
from remit.machines.qemu._options import QemuOptions, qemu_defaults, qemu_options
from remit.machines.qemu._seed_disk import LABEL, blank_introduction, write_seed
from remit.machines.qemu._words import ENDED, HOST, PROBE, QEMU, Virtual, probe_words, words
from remit.values import SturdyRef

__all__ = ["QemuProvider", "runs_guests"]

_GRACE: Final = 90.0  # seconds for a machine to power off by itself: one without KVM is slow
_PROBE: Final = 10.0  # seconds for a guest to come as far as one instruction
_SPOKE: Final = b"this machine has enrolled"
_ROOM: Final = 1 << 30  # bytes of user data: a seed disk takes any
_INSTALL: Final = f"""[ ! -x /opt/remit/bin/remit-agent ] || exit 0
mkdir -p /run/remit-seed /opt/remit
mount -o ro /dev/disk/by-label/{LABEL} /run/remit-seed
[ ! -e /run/remit-seed/parcel.tar.gz ] || tar -C /opt/remit -xzf /run/remit-seed/parcel.tar.gz
umount /run/remit-seed"""
_BEFORE: Final = f"""mkdir -p /run/remit-seed; mount -o ro /dev/disk/by-label/{LABEL} /run/remit-seed || exit 0; \
for f in boss.address; do [ ! -e /run/remit-seed/$f ] || \
install -o $(stat -c %u /var/lib/remit) -g $(stat -c %g /var/lib/remit) -m 0600 /run/remit-seed/$f /var/lib/remit/$f; done; \
[ ! -e /run/remit-seed/machine.tar ] || {{ mkdir -p {LUGGAGE}; tar -C {LUGGAGE} -xf /run/remit-seed/machine.tar; }}; umount /run/remit-seed"""


class QemuProvider:
    """Makes each machine as a virtual one under `root` (made 0700 if missing). Owned by the boss's process; any user's.

    `owner` labels the machines: the boss's designator. `store` is a directory for parcels; `table` what remit.toml says (`_options.py`). `kvm`: whether
    to use it (None: where a guest was seen to run with it). `grace`: seconds that a machine has to power off by itself.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        owner: str,
        store: Path,
        table: Mapping[str, Any] | None = None,
        *,
        kvm: bool | None = None,
        make_parcel: Callable[[Path], Parcel] = parcel,
        grace: float = _GRACE,
    ) -> None:
        self._room = MachineRoom(root, owner)
        self._store = store
        self._defaults = qemu_defaults(table or {})
        self._kvm = kvm
        self._parcel = make_parcel
        self._grace = grace

    async def create(self, id: str, name: str, user_data: dict[str, Any], options: dict[str, Any]) -> None:
        """See `Provider.create`. The options are those of `_options.py`."""
        chosen = qemu_options(options, self._defaults)
        if user_data.get("agent", {}).get("tether"):
            raise ProviderError(
                "a virtual machine is not tethered to a process of this host: leave out the option tether"
            )
        async with self._room.lock(id):
            try:
                await asyncio.to_thread(self._make, id, name, user_data, chosen)
                await asyncio.to_thread(self._boot, self._room.path(id))
            except (StoreError, BadArgument, OSError) as error:
                raise ProviderError(f"machine {name}: it could not be prepared: {error}") from None

    async def start(self, id: str, address: bytes) -> None:
        """See `Provider.start`. A machine that runs learns of the address when it starts the next time."""
        async with self._room.lock(id):
            directory = self._room.find(id)
            if _made(directory) is None:
                raise ProviderError(f"machine {id} is half made: create it again")
            write_secret_file(directory / "boss.address", address, replace=True)
            await asyncio.to_thread(self._boot, directory)

    async def destroy(self, id: str) -> None:
        """See `Provider.destroy`. The machine is powered off first; what does not end by itself is ended."""
        async with self._room.lock(id):
            directory = self._room.path(id)
            if not directory.exists():
                return
            self._room.check_owner(directory)
            process = running_in(directory)
            if process is not None:
                await asyncio.to_thread(_power_off, directory, process, self._grace)
            await asyncio.to_thread(shutil.rmtree, directory)

    async def list(self) -> Sequence[Observed]:
        """See `Provider.list`."""
        return self._room.looks(self._look)

    async def observe(self, id: str) -> Observed:
        """See `Provider.observe`."""
        return self._look(self._room.path(id))

    # --- one machine ------------------------------------------------------------------------------------

    def _look(self, directory: Path) -> Observed:
        if self._room.name_of(directory) is not None:
            _forget(directory)
        return self._room.observed(directory, running_in(directory), "QEMU, process", "console.log")

    def _make(self, id: str, name: str, user_data: dict[str, Any], chosen: QemuOptions) -> None:
        """Its directory with all that is in it. Each step may have been done before."""
        directory = self._room.prepare(id, name)
        told = _made(directory)
        if told is None:
            told = {"options": chosen._asdict(), "port": _free_port()}
            write_secret_file(directory / "made.json", json.dumps(told).encode(), replace=True)
        options = QemuOptions(**told["options"])
        if not (directory / "disk.qcow2").exists():
            _make_disk(directory / "disk.qcow2", options)
        if not _enrolled(directory) and running_in(directory) is None:
            agent = {"listen": f"0.0.0.0:{told['port']}", "published": "127.0.0.1", **user_data.get("agent", {})}
            luggage = packed(agent, LUGGAGE)
            write_secret_file(directory / "machine.tar", luggage.tar, replace=True)
            word = json.dumps({**user_data, "agent": luggage.agent}).encode()
            write_secret_file(directory / "user-data", word, replace=True)

    def _boot(self, directory: Path) -> None:
        if running_in(directory) is not None:
            return
        told = _made(directory)
        assert told is not None
        options = QemuOptions(**told["options"])
        self._write_seed(directory, options)
        kvm = self._kvm if self._kvm is not None else runs_guests(kvm=True)
        ports = ((told["port"], told["port"]), *((here, there) for here, there in options.publish))
        one = Virtual(f"remit-{directory.name}", options.memory >> 20, options.cpus, kvm, ports)
        (directory / "qmp.sock").unlink(missing_ok=True)
        if launch(directory, words(one), "qemu.log") is None:
            raise ProviderError(f"machine {directory.name} ended as soon as it was started: {_last_words(directory)}")

    def _write_seed(self, directory: Path, options: QemuOptions) -> None:
        """The seed, with the introduction as long as it is of use; then nothing but what the machine is told at each start."""
        name = self._room.name_of(directory) or directory.name
        files: dict[str, bytes | Path] = {
            "meta-data": meta_data(directory.name, host_name(name)),
            "hostname": host_name(name).encode(),
        }
        files["user-data"] = b"#cloud-config\n{}\n"
        if not _enrolled(directory):
            user_data = json.loads(read_secret_file(directory / "user-data"))
            setup = AgentSetup(user=options.user, install=_INSTALL, before=_BEFORE, forwards=_forwards(user_data))
            files["user-data"] = cloud_config(user_data, setup, limit=_ROOM)
            files["remit.json"] = json.dumps(user_data).encode()
            write_secret_file(directory / "forwards.json", json.dumps(dict(setup.forwards)).encode(), replace=True)
            if options.code == "seed":
                files["parcel.tar.gz"] = self._packed_parcel()
        for part in ("boss.address", "machine.tar", "forwards.json"):
            if (directory / part).exists() and (data := read_secret_file(directory / part, limit=_ROOM)):
                files[part] = data
        write_seed(directory / "seed.iso", files)

    def _packed_parcel(self) -> Path:
        found = self._parcel(self._store)
        target = self._store / f"{found.digest}.tar.gz"
        if not target.exists():
            draft = self._store / f".{found.digest}.{os.urandom(4).hex()}"
            with draft.open("wb") as file:
                pack(found, file)
            draft.rename(target)
        return target


def runs_guests(*, kvm: bool) -> bool:
    """Whether a guest was seen to run here, with KVM or without: it is booted once for each process, and has some seconds. Blocks.

    That /dev/kvm is there says nothing: in some hosts virtual machines can be made, and never run.
    """
    if kvm not in _SEEN:
        _SEEN[kvm] = (not kvm or os.access("/dev/kvm", os.R_OK | os.W_OK)) and _probe(kvm)
    return _SEEN[kvm]


_SEEN: dict[bool, bool] = {}


def _probe(kvm: bool) -> bool:
    with tempfile.TemporaryDirectory() as place:
        disk = Path(place) / "disk"
        disk.write_bytes(PROBE.ljust(1 << 20, b"\0"))
        try:
            done = subprocess.run(
                probe_words(str(disk), kvm=kvm),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PROBE,
                check=False,
            )
        except (subprocess.TimeoutExpired, FileNotFoundError):
            return False
    return done.returncode == ENDED


def _forwards(user_data: Mapping[str, Any]) -> dict[str, str]:
    """The boss's addresses that are loopback here, and how the machine reaches them."""
    try:
        hints = SturdyRef.parse(user_data["introduction"]).locator.hints
    except (KeyError, Misuse):
        return {}
    found = [place.rpartition(":") for place in hints.get("tls", "").split(",")]
    return {f"{host}:{port}": f"{HOST}:{port}" for host, _, port in found if host == "127.0.0.1"}


def _make_disk(target: Path, options: QemuOptions) -> None:
    image = Path(options.image)
    if not options.image or not image.is_file():
        raise ProviderError(
            f"the image {options.image or '(none is named)'} is not there: make one with: remit image build disk FILE --init systemd; then "
            "--option image=FILE, or image in the provider's table"
        )
    kind = json.loads(run_tool(["qemu-img", "info", "--output=json", "-U", str(image)]))["format"]
    draft = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
    try:
        size = [str(options.disk)] if options.disk else []
        run_tool(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(image.absolute()), "-F", kind, str(draft), *size]
        )
        draft.chmod(0o600)
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)


def _made(directory: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(read_secret_file(directory / "made.json"))
    except (Missing, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _enrolled(directory: Path) -> bool:
    return (directory / "enrolled").exists()


def _forget(directory: Path) -> None:
    """When the machine has said on its console that it has enrolled: overwrite the introduction. One that lies harms itself only."""
    if _enrolled(directory):
        return
    try:
        with (directory / "console.log").open("rb") as console:
            said = _SPOKE in console.read()
    except FileNotFoundError:
        return
    if said:
        blank_introduction(directory / "seed.iso")
        blank_introduction(directory / "user-data")
        (directory / "user-data").unlink(missing_ok=True)
        (directory / "enrolled").touch(mode=0o600)


def _power_off(directory: Path, process: Process, grace: float) -> None:
    """Press the power button, and wait; then end QEMU, which is as pulling the plug."""
    try:
        _order(directory / "qmp.sock", "system_powerdown")
    except OSError:
        grace = 0.0
    if not process.wait(grace):
        process.end(5.0)


def _order(path: Path, command: str) -> None:
    """Give QEMU one order: QEMU Machine Protocol Specification, sections 2.2 to 2.4."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(5.0)
        here = os.open(
            path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
        )  # a socket's path may be too long by itself
        try:
            link.connect(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)
        lines = link.makefile("rwb")
        lines.readline()
        for order in ("qmp_capabilities", command):
            lines.write(json.dumps({"execute": order}).encode() + b"\n")
            lines.flush()
            lines.readline()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last_words(directory: Path) -> str:
    lines = (directory / "qemu.log").read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else f"{QEMU} said nothing"
