"""Control groups of machines where no systemd makes them: one for each machine, below our own, in both versions of cgroups.

systemd in a container takes the group that it is started in for its own and makes others in it, so two containers must not be started in one. What
runs in a machine's group is that machine's, which is how leftovers are found.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from remit.errors import ProviderError

__all__ = ["end_group", "group_of", "hierarchies", "make_group"]

TREE: Final = ("", "name=systemd")  # version 2, and the one of version 1 that systemd keeps track of processes by
LIMITS: Final = {  # controller of version 1: file, and the file of version 2
    "memory": ("memory", "memory.limit_in_bytes", "memory.max"),
    "pids": ("pids", "pids.max", "pids.max"),
    "cpus": ("cpu", "cpu.cfs_quota_us", "cpu.max"),
}
_PERIOD: Final = 100_000  # microseconds, the kernel's own default
_PATIENCE: Final = 5.0  # seconds for killed processes to be gone


def hierarchies(mounts: str, own: str) -> dict[str, Path]:
    """Our own group's directory in each hierarchy, by its controller ("" is version 2): out of /proc/self/mounts and /proc/self/cgroup."""
    paths: dict[str, str] = {}
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    found: dict[str, Path] = {}
    for line in mounts.splitlines():
        _, place, kind, options = line.split(" ")[:4]
        names = [""] if kind == "cgroup2" else options.split(",") if kind == "cgroup" else []
        for name in names:
            if name in paths:
                found.setdefault(name, Path(place + paths[name].rstrip("/")))
    return found


def group_of(name: str, limits: Mapping[str, float]) -> list[Path]:
    """The directories of a machine's group with these limits (`memory` in bytes, `pids`, `cpus`), made or not; into their `cgroup.procs` its first process goes.

    Raises `ProviderError` where the kernel has no such groups.
    """
    found = _hierarchies_here()
    if not any(controller in found for controller in TREE):
        raise ProviderError(
            "no hierarchy of control groups is mounted here, and systemd in a machine needs one: see cgroups(7)"
        )
    wanted = {LIMITS[limit][0] for limit in limits}
    return [place / name for controller, place in found.items() if controller in (*TREE, *wanted)]


def make_group(name: str, limits: Mapping[str, float]) -> None:
    """Make a machine's group with these limits. Raises `ProviderError` where the kernel or our rights do not allow that."""
    try:
        for place in group_of(name, limits):
            place.mkdir(exist_ok=True)
        for limit, value in limits.items():
            _limit({controller: place / name for controller, place in _hierarchies_here().items()}, limit, value)
    except OSError as error:
        raise ProviderError(f"the control group {error.filename or name} cannot be made: {error.strerror}") from None


def end_group(places: Iterable[Path]) -> None:
    """Kill whatever is left in a machine's group, and remove it. Blocks, for some seconds at worst."""
    found = [place for place in places if place.is_dir()]
    deadline = time.monotonic() + _PATIENCE
    while sum(_kill(place) for place in found):  # all of them, each time
        if time.monotonic() > deadline:
            raise ProviderError(f"processes in the control group {found[0]} do not end, even by SIGKILL")
        time.sleep(0.01)
    for place in found:
        for directory in sorted(place.rglob("*/"), key=lambda path: -len(path.parts)):
            _remove(directory, deadline)
        _remove(place, deadline)


def _hierarchies_here() -> dict[str, Path]:
    return hierarchies(Path("/proc/self/mounts").read_text(), Path("/proc/self/cgroup").read_text())


def _limit(found: Mapping[str, Path], limit: str, value: float) -> None:
    controller, old, new = LIMITS[limit]
    if controller in found:
        text = f"{int(value * _PERIOD)}" if limit == "cpus" else f"{int(value)}"
        (found[controller] / old).write_text(text)
    else:
        text = f"{int(value * _PERIOD)} {_PERIOD}" if limit == "cpus" else f"{int(value)}"
        (found[""] / new).write_text(text)


def _kill(place: Path) -> bool:
    """Whether there was anything to kill."""
    seen = False
    for file in [place / "cgroup.procs", *place.rglob("*/cgroup.procs")]:
        try:
            for pid in map(int, file.read_text().split()):
                seen = True
                if pid > 0:
                    os.kill(pid, signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError, OSError):
            continue
    return seen


def _remove(directory: Path, deadline: float) -> None:
    while True:
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # the kernel takes a moment
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)
        else:
            return
