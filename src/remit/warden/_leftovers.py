"""Which processes belong to a service, and what is left of it when its first process is gone.

The warden is a subreaper (prctl(2)): a process whose parent ends becomes its child. So what is left of a service is among the
warden's children. To which service one belongs is said by its process group, its session, or the mark in its environment.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from remit.warden._spawn import MARK

__all__ = ["children", "group_alive", "marked", "owner_of", "send", "sweep"]

_SELF: Final = os.getpid
_LOOKS: Final = 5  # at children that come and go all the time


def children(pid: int) -> list[int]:
    """The living and the unreaped children of a process. The kernel may leave one out while another ends (proc(5)), so that two looks have to agree."""
    found = _look(pid)
    for _ in range(_LOOKS):
        again = _look(pid)
        if again == found:
            break
        found = again
    return found


def _look(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        return [each for each in _all() if (seen := _stat(each)) is not None and seen[1] == pid]


def owner_of(pid: int, leaders: Iterable[int]) -> int | str | None:
    """To whom a process belongs: the leader of its group or session, if it is one of these; else the run in its mark. "" for one that lives and has no mark (yet), None for
    one that is gone.
    """
    seen = _stat(pid)
    if seen is None:
        return None
    known = set(leaders)
    state, _, group, session = seen
    if group in known or session in known:
        return group if group in known else session
    mark = marked(pid)
    if not mark and state in "ZX":
        return None
    return mark.rpartition("/")[2]


def marked(pid: int) -> str:
    """The mark of a process, "" where it has none or may not be looked at."""
    with suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
        for entry in file.read().split(b"\0"):
            name, _, value = entry.partition(b"=")
            if name == MARK.encode():
                return value.decode(errors="replace")
    return ""


def group_alive(leader: int) -> bool:
    """Whether a process group has members."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def send(pids: Iterable[int], number: int) -> None:
    """Signal processes, those that are gone left out."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def sweep(warden: str) -> list[int]:
    """End what an earlier warden of this mark has left behind, by SIGKILL; gives their ids. Only when no such warden runs."""
    ended: list[int] = []
    for _ in range(20):  # whoever forks meanwhile is found in the next round
        found = [pid for pid in _all() if pid != _SELF() and marked(pid).startswith(f"{warden}/")]
        found = [pid for pid in found if (seen := _stat(pid)) is not None and seen[0] not in "ZX"]
        if not found:
            break
        send(found, signal.SIGKILL)
        ended += found
    return ended


def _all() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _stat(pid: int) -> tuple[str, int, int, int] | None:
    """proc_pid_stat(5): state, parent, process group, session; None for a process that is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, parent, group, session = file.read().rpartition(b")")[2].split()[:4]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return state.decode(), int(parent), int(group), int(session)
