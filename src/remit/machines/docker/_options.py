"""What a container is made with: what the table of remit.toml says for all machines of a provider, and `--option` for one.

    image       what it is made from: a name at the Engine, or in a registry that it knows    [remit-machine]
    memory      most memory, such as 512m or 2g; there is no swap besides                     [1g]
    cpus        most processors, such as 0.5; 0 for all                                       [0]
    pids        most processes and threads                                                    [512]
    read_only   whether its root file system is read-only                                     [true]
    tmpfs       the size of /tmp and of /run, in memory                                       [64m]
    publish     its ports that this host has on loopback: 8080, or 8080:80 for port 80        []
    user        user and group that the agent runs as, by number; not root                    [10001:10001]

Only the table: `socket` (of the Engine), `subnet` (of the network of its machines), `internal` (whether they reach nothing beyond this host), `gateway` (whether the
boss listens on that network, as it does; not where the Engine has a network of its own, as a rootless one: then `[boss] published` is how machines reach it), `mounts`
(directories of this host that they see: "/here:/there", "/here:/there:rw"). They give a machine more of this host than whoever asks for one may decide.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from remit.machines._option_values import Reader, cpus, mounts, publish, read_option, size
from remit.machines.docker._engine import SOCKET

__all__ = ["BASE_IMAGE", "ContainerOptions", "HostOptions", "container_options", "host_options", "is_image_name"]

BASE_IMAGE: Final = "remit-machine"
USER: Final = 10001
_SIZE: Final = size(6 << 20, "a size is at least 6m, which is the least that an Engine gives")
_IMAGE: Final = re.compile(r"[a-z0-9][A-Za-z0-9._/:@-]{0,254}", re.ASCII)


class ContainerOptions(NamedTuple):
    """One container's. Sizes in bytes; `publish` maps ports of this host's loopback to ports of the machine."""

    image: str = BASE_IMAGE
    memory: int = 1 << 30
    cpus: float = 0.0
    pids: int = 512
    read_only: bool = True
    tmpfs: int = 64 << 20
    publish: tuple[tuple[int, int], ...] = ()
    user: str = f"{USER}:{USER}"


class HostOptions(NamedTuple):
    """Those of all containers of one provider. `mounts`: (directory here, directory there, whether it is read-only)."""

    socket: str = SOCKET
    subnet: str = ""
    internal: bool = False
    gateway: bool = True
    mounts: tuple[tuple[str, str, bool], ...] = ()


def container_options(given: Mapping[str, Any], defaults: ContainerOptions = ContainerOptions()) -> ContainerOptions:  # noqa: B008  # it cannot change
    """The options of one machine. Raises `ProviderError` with the nearest name for an unknown one, and with the form for a wrong value."""
    return defaults._replace(**{name: _read(name, value, ContainerOptions._fields) for name, value in given.items()})


def host_options(table: Mapping[str, Any]) -> tuple[HostOptions, ContainerOptions]:
    """What the provider's table says: of this host, and the defaults of its containers."""
    known = (*HostOptions._fields, *ContainerOptions._fields)
    read = {name: _read(name, value, known) for name, value in table.items()}
    host = {name: value for name, value in read.items() if name in HostOptions._fields}
    return HostOptions(**host), ContainerOptions(**{name: value for name, value in read.items() if name not in host})


def _read(name: str, value: Any, known: tuple[str, ...]) -> Any:
    return read_option("a docker provider", name, value, READ, known, table=HostOptions._fields)


def is_image_name(value: Any) -> bool:
    """Whether this may be the name of an image."""
    return isinstance(value, str) and _IMAGE.fullmatch(value) is not None


def _image(value: Any) -> str:
    if not is_image_name(value):
        raise ValueError("an image is named as docker names it, such as debian:12")
    return str(value)


def _pids(value: Any) -> int:
    number = int(value)
    if not 16 <= number <= 1 << 22:
        raise ValueError("a machine needs at least 16 processes and threads")
    return number


def _yes(value: Any) -> bool:
    found = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(str(value).lower())
    if found is None:
        raise ValueError("say true or false")
    return found


def _user(value: Any) -> str:
    said = re.fullmatch(r"(\d{1,9})(?::(\d{1,9}))?", str(value))
    if said is None:
        raise ValueError("a user is a number, or user:group as numbers")
    if int(said[1]) == 0:
        raise ValueError(
            "an agent that is root in a container is one mistake away from being root outside; name another user"
        )
    return f"{said[1]}:{said[2] or said[1]}"


def _subnet(value: Any) -> str:
    return str(ipaddress.ip_network(str(value)))


READ: Final[dict[str, Reader]] = {
    "image": _image,
    "memory": _SIZE,
    "tmpfs": _SIZE,
    "cpus": cpus,
    "pids": _pids,
    "read_only": _yes,
    "publish": publish,
    "user": _user,
    "socket": str,
    "subnet": _subnet,
    "internal": _yes,
    "gateway": _yes,
    "mounts": mounts,
}
