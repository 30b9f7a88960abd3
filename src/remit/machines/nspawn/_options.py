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

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from remit.errors import ProviderError
from remit.machines._names import near

__all__ = ["ForAll", "ForOne", "options_for_all", "options_for_one"]

_UNITS: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


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
    if name not in known:
        if name in ForAll._fields:
            raise ProviderError(
                f"{name} is for all machines of a provider, and stands in its table in remit.toml: it is no option of one machine"
            )
        raise ProviderError(f"an nspawn provider has no option {name}: {near(name, known)}")
    try:
        return _READ[name](value)
    except (ValueError, TypeError) as error:
        raise ProviderError(f"the option {name}={str(value)[:80]} cannot be used: {error}") from None


def _size(value: Any) -> int:
    said = re.fullmatch(r"(\d{1,12})([kmgt]?)b?", str(value).lower())
    if said is None or isinstance(value, bool):
        raise ValueError("a size is a number of bytes, or such as 512m or 2g")
    size = int(said[1]) * _UNITS[said[2]]
    if size and size < 64 << 20:
        raise ValueError("a machine with systemd needs at least 64m")
    return size


def _cpus(value: Any) -> float:
    number = float(value)
    if not 0 <= number <= 4096:
        raise ValueError("a number of processors is such as 0.5 or 2, or 0 for all")
    return number


def _pids(value: Any) -> int:
    number = int(value)
    if number and not 64 <= number <= 1 << 22:
        raise ValueError("a machine with systemd needs at least 64 processes and threads")
    return number


def _listed(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else str(value).replace(",", " ").split()


def _user(value: Any) -> str:
    if value not in ("remit", "root"):
        raise ValueError("it is remit or root")
    return str(value)


def _mounts(value: Any) -> tuple[tuple[str, str, bool], ...]:
    found = []
    for each in _listed(value):
        here, there, *mode = each.split(":")
        if not here.startswith("/") or not there.startswith("/") or mode not in ([], ["ro"], ["rw"]):
            raise ValueError("a mount is /here:/there, read-only unless :rw follows")
        found.append((here, there, mode != ["rw"]))
    return tuple(found)


_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "packages": lambda value: tuple(_listed(value)),
    "memory": _size,
    "cpus": _cpus,
    "pids": _pids,
    "user": _user,
    "image": str,
    "mounts": _mounts,
}
