"""What systemd-nspawn is told, as words. Pure.

/var/lib/cloud/seed/nocloud   the user data, in a directory of this host that only root enters; the machine empties it when it has enrolled
/var/lib/remit                the agent's state directory, on this host, too
/opt/remit                    the agent's code, read-only
/opt/machine                  what its agent was told to load, read-only (`_luggage.py`)
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from remit.machines._cloud_scripts import OPT

__all__ = ["LUGGAGE", "SEED", "STATE", "Container", "host_name", "shell", "words"]

SEED: Final = "/var/lib/cloud/seed/nocloud"
STATE: Final = "/var/lib/remit"
LUGGAGE: Final = "/opt/machine"


class Container(NamedTuple):
    """One machine as nspawn is to run it. `groups`: where it is to be put first ("" is for a systemd that does that); `limits` for that systemd."""

    directory: Path
    lower: Path
    parcel: Path
    name: str
    groups: tuple[Path, ...] = ()
    limits: tuple[tuple[str, float], ...] = ()
    mounts: tuple[tuple[str, str, bool], ...] = ()


def words(one: Container) -> list[str]:
    """The command, for `launch`: a shell that makes the root in a mount namespace of its own, which ends with the machine, then nspawn."""
    script = shell(one.groups)
    options = f"lowerdir={_escaped(one.lower)},upperdir=upper,workdir=work"
    begin = ["unshare", "--mount", "--propagation", "slave", "/bin/sh", "-c", script, "sh", options]
    return [*begin, *map(str, one.groups), "--", *nspawn(one)]


def shell(groups: tuple[Path, ...]) -> str:
    """Runs in the machine's directory with the options of the mount, groups, `--`, and the command of nspawn."""
    return """set -eu
options=$1; shift
while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift
mount -t overlay -o "$options" overlay root || {
    echo "remit: the layers of this machine cannot be put over each other here; see overlayfs in the kernel's documentation" >&2
    exit 1
}
exec "$@"
"""


def nspawn(one: Container) -> list[str]:
    """systemd-nspawn(1) as such. The machine is registered nowhere; where no systemd runs it stays in the group that it is put into."""
    here = one.directory
    made = [
        *("systemd-nspawn", "--quiet", f"--directory={here / 'root'}", f"--machine={machine_name(here.name)}"),
        *("--boot", "--register=no", "--settings=no", "--console=read-only", "--link-journal=no", "--timezone=off"),
        *(f"--hostname={host_name(one.name)}", "--setenv=SYSTEMD_COLORS=0"),
        "--resolv-conf=copy-host",
        "--drop-capability=CAP_NET_RAW",  # nobody hears what passes on the host's network
        *(f"--bind={_bound(here / 'seed')}:{SEED}", f"--bind={_bound(here / 'state')}:{STATE}"),
        *(f"--bind-ro={_bound(one.parcel)}:{OPT}", f"--bind-ro={_bound(here / 'luggage')}:{LUGGAGE}"),
    ]
    for place, there, read_only in one.mounts:
        made.append(f"--bind{'-ro' if read_only else ''}={_bound(Path(place))}:{_bound(Path(there))}")
    if one.groups:
        return [*made, "--keep-unit"]
    properties = {"memory": "MemoryMax={:.0f}", "pids": "TasksMax={:.0f}", "cpus": "CPUQuota={:.0%}"}
    return [*made, *(f"--property={properties[limit].format(value)}" for limit, value in one.limits)]


def machine_name(id: str) -> str:
    """The id as nspawn takes it: a host name of at most 64 characters."""
    return f"remit-{re.sub('[^a-z0-9-]', '-', id.lower())}"[:64].rstrip("-")


def host_name(name: str) -> str:
    """A machine's name as a host name (RFC 1123, section 2.1)."""
    return re.sub("[^a-z0-9-]", "-", name.lower()).strip("-")[:63].rstrip("-") or "machine"


def _escaped(path: Path) -> str:
    """A path in the options of an overlay mount."""
    return re.sub(r"([\\:,])", r"\\\1", str(path))


def _bound(path: Path) -> str:
    """A path in `--bind`: colons end it."""
    return re.sub(r"([\\:])", r"\\\1", str(path))
