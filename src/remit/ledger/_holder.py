"""Who holds a lock: which process of which host, so that another one can tell whether it is still there."""

from __future__ import annotations

import getpass
import json
import os
import socket
from pathlib import Path
from typing import Final

__all__ = ["dead", "here", "whoami"]

_UNKNOWN: Final = ""


def whoami() -> str:
    """This process for people: `user@host pid`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()} {os.getpid()}"


def here() -> str:
    """This process for other processes, as text.

    The start time keeps a reused process id from being taken for it, the boot id one of before a restart of the host, and the namespace one
    of a container on the same kernel.
    """
    place = {
        "host": _read("/etc/machine-id"),
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        "namespace": _namespace(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
    }
    return json.dumps(place, sort_keys=True)


def dead(place: str) -> bool:
    """Whether the process that wrote `here()` is certainly gone: False where that cannot be seen from here."""
    then, now = json.loads(place), json.loads(here())
    if then["boot"] != now["boot"]:
        return all([then["host"], then["boot"], now["boot"], then["host"] == now["host"]])
    if _UNKNOWN in (then["boot"], then["namespace"]) or then["namespace"] != now["namespace"]:
        return False
    return bool(_started(then["pid"]) != then["started"])


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return _UNKNOWN


def _started(pid: int) -> int | None:
    """When the living process with this id started, in clock ticks since the host's boot; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # behind the name, which may hold anything
    return None if fields[0] in "ZX" else int(fields[19])


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return _UNKNOWN
