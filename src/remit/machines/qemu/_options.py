"""What a QEMU machine is made with: what the table of remit.toml says for all machines of a provider, and `--option` for one.

image       the disk that it begins as, which stays as it is: of `remit image build disk`, or any with cloud-init and Python    [none]
memory      its memory, such as 512m or 2g                                  [1g]
cpus        its processors                                                  [2]
disk        the size of its disk, if it is to be larger than the image      [0]
publish     its ports that this host has on loopback: 8080, or 8080:80      []
user        who the agent runs as in it: remit, or root where its services are of several users   [remit]
code        where the agent's code comes from: "seed", for images without one, or "image"         [seed]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from remit.errors import ProviderError
from remit.machines._names import near
from remit.machines.docker._options import _publish, _size

__all__ = ["QemuOptions", "qemu_defaults", "qemu_options"]


class QemuOptions(NamedTuple):
    """One machine's. Sizes in bytes; `publish` maps ports of this host's loopback to ports of the machine."""

    image: str = ""
    memory: int = 1 << 30
    cpus: int = 2
    disk: int = 0
    publish: tuple[tuple[int, int], ...] = ()
    user: str = "remit"
    code: str = "seed"


def qemu_options(given: Mapping[str, Any], defaults: QemuOptions) -> QemuOptions:
    """The options of one machine. Raises `ProviderError` with the nearest name for an unknown one, and with the form for a wrong value."""
    return defaults._replace(**{name: _read(name, value) for name, value in given.items()})


def qemu_defaults(table: Mapping[str, Any]) -> QemuOptions:
    """What the provider's table says of each."""
    return qemu_options(table, QemuOptions())


def _read(name: str, value: Any) -> Any:
    if name not in _READ:
        raise ProviderError(f"a qemu provider has no option {name}: {near(name, _READ)}")
    try:
        return _READ[name](value)
    except (ValueError, TypeError) as error:
        raise ProviderError(f"the option {name}={str(value)[:80]} cannot be used: {error}") from None


def _cpus(value: Any) -> int:
    number = int(value)
    if not 1 <= number <= 255:
        raise ValueError("a machine has 1 to 255 processors")
    return number


def _one_of(*known: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in known:
            raise ValueError(f"it is {' or '.join(known)}")
        return str(value)

    return read


_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "image": str,
    "memory": _size,
    "cpus": _cpus,
    "disk": _size,
    "publish": _publish,
    "user": _one_of("remit", "root"),
    "code": _one_of("seed", "image"),
}
