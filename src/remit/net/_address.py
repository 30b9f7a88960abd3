"""Addresses as they stand in hints, and what the operating system says when they do not work."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from remit.errors import Conflict, Refused, RemitError, Unreachable

if TYPE_CHECKING:
    from remit.values import Locator

__all__ = ["cannot_listen", "foreign_hints", "hint", "join_address", "split_address", "split_addresses"]

_PORTS = range(1, 65536)
MOST = 8
"""Addresses of one hint that are tried: a node has few networks, and whoever wrote a hint must not have others' ports tried one by one."""


def hint(locator: Locator, name: str) -> str:
    """The locator's hint of this name. Raises `Unreachable` where it has none."""
    value = locator.hints.get(name)
    if not value:
        have = ", ".join(sorted(locator.hints)) or "none"
        raise Unreachable(
            f"the locator of {locator.designator} has no hint {name!r} (it has: {have}): "
            "ask for the node's current address, or use a netlayer that it listens on"
        )
    return value


def foreign_hints(hints: dict[str, str] | None) -> dict[str, str] | None:
    """A netlayer's own hints as a foreign peer looks for them: `url`, where ours is called `websocket`."""
    return hints and {"url" if name == "websocket" else name: value for name, value in hints.items()}


def join_address(host: str, port: int) -> str:
    """`host:port`, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_address(text: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[address]:port`. Raises `Unreachable`, naming the accepted forms."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not colon or not host or not (port.isascii() and port.isdigit()) or len(port) > 5 or int(port) not in _PORTS:
        raise Unreachable(f"{text[:200]!r} is not an address: expected host:port or [IPv6 address]:port")
    return host, int(port)


def split_addresses(text: str) -> list[tuple[str, int]]:
    """Hosts and ports of `host:port`, or of several, separated by commas, without those that stand there twice. Raises as `split_address` does."""
    return list(dict.fromkeys(split_address(each) for each in text.split(",", MOST)[:MOST]))


def cannot_listen(where: str, error: OSError) -> RemitError:
    """The error for a listener that could not be opened at `where`."""
    if error.errno == errno.EADDRINUSE:
        return Conflict(
            f"cannot listen on {where}: it is in use by another process; end that, or choose another address"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return Refused(f"cannot listen on {where}: this user may not; choose a port above 1023 or a path of your own")
    return Unreachable(f"cannot listen on {where}: {error.strerror or error}")
