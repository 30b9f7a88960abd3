"""Which address this machine has on the side of another one."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Final

from remit.errors import Unreachable

__all__ = ["own_address"]

DISCARD: Final = 9  # RFC 863; nothing is sent there


def own_address(towards: str) -> str:
    """The address from which this machine reaches `towards` (an IP address) now. Nothing is sent: the kernel only looks up the way.

    Raises `Unreachable` where there is no way, as while a network is not up yet.
    """
    try:
        family = socket.AF_INET6 if ip_address(towards).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((towards, DISCARD))
            return str(probe.getsockname()[0])
    except (OSError, ValueError) as error:
        raise Unreachable(f"this machine has no way to {towards[:80]!r} now: {error}") from None
