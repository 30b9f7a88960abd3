"""Options of providers, as remit.toml and the command line give them: what each kind of value may look like. Pure.

A reader takes what was given, and raises `ValueError` with the form that it should have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from remit.errors import ProviderError
from remit.machines._names import near

__all__ = ["Reader", "cpus", "listed", "mounts", "one_of", "publish", "read_option", "size"]

Reader = Callable[[Any], Any]
_UNITS: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def read_option(
    who: str,
    name: str,
    value: Any,
    readers: Mapping[str, Reader],
    known: Collection[str],
    *,
    table: Collection[str] = (),
) -> Any:
    """The value of one option of the provider that `who` names ("a docker provider").

    Raises `ProviderError` with the nearest of `known` for a name that is none, with its place for one that stands in the provider's `table` only, and
    with the form for a wrong value.
    """
    if name not in known:
        if name in table:
            raise ProviderError(
                f"{name} is for all machines of a provider, and stands in its table in remit.toml: it is no option of one machine"
            )
        raise ProviderError(f"{who} has no option {name}: {near(name, known)}")
    try:
        return readers[name](value)
    except (ValueError, TypeError) as error:
        raise ProviderError(f"the option {name}={str(value)[:80]} cannot be used: {error}") from None


def size(least: int, why: str, *, unbounded: bool = False) -> Reader:
    """A reader of sizes in bytes, of at least so many (`why` says so); 0 is no bound where there may be none."""

    def read(value: Any) -> int:
        said = re.fullmatch(r"(\d{1,12})([kmgt]?)b?", str(value).lower())
        if said is None or isinstance(value, bool):
            raise ValueError("a size is a number of bytes, or such as 512m or 2g")
        found = int(said[1]) * _UNITS[said[2]]
        if found < least and not (unbounded and found == 0):
            raise ValueError(why)
        if found > 1 << 50:
            raise ValueError("a size is at most 1024t")
        return found

    return read


def cpus(value: Any) -> float:
    """Processors, or parts of one; 0 for all."""
    number = float(value)
    if not 0 <= number <= 4096:
        raise ValueError("a number of processors is such as 0.5 or 2, or 0 for all")
    return number


def listed(value: Any) -> list[str]:
    """Several texts: a list, or one text with commas or spaces between them."""
    return [str(each) for each in value] if isinstance(value, list | tuple) else str(value).replace(",", " ").split()


def publish(value: Any) -> tuple[tuple[int, int], ...]:
    """Ports of this host's loopback, each with the machine's port that it leads to."""
    found = []
    for each in listed(value):
        here, _, there = each.partition(":")
        ports = (int(here), int(there or here))
        if not all(0 < port < 65536 for port in ports):
            raise ValueError("a port is a number from 1 to 65535; the host's address is always loopback")
        found.append(ports)
    return tuple(found)


def mounts(value: Any) -> tuple[tuple[str, str, bool], ...]:
    """Directories of this host, each with where a machine sees it and whether it is read-only."""
    found = []
    for each in listed(value):
        here, there, *mode = each.split(":")
        if not here.startswith("/") or not there.startswith("/") or mode not in ([], ["ro"], ["rw"]):
            raise ValueError("a mount is /here:/there, read-only unless :rw follows")
        found.append((here, there, mode != ["rw"]))
    return tuple(found)


def one_of(*known: str) -> Reader:
    """A reader of one of these words."""

    def read(value: Any) -> str:
        if value not in known:
            raise ValueError(f"it is {' or '.join(known)}")
        return str(value)

    return read
