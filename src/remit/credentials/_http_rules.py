"""What an HTTP request through a binding may be, and what becomes of its target and its headers on the way. Pure.

Targets are brought into one form before anything is compared, and it is that form which the server sees (RFC 3986, sections 5.2.4 and 6.2.2; RFC 9112,
section 3.2). What could be read in two ways is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from remit.lib import Attenuation

__all__ = ["METHODS", "READING", "Refusal", "check_request", "normal_target", "onward_headers"]

METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
READING: Final = ("GET", "HEAD")
_NEVER: Final = ("CONNECT", "TRACE")
Headers = Iterable[tuple[bytes, bytes]]

_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*", re.ASCII)
_ENCODED: Final = re.compile(r"%([0-9A-Fa-f]{2})", re.ASCII)
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)
_TWICE: Final = re.compile(r"%25(2[eEfF]|5[cC]|25)", re.ASCII)
_SLASHES: Final = re.compile(r"/{2,}")
_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# For one connection only (RFC 9110, section 7.6.1), and those that speak of a proxy.
_HOP: Final = frozenset(
    name.encode()
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
    ]
)


class Refusal(Exception):
    """A request that goes no further: its `status`, and in words why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def check_request(method: str, target: str, headers: Headers, attenuation: Attenuation, *, upgrade: bool) -> str:
    """The target in its one form. Raises `Refusal`."""
    if method in _NEVER:
        raise Refusal(405, f"{method} is not passed on")
    if attenuation.methods is not None and method not in attenuation.methods:
        raise Refusal(403, f"{method} is outside of what this binding allows: {', '.join(attenuation.methods)}")
    names = [name.lower() for name, _ in headers]
    if b"content-length" in names and b"transfer-encoding" in names:
        raise Refusal(400, "a request says its length in one way, not in two")
    if b"upgrade" in names and not upgrade:
        raise Refusal(403, "this binding passes on no change of protocol")
    if target == "*" and method == "OPTIONS" and not attenuation.prefix:
        return target
    found = normal_target(target)
    if attenuation.prefix is not None and not found.partition("?")[0].startswith(attenuation.prefix):
        raise Refusal(403, f"this binding allows paths that begin with {attenuation.prefix}")
    return found


def normal_target(target: str) -> str:
    """Path and query in one form: no scheme and host, no dot segments, no double slashes, nothing encoded that need not be. Raises `Refusal`."""
    absolute = _ABSOLUTE.match(target)
    if absolute:
        target = target[absolute.end() :]
        target = target if target.startswith("/") else f"/{target}"
    path, mark, query = target.partition("?")
    if not path.startswith("/"):
        raise Refusal(400, "the target of a request is a path that begins with /")
    if "\\" in path or "#" in target or _BAD_PERCENT.search(path) or not path.isascii() or not path.isprintable():
        raise Refusal(400, "there are characters in the path that have no place there")
    if _TWICE.search(path):
        raise Refusal(400, "dots, slashes and percent signs in the path are encoded twice")
    path = _ENCODED.sub(_decoded, path)
    return _without_dots(_SLASHES.sub("/", path)) + mark + query


def _decoded(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    if character in "/\\" or not (character.isprintable() or ord(character) > 127):
        raise Refusal(400, "slashes and control characters in the path are encoded")
    return character if character in _PLAIN else f"%{found[1].upper()}"


def _without_dots(path: str) -> str:
    """Without "." and ".."; a segment with parameters counts as what stands before these, since some servers read it so."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for at, segment in enumerate(segments):
        name = segment.partition(";")[0]
        if name != segment and name in (".", ".."):
            raise Refusal(400, "a dot segment of the path has parameters")
        last = at == len(segments) - 1
        if name == "..":
            kept = kept[:-1]
        elif name != ".":
            kept.append(segment)
            continue
        if last:
            kept.append("")
    return "/" + "/".join(kept)


def onward_headers(headers: Headers, without: Iterable[bytes] = ()) -> list[tuple[bytes, bytes]]:
    """The headers that go on: none of those that are for one connection, by nature or because `Connection` names them, nor these."""
    known = [(name.lower(), value) for name, value in headers]
    named = {part.strip().lower() for name, value in known if name == b"connection" for part in value.split(b",")}
    gone = _HOP | named | set(without)
    return [(name, value) for name, value in known if name not in gone]
