"""Whose program is at the other end of a loopback connection: the kernel lists sockets with their users."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from socket import inet_aton

__all__ = ["may_connect", "user_of"]

_TABLE = Path("/proc/net/tcp")


def user_of(theirs: tuple[str, int], ours: tuple[str, int]) -> int | None:
    """The user id of the socket at `theirs` that is connected to `ours`, both IPv4 addresses of this host; None if it is gone."""
    local, remote = _written(theirs), _written(ours)
    for words in _rows():
        if words[1] == local and words[2] == remote:
            return int(words[7])
    return None


def may_connect(addresses: tuple[tuple[str, int], tuple[str, int]], users: frozenset[int]) -> bool:
    """Whether a connection with these addresses (the program's, ours) comes from our own user, from root or from one of these."""
    user = user_of(*addresses)
    return user is not None and (user in users or user in (os.geteuid(), 0))


def _rows() -> Iterator[list[str]]:
    with _TABLE.open() as file:
        next(file)
        for line in file:
            yield line.split()


def _written(address: tuple[str, int]) -> str:
    """As the kernel writes it: the address as a number of the machine's byte order, and the port."""
    number = int.from_bytes(inet_aton(address[0]), sys.byteorder)
    return f"{number:08X}:{address[1]:04X}"
