"""The first process of a machine whose image has no other init: mounts, modules, network, the agent, reaping, power-off.

A program by itself: it imports nothing but the standard library, since it is copied into images as /sbin/remit-init, with this line above it: `#!/usr/bin/python3 -IS`.

    SIGTERM, SIGPWR, SIGRTMIN+3, SIGRTMIN+4, the power button    power off
    SIGINT (ctrl-alt-del)                                        restart
    the agent ends                                               it is started again, after a second, then less and less often

In a container (`$container` is set) it mounts nothing, leaves the network as it is, and to power off it ends. What it says goes to the console; it never sees
what is in the user data, which it moves as a file.

    /etc/remit/init.json    {"command": ["/opt/remit/bin/remit-agent"], "user": "remit", "state": "/var/lib/remit"}, each with that default
    seed                    a disk with the label `cidata`, or /var/lib/cloud/seed/nocloud: `remit.json` (user data, until it has enrolled), and, at each
                            start, `boss.address`, `machine.tar` (what the agent is to load), `hostname`, `forwards.json` (address to address)
"""

from __future__ import annotations

import ctypes
import json
import os
import pwd
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

CONFIG = "etc/remit/init.json"
SEED = "var/lib/cloud/seed/nocloud"
LUGGAGE = "opt/machine"
PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHORTEST, LONGEST = 1.0, 30.0  # seconds between two starts of an agent that fails
LOOK, FOREVER = 1.0, 3600.0  # seconds between two looks whether the agent has enrolled
HEALTHY = 60.0  # seconds after which an agent counts as one that works
GRACE = 15.0  # seconds for the agent, and then for everything else, to end by itself
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_RDONLY = 2, 4, 8, 32, 1  # mount(2)
POWER_OFF, RESTART, NO_CAD = 0x4321FEDC, 0x01234567, 0  # reboot(2)
NOBODY = 65534
EVENT = struct.Struct("llHHi")  # struct input_event: linux/input.h
EV_KEY, KEY_POWER = 1, 116
MOUNTS = (
    ("proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""),
    ("sysfs", "sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""),
    ("devtmpfs", "dev", MS_NOSUID, "mode=0755"),
    ("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666"),
    ("tmpfs", "dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"),
    ("tmpfs", "run", MS_NOSUID | MS_NODEV, "mode=0755,size=20%"),
)


def say(text: str) -> None:
    """One line on the console."""
    with suppress(OSError):
        os.write(2, f"remit-init: {text}\n".encode())


def mount(kind: str, place: str, flags: int, options: str) -> None:
    """The system call of this name. Raises `OSError`."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(kind.encode(), place.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), place)


class Init:
    """The first process. `root` is the root directory, another one in tests; `container`: whether the kernel is somebody else's."""

    def __init__(self, root: Path, *, container: bool) -> None:
        self.root = root
        self.container = container
        config = self._config()
        self.command = [str(word) for word in config.get("command", ["/opt/remit/bin/remit-agent"])]
        self.user = str(config.get("user", "remit"))
        self.state = root / str(config.get("state", "/var/lib/remit")).lstrip("/")
        self.agent = 0
        self.delay = SHORTEST
        self.started = 0.0
        self.due: float | None = 0.0  # when the agent is to be started
        self.ending = ""
        self.enrolled = False
        self.forwards: dict[str, str] = {}
        self._woken, self._waker = socket.socketpair()
        for end in (self._woken, self._waker):
            end.setblocking(False)
        self._buttons: list[int] = []

    def _config(self) -> Mapping[str, Any]:
        try:
            found = json.loads((self.root / CONFIG).read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            say(f"/{CONFIG} cannot be read ({error}): the defaults are used")
            return {}
        return found if isinstance(found, dict) else {}

    def run(self) -> str:
        """Be the first process until it is told to end; gives what it was told: "power off" or "restart"."""
        self.listen()
        self.prepare()
        while not self.ending:
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001  # as below
                say(f"{type(error).__name__}: {error}")
                time.sleep(SHORTEST)
        say(f"{self.ending}: ending the agent")
        self.end()
        return self.ending

    # --- coming up ------------------------------------------------------------------------------------

    def listen(self) -> None:
        """From now on signals wake `turn`. Without a handler the kernel keeps them from a first process."""
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in (*_ENDS, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, self._signalled)
        if not self.container:
            ctypes.CDLL(None).reboot(NO_CAD)  # ctrl-alt-del becomes a SIGINT for us

    def prepare(self) -> None:
        """Everything before the agent. What fails is said, and the rest is tried: a machine that is up half can be looked at."""
        steps: list[tuple[str, Callable[[], None]]] = [
            ("the user data", self.take_seed),
            ("the host name", self.name_host),
            ("the state directory", self.open_state),
        ]
        if not self.container:
            steps = [("file systems", self.mount), ("devices", self.find_devices), *steps, ("network", self.connect)]
        for what, step in steps:
            try:
                step()
            except Exception as error:  # noqa: BLE001  # without a first process the kernel stops
                say(f"{what}: {type(error).__name__}: {error}")
        say("up")

    def mount(self) -> None:
        """The kernel's file systems, and the root for writing."""
        for kind, place, flags, options in MOUNTS:
            target = self.root / place
            if not os.path.ismount(target):
                target.mkdir(exist_ok=True)
                mount(kind, str(target), flags, options)
        mount("", str(self.root), MS_REMOUNT, "")
        _run("mount", "-a")

    def find_devices(self) -> None:
        """Load the modules of the devices that the kernel has found, and listen to power buttons."""
        names = set()
        for file in Path("/sys/devices").rglob("modalias"):
            with suppress(OSError):
                names.add(file.read_text().strip())
        if names and shutil.which("modprobe", path=PATHS):
            _run("modprobe", "-a", "-b", "-q", "evdev", "isofs", *sorted(names - {""}))
        for file in Path("/dev/input").glob("event*"):
            with suppress(OSError):
                self._buttons.append(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))

    def take_seed(self) -> None:
        """What the machine is told at each start: on a disk with the label `cidata`, or in a directory."""
        self.open_state()
        disk = "" if self.container else _run("blkid", "-L", "cidata").strip()
        if disk:
            place = self.root / "run/remit-seed"
            place.mkdir(mode=0o700, exist_ok=True)
            _run("mount", "-o", "ro", disk, str(place))
            try:
                self._take(place)
            finally:
                _run("umount", str(place))
        if (self.root / SEED).is_dir():
            self._take(self.root / SEED)

    def _take(self, seed: Path) -> None:
        if (seed / "remit.json").is_file():
            if not (self.state / "machine.json").exists():
                self._give(self.state / "user-data", (seed / "remit.json").read_bytes())
                say("the user data was taken")
            with suppress(OSError):  # on a disk that is read-only it stays
                (seed / "remit.json").unlink()
        if (seed / "boss.address").is_file():
            self._give(self.state / "boss.address", (seed / "boss.address").read_bytes())
        if (seed / "hostname").is_file():
            (self.root / "etc/hostname").write_text((seed / "hostname").read_text())
        if (seed / "machine.tar").is_file():
            place = self.root / LUGGAGE
            place.mkdir(parents=True, exist_ok=True)
            _run("tar", "-C", str(place), "-xf", str(seed / "machine.tar"))
        if (seed / "forwards.json").is_file():
            self.forwards = json.loads((seed / "forwards.json").read_bytes())

    def _give(self, file: Path, data: bytes) -> None:
        draft = file.with_name(f".{file.name}.new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as out:
            out.write(data)
            os.fchown(descriptor, *self._ids())
            out.flush()
            os.fsync(descriptor)
        draft.rename(file)

    def name_host(self) -> None:
        """As /etc/hostname says."""
        name = (self.root / "etc/hostname").read_text().strip() if (self.root / "etc/hostname").exists() else ""
        if name and not self.container:
            socket.sethostname(name)

    def open_state(self) -> None:
        """The state directory, for the agent's user alone."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(self.state, *self._ids())
        self.state.chmod(0o700)

    def connect(self) -> None:
        """Bring the network up by the image's own tools, without waiting: the agent tries until it is there."""
        _run("ip", "link", "set", "lo", "up")
        for here, there in self.forwards.items():
            if os.fork() == 0:
                forward(here, there)
        if shutil.which("ifup", path=PATHS):
            self._start(["ifup", "-a", "--no-loopback"])

    def _ids(self) -> tuple[int, int]:
        entry = pwd.getpwnam(self.user)
        return entry.pw_uid, entry.pw_gid

    # --- being up -------------------------------------------------------------------------------------

    def turn(self) -> None:
        """Wait for whatever comes next, and deal with it."""
        now = time.monotonic()
        if self.due is not None and now >= self.due:
            self.due = None
            self.start_agent()
        if not self.enrolled and (self.state / "machine.json").exists():
            self.enrolled = True
            say("this machine has enrolled")  # whoever made it may be waiting to forget the introduction
        wait = min(LOOK if not self.enrolled else FOREVER, FOREVER if self.due is None else max(0.0, self.due - now))
        sources: list[Any] = [self._woken, *self._buttons]
        ready, _, _ = select.select(sources, [], [], wait)
        for source in ready:
            if source is self._woken:
                with suppress(BlockingIOError):
                    self._woken.recv(4096)
            else:
                self._pressed(source)
        self.reap()

    def start_agent(self) -> None:
        """Start the agent as its user; one that cannot be is tried again."""
        self.started = time.monotonic()
        try:
            self.agent = self._start([*self.command, "--state", str(self.state)], self.user)
        except (OSError, LookupError) as error:
            say(f"the agent cannot be started: {error}")
            self._later()

    def reap(self) -> None:
        """Take the exit status of all that has ended, whoever started it."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.agent:
                self.agent = 0
                say(f"the agent ended with status {os.waitstatus_to_exitcode(status)}")
                self._later()

    def _later(self) -> None:
        lived = time.monotonic() - self.started
        self.delay = SHORTEST if lived > HEALTHY else min(self.delay * 2, LONGEST)
        self.due = time.monotonic() + self.delay

    def _start(self, command: list[str], user: str = "root") -> int:
        """The id of a new process: a session of its own with the rights of this user."""
        entry = pwd.getpwnam(user)
        groups = os.getgrouplist(user, entry.pw_gid)
        environment = {"PATH": PATHS, "HOME": entry.pw_dir, "USER": user, "LC_ALL": "C.UTF-8"}
        pid = os.fork()
        if pid:
            return pid
        try:
            os.setsid()
            for number in (signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            if os.geteuid() == 0 and entry.pw_uid != 0:
                os.setgroups(groups)
                os.setgid(entry.pw_gid)
                os.setuid(entry.pw_uid)
            os.umask(0o077)
            os.execvpe(command[0], command, environment)  # noqa: S606  # as an init does
        except OSError as error:
            say(f"{command[0]}: {error.strerror}")
        os._exit(127)

    def _signalled(self, number: int, frame: Any) -> None:
        if number in _ENDS:
            self.ending = self.ending or "power off"
        elif number == signal.SIGINT:
            self.ending = self.ending or "restart"

    def _pressed(self, button: int) -> None:
        try:
            data = os.read(button, EVENT.size * 16)
        except OSError:
            self._buttons.remove(button)
            return
        for at in range(0, len(data) - EVENT.size + 1, EVENT.size):
            _, _, kind, code, value = EVENT.unpack_from(data, at)
            if (kind, code, value) == (EV_KEY, KEY_POWER, 1):
                self.ending = self.ending or "power off"

    # --- going down -----------------------------------------------------------------------------------

    def end(self) -> None:
        """End the agent, then everything, within bounds."""
        self.due = None
        if self.agent:
            with suppress(ProcessLookupError):
                os.kill(self.agent, signal.SIGTERM)
            self._wait(lambda: self.agent == 0)
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(-1, number)  # all but us
            if self._wait(_alone):
                break
        os.sync()

    def _wait(self, done: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline:
            self.due = None
            self.reap()
            if done():
                return True
            select.select([self._woken], [], [], 0.1)
            with suppress(BlockingIOError):
                self._woken.recv(4096)
        return False


def forward(here: str, there: str) -> None:
    """Pass connections from an address of this machine on to another, for ever, as a process of its own with no rights."""
    import asyncio

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection(*_place(there))
                await asyncio.gather(pumped(reader, far_writer), pumped(far_reader, writer))
                far_writer.close()
        finally:
            writer.close()

    async def pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
            writer.write_eof()

    async def serve() -> None:
        server = await asyncio.start_server(passed, *_place(here))
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        await server.serve_forever()

    try:
        signal.set_wakeup_fd(-1)
        for number in (*_ENDS, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        asyncio.run(serve())
    except Exception as error:  # noqa: BLE001  # this process never comes back to the first one's work
        say(f"{here} cannot lead to {there}: {error}")
    os._exit(1)


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _alone() -> bool:
    """Whether nothing else runs; the kernel's own threads have no command line."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if file.parent.name != "1" and file.parent.name != str(os.getpid()) and file.read_bytes():
                return False
    return True


def _run(*command: str) -> str:
    """Run a tool of the image; its output. What it says of errors goes to the console."""
    environment = {"PATH": PATHS, "LC_ALL": "C.UTF-8"}
    found = shutil.which(command[0], path=PATHS)
    if found is None:
        return ""
    done = subprocess.run(
        [found, *command[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment, check=False
    )
    return done.stdout.decode(errors="replace")


_ENDS = (signal.SIGTERM, signal.SIGPWR, signal.SIGRTMIN + 3, signal.SIGRTMIN + 4)  # systemd(1), section Signals


def main() -> int:
    """Be the init of this machine. Where the kernel is ours this does not return."""
    named = os.environ.get("container")  # noqa: SIM112  # as those who run containers have it: systemd(1)
    container = bool(named) or Path("/.dockerenv").exists()
    wish = Init(Path("/"), container=container).run()
    if not container:
        _run("umount", "-a", "-r", "-t", "noproc,nosysfs,nodevtmpfs,notmpfs")
        with suppress(OSError):
            mount("", "/", MS_REMOUNT | MS_RDONLY, "")
        os.sync()
        say(wish)
        ctypes.CDLL(None).reboot(RESTART if wish == "restart" else POWER_OFF)
    return 0


if __name__ == "__main__":
    sys.exit(main())
