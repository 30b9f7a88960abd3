"""What an nspawn machine is made with: what the table of remit.toml says for all machines of a provider, and `--option` for one.

    packages    Debian packages that its root has besides what a machine needs               []
    memory      most memory, such as 512m or 2g; 0 for no bound                              [0]
    cpus        most processors, such as 0.5; 0 for all                                      [0]
    pids        most processes and threads; 0 for no bound                                   [0]
    user        who the agent runs as in it: remit, or root where its services are of several users   [remit]

Only the table: `image` (a directory with a root file system that has systemd and cloud-init, or our own init, instead of one made of this host's own Debian),
`mounts` (directories of this host that machines see: "/here:/there", read-only unless `:rw` follows). They give a machine more of this host than whoever
asks for one may decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from remit.machines._option_values import Reader, cpus, listed, mounts, one_of, read_option, size

__all__ = ["ForAll", "ForOne", "options_for_all", "options_for_one"]


class ForOne(NamedTuple):
    """One machine's. `memory` in bytes; 0 is no bound."""

    packages: tuple[str, ...] = ()
    memory: int = 0
    cpus: float = 0.0
    pids: int = 0
    user: str = "remit"

    def limits(self) -> dict[str, float]:
        """The bounds that there are."""
        return {name: value for name in ("memory", "cpus", "pids") if (value := getattr(self, name))}


class ForAll(NamedTuple):
    """Those of all machines of one provider. `mounts`: (directory here, directory there, whether it is read-only)."""

    image: str = ""
    mounts: tuple[tuple[str, str, bool], ...] = ()


def options_for_one(given: Mapping[str, Any], defaults: ForOne) -> ForOne:
    """The options of one machine. Raises `ProviderError` with the nearest name for an unknown one, and with the form for a wrong value."""
    return defaults._replace(**{name: _read(name, value, ForOne._fields) for name, value in given.items()})


def options_for_all(table: Mapping[str, Any]) -> tuple[ForAll, ForOne]:
    """What the provider's table says: for all, and the defaults of each."""
    read = {name: _read(name, value, (*ForAll._fields, *ForOne._fields)) for name, value in table.items()}
    host = {name: value for name, value in read.items() if name in ForAll._fields}
    return ForAll(**host), ForOne(**{name: value for name, value in read.items() if name not in host})


def _read(name: str, value: Any, known: tuple[str, ...]) -> Any:
    return read_option("an nspawn provider", name, value, _READ, known, table=ForAll._fields)


def _pids(value: Any) -> int:
    number = int(value)
    if number and not 64 <= number <= 1 << 22:
        raise ValueError("a machine with systemd needs at least 64 processes and threads")
    return number


_READ: Final[dict[str, Reader]] = {
    "packages": lambda value: tuple(listed(value)),
    "memory": size(64 << 20, "a machine with systemd needs at least 64m", unbounded=True),
    "cpus": cpus,
    "pids": _pids,
    "user": one_of("remit", "root"),
    "image": str,
    "mounts": mounts,
}
