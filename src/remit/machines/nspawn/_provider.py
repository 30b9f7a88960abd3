"""The `nspawn` provider: a machine is a container with a systemd of its own and cloud-init, run by systemd-nspawn on this host.

    ROOT/<machine id>/          0700; label.json and process: see `_room.py`
        made.json               what it is made from, and with which options: once and for all
        upper/, work/, root/    its own layer over the tree that it shares with others, and where the two meet (in a mount namespace of its own)
        seed/                   0700: the NoCloud seed, with the introduction until it is used
        state/                  the agent's state directory, /var/lib/remit in the machine
        luggage/                what its agent was told to load
        code/                   what it runs out of: see `_versions.py`
        groups                  its control groups, where no systemd of this host makes them
        console.log             0600: what it says on its console

The machine is a session of its own and outlives the boss on purpose. It shares the host's network and the host's
users: root in it is root, without the rights to mount, load modules or change the host (systemd-nspawn(1), section Security Options).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from remit.durable import open_state_dir, read_secret_file, write_secret_file
from remit.errors import BadArgument, Missing, ProviderError, StoreError
from remit.machines._cloud_init import cloud_config, meta_data
from remit.machines._cloud_scripts import AgentSetup
from remit.machines._launch import launch
from remit.machines._luggage import packed
from remit.machines._parcel import Parcel, parcel
from remit.machines._process_table import Process, children
from remit.machines._provider import Observed
from remit.machines._room import MachineRoom, running_in
from remit.machines._service_room import KEEP
from remit.machines._versions import go_back
from remit.machines.images._tree import machine_tree, run_tool
from remit.machines.nspawn._cgroup import end_group, group_of, make_group
from remit.machines.nspawn._options import ForOne, options_for_all, options_for_one
from remit.machines.nspawn._versions import first_code, next_code, restart_agent, tidy
from remit.machines.nspawn._words import LUGGAGE, STATE, Container, host_name, words

__all__ = ["NspawnProvider"]

_GRACE: Final = 15.0  # seconds for a machine to power off by itself
_AGAIN: Final = 0.1  # seconds between two requests to power off
_HALT: Final = signal.SIGRTMIN + 3  # systemd(1), section Signals; our own init keeps to it as well
_SYSTEMD: Final = Path("/run/systemd/system")  # there where systemd is what runs this host: sd_booted(3)


class NspawnProvider:
    """Makes each machine as a container under `root` (made 0700 if missing). Owned by the boss's process, which has to be root's.

    `owner` labels the machines: the boss's designator. `store` is a directory for parcels; `table` what remit.toml says (`_options.py`). `tree`
    gives the root file system for packages, `agent` the command of an agent: for tests. `grace`: seconds that a machine has to power off by itself.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        owner: str,
        store: Path,
        table: Mapping[str, Any] | None = None,
        *,
        tree: Callable[[Sequence[str]], Path] | None = None,
        make_parcel: Callable[[Path], Parcel] = parcel,
        grace: float = _GRACE,
    ) -> None:
        self._room = MachineRoom(root, owner)
        self._store = store
        self.host, self.defaults = options_for_all(table or {})
        self._make_tree = tree or (lambda packages: machine_tree(packages, lambda _: None))
        self._trees: dict[tuple[str, ...], Path] = {}
        self._parcel = make_parcel
        self._grace = grace

    async def create(self, id: str, name: str, user_data: dict[str, Any], options: dict[str, Any]) -> None:
        """See `Provider.create`. The options are those of `_options.py`."""
        chosen = options_for_one(options, self.defaults)
        if user_data.get("agent", {}).get("tether"):
            raise ProviderError("a container is not tethered to a process of this host: leave out the option tether")
        _check_host()
        async with self._room.lock(id):
            try:
                await asyncio.to_thread(self._make, id, name, user_data, chosen)
            except (StoreError, BadArgument, OSError) as error:
                raise ProviderError(f"machine {name}: it could not be prepared: {error}") from None
            await asyncio.to_thread(self._boot, self._room.path(id))

    async def start(self, id: str, address: bytes) -> None:
        """See `Provider.start`."""
        async with self._room.lock(id):
            directory = self._room.find(id)
            if _made(directory) is None:
                raise ProviderError(f"machine {id} is half made: create it again")
            _hand_over(directory / "state", "boss.address", address)
            await asyncio.to_thread(self._boot, directory)

    async def destroy(self, id: str) -> None:
        """See `Provider.destroy`. The machine is powered off first; what does not end by itself is killed."""
        async with self._room.lock(id):
            directory = self._room.path(id)
            if not directory.exists():
                return
            self._room.check_owner(directory)
            await asyncio.to_thread(self._end, directory)
            await asyncio.to_thread(shutil.rmtree, directory)

    async def upgrade(self, id: str, parcel: Parcel) -> None:
        """See `Upgradable.upgrade`."""
        async with self._room.lock(id):
            directory = self._room.find(id)
            await asyncio.to_thread(self._turn, directory, lambda: next_code(directory, parcel.path))
            await asyncio.to_thread(tidy, directory)

    async def downgrade(self, id: str) -> None:
        """See `Upgradable.downgrade`."""
        async with self._room.lock(id):
            directory = self._room.find(id)
            await asyncio.to_thread(self._turn, directory, lambda: go_back(directory / "code"))

    def _turn(self, directory: Path, change: Callable[[], bool]) -> None:
        """Change what the agent runs out of, and have it start again; its services are left to the next one."""
        process = running_in(directory)
        if not (directory / "code").is_dir():
            raise ProviderError(
                f"machine {directory.name} was made by an earlier version: destroy and create it to upgrade it"
            )
        if change() and process is not None:
            _hand_over(directory / "state", KEEP, b"")
            restart_agent(process, directory.name)
        elif process is None:
            self._boot(directory)

    async def list(self) -> Sequence[Observed]:
        """See `Provider.list`."""
        return self._room.looks(self._look)

    async def observe(self, id: str) -> Observed:
        """See `Provider.observe`."""
        return self._look(self._room.path(id))

    # --- one machine ------------------------------------------------------------------------------------

    def _look(self, directory: Path) -> Observed:
        return self._room.observed(directory, running_in(directory), "container of process", "console.log")

    def _make(self, id: str, name: str, user_data: dict[str, Any], chosen: ForOne) -> None:
        """Its directory with all that is in it. Each step may have been done before."""
        directory = self._room.prepare(id, name)
        told = _made(directory)
        if told is None:
            lower = Path(self.host.image) if self.host.image else self._tree(chosen.packages)
            told = {"lower": str(lower), "parcel": str(self._parcel(self._store).path), "options": chosen._asdict()}
            write_secret_file(directory / "made.json", json.dumps(told).encode(), replace=True)
        for part in ("upper", "work", "root"):
            (directory / part).mkdir(mode=0o755, exist_ok=True)
        for part in ("seed", "state"):
            (directory / part).mkdir(mode=0o700, exist_ok=True)
        agent = packed(user_data.get("agent", {}), LUGGAGE)
        _unpack(agent.tar, directory)
        word = {**user_data, "agent": agent.agent}
        _leave_word(directory, word, name, chosen.user, cloud_init=_has_cloud_init(Path(told["lower"])))

    def _tree(self, packages: tuple[str, ...]) -> Path:
        """The tree with these packages; apt is asked once what it would make one from."""
        found = self._trees.get(packages)
        if found is None or not found.is_dir():
            found = self._trees[packages] = self._make_tree(packages)
        return found

    def _boot(self, directory: Path) -> None:
        if running_in(directory) is not None:
            return
        self._end(directory)  # what is left of an earlier run, if anything
        told = _made(directory)
        assert told is not None
        options = options_for_one(told["options"], ForOne())
        lower, code = Path(told["lower"]), Path(told["parcel"])
        if not lower.is_dir():
            raise ProviderError(
                f"machine {directory.name}: its root file system lies over {lower}, which is not there any more"
            )
        if not code.is_dir():  # of an installation that was replaced since
            code = self._parcel(self._store).path
        groups: list[Path] = []
        if not _SYSTEMD.is_dir():
            groups = group_of(f"remit-{directory.name}", options.limits())
            write_secret_file(directory / "groups", json.dumps([str(group) for group in groups]).encode(), replace=True)
            make_group(f"remit-{directory.name}", options.limits())
        one = Container(
            *(
                directory,
                lower,
                first_code(directory, code),
                self._room.name_of(directory) or directory.name,
                tuple(groups),
            ),
            *(tuple(options.limits().items()), self.host.mounts),
        )
        if launch(directory, words(one), "console.log") is None:
            raise ProviderError(f"machine {directory.name} ended as soon as it was started: {_last_words(directory)}")

    def _end(self, directory: Path) -> None:
        """Power it off, then end what is left of it: nspawn, and whatever is in its control group."""
        process = running_in(directory)
        if process is not None:
            leaders = children(process.pid)
            _power_off(process, self._grace)
            process.end(_GRACE)
            for leader in leaders:  # which outlives an nspawn that was killed
                leader.send(signal.SIGKILL)
        try:
            groups = json.loads(read_secret_file(directory / "groups"))
        except (Missing, ValueError):
            return
        end_group(Path(group) for group in groups)


def _power_off(process: Process, grace: float) -> None:
    """Ask the machine's init to, as nspawn would; again and again, since one that has just begun does not listen yet."""
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline:
        for leader in children(process.pid):
            leader.send(_HALT)
        if process.wait(_AGAIN):
            return


def _check_host() -> None:
    """Raise `ProviderError` where no machine can be made, with what to do."""
    if os.geteuid() != 0:
        raise ProviderError(
            "only root can run containers with systemd-nspawn: run the boss as root, or use another provider"
        )
    missing = [program for program in ("systemd-nspawn", "unshare", "mount", "flock") if shutil.which(program) is None]
    if missing:
        raise ProviderError(
            f"{', '.join(missing)} is not installed: apt-get install systemd-container util-linux mount"
        )


def _made(directory: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(read_secret_file(directory / "made.json"))
    except (Missing, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _unpack(tar: bytes, directory: Path) -> None:
    """Replace the luggage. A machine that runs has the one that it was started with."""
    draft = directory / "luggage.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o755)
    draft.chmod(0o755)
    if tar:
        archive = directory / "luggage.tar"
        write_secret_file(archive, tar, replace=True)
        run_tool(["tar", "-C", str(draft), "--numeric-owner", "-xf", str(archive)])
        archive.unlink()
    shutil.rmtree(directory / "luggage", ignore_errors=True)
    draft.rename(directory / "luggage")


def _has_cloud_init(lower: Path) -> bool:
    """Whether a root file system takes a cloud-config; the other kind has our own init, which takes the user data as such."""
    return (lower / "usr/bin/cloud-init").exists()


def _leave_word(directory: Path, user_data: dict[str, Any], name: str, user: str, *, cloud_init: bool) -> None:
    """The seed, unless the machine has used an earlier one: then it is enrolled and needs none."""
    state = directory / "state"
    if (state / "machine.json").exists():
        return
    seed = open_state_dir(directory / "seed")
    if cloud_init:
        files = {"meta-data": meta_data(directory.name, host_name(name))}
        files["user-data"] = cloud_config(user_data, AgentSetup(user=user, state=STATE))
    else:
        files = {"hostname": host_name(name).encode(), "remit.json": json.dumps(user_data).encode()}
    for file, data in files.items():
        write_secret_file(seed / file, data, replace=True)
    if (state / "user-data").exists():  # it has begun, and is told better
        _hand_over(state, "user-data", json.dumps(user_data).encode())


def _hand_over(state: Path, name: str, data: bytes) -> None:
    """A private file for whoever owns the state directory. The machine can write there: nothing of it is followed or trusted."""
    owner = state.stat()
    draft = f".{name}.{os.urandom(8).hex()}"
    directory = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        file = os.open(
            draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory
        )
        with open(file, "wb") as out:
            os.fchown(file, owner.st_uid, owner.st_gid)
            out.write(data)
            out.flush()
            os.fsync(file)
        os.rename(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)
    finally:
        os.close(directory)


def _last_words(directory: Path) -> str:
    lines = (directory / "console.log").read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"
