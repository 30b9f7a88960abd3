"""Starting one process: between fork and exec, in the order in which each step still has the rights that it needs.

    session, descriptors, limits, niceness     as the warden
    groups, group, user                        for good
    directory, death signal                    as the user that it will run as

A process that could not be started says why through a pipe that a successful exec closes.

Each page that the child touches until exec is copied for it, which takes more time than what is done there: so it does little, finds out nothing, and
passes by what of the library is written in Python.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what `signal` wraps, without its enums
import ctypes
import fcntl
import grp
import os
import pwd
import resource
import signal
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any, Final

__all__ = ["LIMITS", "MARK", "environment", "fork_exec", "identity", "subreaper"]

MARK: Final = "REMIT_SERVICE_RUN"  # in the environment of every process of a service: warden and run that it belongs to
LIMITS: Final = {
    name.removeprefix("RLIMIT_").lower(): getattr(resource, name)
    for name in dir(resource)
    if name.startswith("RLIMIT_")
}
_DEATH, _NO_NEW_PRIVILEGES, _SUBREAPER = 1, 38, 36  # prctl(2)
_libc: Final = ctypes.CDLL(None, use_errno=True)
_quick_prctl: Final = ctypes.PyDLL(None).prctl  # keeps the interpreter's lock, and does not say why it failed


def subreaper() -> None:
    """From now on whoever loses its parent below us becomes our child, so that nobody gets away (prctl(2))."""
    _prctl(_SUBREAPER, 1)


def identity(spec: Mapping[str, Any]) -> tuple[int | None, int | None, list[int] | None, dict[str, str]]:
    """User, group and further groups of a spec as numbers, and what its environment says of its user.

    Raises `KeyError` or `LookupError` in words for a name that this machine does not know.
    """
    user, group = spec.get("user"), spec.get("group")
    uid = gid = None
    says: dict[str, str] = {}
    if user is not None:
        entry = _known(pwd.getpwuid if isinstance(user, int) else pwd.getpwnam, user, "user")
        uid, gid = entry.pw_uid, entry.pw_gid
        says = {"USER": entry.pw_name, "LOGNAME": entry.pw_name, "HOME": entry.pw_dir, "SHELL": entry.pw_shell}
    if group is not None:
        gid = group if isinstance(group, int) else _known(grp.getgrnam, group, "group").gr_gid
    groups = spec.get("groups")
    if groups is not None:
        numbers = [each if isinstance(each, int) else _known(grp.getgrnam, each, "group").gr_gid for each in groups]
        return uid, gid, numbers, says
    if user is not None and gid is not None:
        return uid, gid, os.getgrouplist(says["USER"], gid), says
    return uid, gid, None, says


def _known(find: Any, name: str | int, what: str) -> Any:
    try:
        return find(name)
    except KeyError:
        raise LookupError(f"this machine knows no {what} {name!r}") from None


def environment(spec: Mapping[str, Any], says: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process: ours (or nothing), what follows from its user, what the spec sets and unsets, and `more`."""
    made = {} if spec.get("clear_env") else dict(_inherited())
    made.update(says)
    for name, value in (spec.get("env") or {}).items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = value
    made.update(more)
    made.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    return made


@cache
def _inherited() -> dict[str, str]:
    """Our own environment, which never changes."""
    return dict(os.environ)


def fork_exec(
    spec: Mapping[str, Any], env: Mapping[str, str], descriptors: Mapping[int, int], ids: Any
) -> tuple[int, int]:
    """Start it; the process id, and a pipe that ends empty when the program runs, or says why it does not.

    `descriptors`: number in the child → ours. Everything else is closed by exec.
    """
    told, tell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    parent, handled = os.getpid(), _handled()
    place = _place_aside if descriptors.keys() & set(descriptors.values()) else _place
    program = _program(spec["argv"][0], env["PATH"])
    pid = os.fork()
    if pid:
        os.close(tell)
        return pid, told
    step = "a session of its own"
    try:
        os.setsid()
        _signal.set_wakeup_fd(-1)
        for number in handled:
            _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        step = "descriptors"
        place(descriptors)
        step = "limits"
        _limit(spec)
        step = f"user {spec.get('user')}, group {spec.get('group')}"
        _become(ids)
        step = f"directory {spec.get('dir')}"
        os.chdir(spec.get("dir") or "/")
        step = "death signal"
        _leash(spec, parent)
        step = spec["argv"][0]
        _become_program(program, spec["argv"], env)
    except BaseException as error:  # noqa: BLE001  # this is the child: it says what failed, and ends here
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        os.write(tell, f"{step}: {reason}".encode(errors="replace")[:2000])
    finally:
        os._exit(127)


def _program(name: str, path: str) -> str:
    """Where a program is, "" where only the child can tell: each attempt to run one that is not there costs a process as much as being made."""
    if os.sep in name:
        return ""
    places = (os.path.join(folder, name) for folder in path.split(os.pathsep) if os.path.isabs(folder))
    return next((place for place in places if os.access(place, os.X_OK) and os.path.isfile(place)), "")


def _become_program(program: str, argv: list[str], env: Mapping[str, str]) -> None:
    if program:
        with suppress(OSError):  # of another user, perhaps: there may be one further on in the path
            os.execve(program, argv, env)  # noqa: S606  # no shell: what the description says is run
    os.execvpe(argv[0], argv, env)  # noqa: S606


@cache
def _handled() -> list[int]:
    """The signals, once and for all, that do not have their default effect here; exec would leave ignored ones ignored, and until then handled ones be lost."""
    never = (signal.SIG_DFL, None)
    return [number for number in range(1, signal.NSIG) if signal.getsignal(number) not in never]


def _place(descriptors: Mapping[int, int]) -> None:
    """Put each where it is wanted."""
    for wanted, ours in descriptors.items():
        os.dup2(ours, wanted, inheritable=True)


def _place_aside(descriptors: Mapping[int, int]) -> None:
    """The same where some of ours have wanted numbers: copies above all of those first, so that none overwrites another."""
    top = max(descriptors) + 1
    copies = [(wanted, fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, top)) for wanted, ours in descriptors.items()]
    for wanted, copy in copies:
        os.dup2(copy, wanted, inheritable=True)


def _limit(spec: Mapping[str, Any]) -> None:
    for name, (soft, hard) in (spec.get("limits") or {}).items():
        resource.setrlimit(LIMITS[name], (soft, hard))
    if spec.get("nice"):
        os.setpriority(os.PRIO_PROCESS, 0, spec["nice"])
    os.umask(spec["umask"] if spec.get("umask") is not None else 0o022)


def _become(ids: Any) -> None:
    uid, gid, groups, _ = ids
    if groups is not None:
        os.setgroups(groups)
    if gid is not None:
        os.setresgid(gid, gid, gid)
    if uid is not None:
        os.setresuid(uid, uid, uid)


def _leash(spec: Mapping[str, Any], parent: int) -> None:
    """Comes last: a change of user lets go of it (prctl(2))."""
    _prctl(_DEATH, signal.SIGKILL)
    if spec.get("no_new_privileges"):
        _prctl(_NO_NEW_PRIVILEGES, 1)
    if os.getppid() != parent:
        raise OSError("the warden has ended meanwhile")


def _prctl(option: int, value: int) -> None:
    if _quick_prctl(option, value, 0, 0, 0) != 0 and _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
