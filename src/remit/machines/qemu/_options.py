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

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from remit.machines._option_values import Reader, one_of, publish, read_option, size

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
    return read_option("a qemu provider", name, value, _READ, _READ)


def _cpus(value: Any) -> int:
    number = int(value)
    if not 1 <= number <= 255:
        raise ValueError("a machine has 1 to 255 processors")
    return number


_SIZE: Final = size(6 << 20, "a size is at least 6m")
_READ: Final[dict[str, Reader]] = {
    "image": str,
    "memory": _SIZE,
    "cpus": _cpus,
    "disk": _SIZE,
    "publish": publish,
    "user": one_of("remit", "root"),
    "code": one_of("seed", "image"),
}
