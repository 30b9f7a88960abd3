"""Starting what outlives us: a session of its own, without our terminal, our descriptors or our environment.

`launch` starts it in a machine's directory under a small shell that writes down, before anything else, which process it is, and then becomes
the program. So whoever asks after a crash of ours finds it, and one machine never has two of them.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from remit.errors import ProviderError
from remit.machines._process_table import Process, reap
from remit.machines._room import running_in

__all__ = ["launch", "spawn_apart"]

_PATIENCE: Final = 10.0  # seconds for the shell to write down which process it is
_POLL: Final = 0.005
PATHS: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SELF: Final = r"""
cd "$1" || exit 1
shift
umask 077
exec 9>>launch.lock && flock 9 || exit 1
here=$(cat /proc/sys/kernel/random/boot_id)
if read -r pid started boot 2>/dev/null <process && [ "$boot" = "$here" ] && read -r line 2>/dev/null <"/proc/$pid/stat"; then
    set -f
    was=$*
    line=${line##*) }
    now=$(set -- $line; [ "$1" = Z ] || echo "${20}")
    set +f
    [ "$now" != "$started" ] || { echo "remit: process $pid is this machine already" >&2; exit 0; }
fi
read -r line </proc/$$/stat
line=${line##*) }
started=$(set -f; set -- $line; echo "${20}")
echo "$$ $started $here" >.process.$$ && mv .process.$$ process || exit 1
exec 9>&-
exec "$@"
"""


def launch(directory: Path, command: Sequence[str], log: str) -> Process | None:
    """Start a command in this machine's directory, unless what was started there before still runs. Its output goes to the file `log`, 0600.

    The process that runs then; None if it has ended already. Blocks for some milliseconds: call it from a thread. Raises `ProviderError` where it cannot be started.
    """
    running = running_in(directory)
    if running is not None:
        return running
    words = ("/bin/sh", "-c", _SELF, "sh", str(directory), *command)
    pid = spawn_apart(words, directory / log, {"PATH": PATHS, "LC_ALL": "C.UTF-8"})
    deadline = time.monotonic() + _PATIENCE
    while (running := running_in(directory)) is None and not _over(pid) and time.monotonic() < deadline:
        time.sleep(_POLL)
    return running or running_in(directory)


def _over(pid: int) -> bool:
    reap(pid)
    return Process.of(pid) is None


def spawn_apart(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> int:
    """The id of a new process: a session of its own that reads nothing and writes to the end of `log`. Raises `ProviderError`."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        return os.posix_spawn(
            command[0],
            list(command),
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
                *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _handed_down()),
            ],
            setsid=True,
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGPIPE],
        )
    except OSError as error:
        raise ProviderError(f"{command[0]} cannot be started: {error.strerror}") from None
    finally:
        os.close(output)


def _handed_down() -> list[int]:
    """Open descriptors that would reach the process, such as a lock of whoever started us: it outlives us, and must not hold them."""
    found = [int(name) for name in os.listdir("/proc/self/fd")]
    return [descriptor for descriptor in found if descriptor > 2 and _inheritable(descriptor)]


def _inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:  # the listing's own, closed since
        return False
