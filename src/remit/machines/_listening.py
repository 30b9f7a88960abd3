"""What listens on a host, as the kernel says (proc(5): /proc/net/tcp, /proc/net/unix): nobody is connected to, nothing is changed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Listening", "guess", "listening"]

_LISTENS: Final = "0A"  # TCP_LISTEN
_ACCEPTS: Final = 0x10000  # SO_ACCEPTCON
_PROGRAMS: Final = {
    **dict.fromkeys(("postgres", "postmaster"), "postgres"),
    **dict.fromkeys(("redis-server", "valkey-server", "keydb-server"), "redis"),
    **dict.fromkeys(
        ("nginx", "apache2", "httpd", "caddy", "haproxy", "traefik", "lighttpd", "envoy", "gunicorn", "uvicorn"), "http"
    ),
    **dict.fromkeys(("sshd", "systemd", "systemd-resolve", "dnsmasq", "chronyd", "rpcbind", "remit"), ""),
}
_PORTS: Final = {
    5432: "postgres",
    6379: "redis",
    **dict.fromkeys((80, 8000, 8080, 8081, 3000, 5000), "http"),
    22: "",
    53: "",
}
_SOCKETS: Final = (
    (re.compile(r"/\.s\.PGSQL\.\d+$"), "postgres"),
    (re.compile(r"/(redis|valkey)[^/]*\.sock$"), "redis"),
)


class Listening(NamedTuple):
    """One address where somebody listens. `kind` is what it seems to be: "postgres", "redis", "http", "tcp", or "" for what is not to be offered.

    `address` is `host:port` or a path; `program` is "" where it cannot be seen.
    """

    address: str
    port: int
    program: str
    pid: int
    kind: str


def listening() -> list[Listening]:
    """All TCP ports, once each, and those unix sockets that are known by their names."""
    owners = _owners()
    found: dict[tuple[int, str], Listening] = {}
    for name in ("tcp", "tcp6"):
        for host, port, inode in _ports(Path("/proc/net") / name):
            pid, program = owners.get(inode, (0, ""))
            one = Listening(_joined(host, port), port, program, pid, guess(program, port))
            before = found.get((port, program))
            if before is None or _wider(host, before.address):
                found[port, program] = one
    for path, inode in _sockets():
        kind = next((kind for form, kind in _SOCKETS if form.search(path)), "")
        if kind:
            pid, program = owners.get(inode, (0, ""))
            found[0, path] = Listening(path, 0, program, pid, kind)
    return sorted(found.values(), key=lambda each: (each.port, each.address))


def guess(program: str, port: int) -> str:
    """What it seems to be, by its program, then by its port."""
    if program.startswith("python") or not program:
        return _PORTS.get(port, "tcp")
    return _PROGRAMS.get(program, _PORTS.get(port, "tcp"))


def _ports(path: Path) -> Iterator[tuple[str, int, str]]:
    with suppress(FileNotFoundError):
        for line in path.read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == _LISTENS:
                host, _, port = words[1].partition(":")
                yield _host(host), int(port, 16), words[9]


def _host(digits: str) -> str:
    """An address as the kernel prints it: words of four bytes in this machine's order, which is little-endian on all that we run on."""
    data = b"".join(bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8))
    found = ip_address(data)
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def _sockets() -> Iterator[tuple[str, str]]:
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        words = line.split(maxsplit=7)
        if len(words) == 8 and int(words[3], 16) & _ACCEPTS and words[7].startswith("/"):
            yield words[7], words[6]


def _owners() -> dict[str, tuple[int, str]]:
    """Which process has which socket, as far as we may see."""
    found: dict[str, tuple[int, str]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            program = (process / "comm").read_text().strip()
            for each in (process / "fd").iterdir():
                with suppress(OSError):
                    target = os.readlink(each)
                    if target.startswith("socket:["):
                        found.setdefault(target[8:-1], (int(process.name), program))
    return found


def _wider(host: str, address: str) -> bool:
    """Whether this address is easier to reach from the host itself than the one that is known: loopback, or all."""
    return ip_address(host).is_loopback and not address.startswith(("127.", "[::1]"))


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
