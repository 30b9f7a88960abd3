"""Interfaces, addresses and routes, as rtnetlink(7) tells of them. Pure: bytes in, records out.

Only what is needed: three dumps and their changes. (pyroute2 knows all of rtnetlink, and is several megabytes to import.)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from remit.services._kernel_records import AddressState, InterfaceState, RouteState

__all__ = ["ADDRESS", "GROUPS", "LINK", "ROUTE", "Said", "parse_rtnetlink", "request"]

LINK, ADDRESS, ROUTE = 16, 20, 24  # RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE; +1 is DEL, +2 is GET
GROUPS: Final = 0x1 | 0x10 | 0x40 | 0x100 | 0x400  # RTMGRP_: LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE
_DONE, _ERROR = 3, 2
_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_DUMP: Final = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_STATES: Final = ("unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up")  # RFC 2863
_SCOPES: Final = {0: "global", 200: "site", 253: "link", 254: "host"}
_FAMILIES: Final = {2: "inet", 10: "inet6"}


class Said(NamedTuple):
    """One thing: by which key it is known, and how it is now (None: it is gone). `interface` is an index, still to be named."""

    kind: int
    key: tuple[Any, ...]
    interface: int
    state: InterfaceState | AddressState | RouteState | None


def request(kind: int) -> bytes:
    """Ask for everything of a kind."""
    body = struct.pack("=BxHiII", 0, 0, 0, 0, 0)
    return _HEADER.pack(_HEADER.size + len(body), kind + 2, _DUMP, kind, 0) + body


def parse_rtnetlink(data: bytes) -> Iterator[Said | None]:
    """What one datagram says; None where a dump is at its end. What is damaged or of another kind is left out."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size or at + length > len(data):
            return
        body = data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3
        if kind in (_DONE, _ERROR):
            yield None
            continue
        read = _READERS.get(kind & ~3)
        try:
            said = read(body, kind & 3 == 0) if read is not None and kind & 3 < 2 else None
        except (struct.error, ValueError):
            continue
        if said is not None:
            yield said


def _link(body: bytes, new: bool) -> Said:
    _, _, index, flags, _ = struct.unpack_from("=BxHiII", body)
    parts = _attributes(body[16:])
    name = _text(parts.get(3, b""))  # IFLA_IFNAME
    kind = _text(_attributes(parts.get(18, b"")).get(1, b""))  # IFLA_LINKINFO, IFLA_INFO_KIND
    state = parts.get(16, b"\0")[0]  # IFLA_OPERSTATE
    mtu = struct.unpack("=I", parts[4])[0] if 4 in parts else 0
    words = _STATES[state] if state < len(_STATES) else "unknown"
    seen = InterfaceState(
        name, index, kind, parts.get(1, b"").hex(":"), bool(flags & 1), bool(flags & 0x10000), words, mtu
    )
    return Said(LINK, (index,), index, seen if new else None)


def _address(body: bytes, new: bool) -> Said | None:
    family, prefix, _, scope, index = struct.unpack_from("=BBBBI", body)
    parts = _attributes(body[8:])
    raw = parts.get(2) or parts.get(1)  # IFA_LOCAL, else IFA_ADDRESS
    if family not in _FAMILIES or raw is None:
        return None
    address = _ip(raw)
    seen = AddressState("", _FAMILIES[family], address, prefix, _SCOPES.get(scope, str(scope)))
    return Said(ADDRESS, (index, address, prefix), index, seen if new else None)


def _route(body: bytes, new: bool) -> Said | None:
    family, bits, _, _, table, _, _, type, _ = struct.unpack_from("=BBBBBBBBI", body)
    parts = _attributes(body[12:])
    if 15 in parts:  # RTA_TABLE
        table = struct.unpack("=I", parts[15])[0]
    if family not in _FAMILIES or table != 254 or type != 1:  # RT_TABLE_MAIN, RTN_UNICAST
        return None
    index = struct.unpack("=i", parts[4])[0] if 4 in parts else 0  # RTA_OIF
    metric = struct.unpack("=I", parts[6])[0] if 6 in parts else 0  # RTA_PRIORITY
    where = f"{_ip(parts[1])}/{bits}" if 1 in parts else "default"  # RTA_DST
    gateway = _ip(parts[5]) if 5 in parts else ""  # RTA_GATEWAY
    seen = RouteState(_FAMILIES[family], where, gateway, "", metric)
    return Said(ROUTE, (family, where, gateway, index, metric), index, seen if new else None)


_READERS: Final = {LINK: _link, ADDRESS: _address, ROUTE: _route}


def _attributes(data: bytes) -> dict[int, bytes]:
    """rtnetlink(7), "Routing attributes": length, type, value, padded to four bytes."""
    found, at = {}, 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4 or at + length > len(data):
            break
        found[kind & 0x3FFF] = data[at + 4 : at + length]
        at += (length + 3) & ~3
    return found


def _text(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode(errors="replace")


def _ip(data: bytes) -> str:
    import ipaddress  # not needed before there is one to write

    return str(ipaddress.ip_address(data))
