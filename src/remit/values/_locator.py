"""Where a peer is (`Locator`) and one object there as a secret (`SturdyRef`), with their URI forms.

OCapN draft specification *Locators*. The URI form of a swiss number, unpadded base64url, is not in that text; it is
what the implementations that are in use write.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from remit.errors import Misuse
from remit.values._data import Data, Frozen, is_text

__all__ = ["Locator", "SturdyRef"]

_SCHEME: Final = "ocapn://"
_EXAMPLE: Final = "ocapn://mq5cd4xm.remit?tls=10.0.0.7:4433"
_STURDY_EXAMPLE: Final = "ocapn://mq5cd4xm.remit/s/c3dpc3MtbnVtYmVy?tls=10.0.0.7:4433"
_NO_HINTS: Final[Mapping[str, str]] = MappingProxyType({})
_URLSAFE: Final = bytes.maketrans(b"+/", b"-_")
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


class Locator(Frozen, Data):
    """Where a peer is: a transport, a designator in it, and hints on how to reach it.

    Two locators are equal (`==`) when transport and designator are: hints are only advice. `same` compares the
    hints also. On the wire, hints that were never given (None) are `false`, and an empty dict is an empty struct.
    `hints` reads as an empty mapping in both cases.
    """

    __slots__ = ("_given", "designator", "hints", "transport")
    __match_args__ = ("transport", "designator", "hints")

    transport: str
    designator: str
    hints: Mapping[str, str]
    _given: bool

    def __init__(self, transport: str, designator: str, hints: Mapping[str, str] | None = None) -> None:
        if not is_text(transport) or not transport or "." in transport:
            raise Misuse(
                f"a locator's transport is a non-empty str without dots, such as 'tls'; got {_shown(transport)}"
            )
        if not is_text(designator) or not designator:
            raise Misuse(f"a locator's designator is a non-empty str, such as 'mq5cd4xm'; got {_shown(designator)}")
        given = dict(hints) if hints is not None else None
        if given and not all(is_text(name) and is_text(hint) for name, hint in given.items()):
            raise Misuse("a locator's hints map str to str, such as {'tls': '10.0.0.7:4433'}")
        object.__setattr__(self, "transport", transport)
        object.__setattr__(self, "designator", designator)
        object.__setattr__(self, "hints", MappingProxyType(given) if given else _NO_HINTS)
        object.__setattr__(self, "_given", given is not None)

    @staticmethod
    def parse(uri: str) -> Locator:
        """The locator that this URI spells. Raises `Misuse` naming the accepted form."""
        locator, swiss = _parse(uri, "ocapn://designator.transport[?hint=value&…]", _EXAMPLE)
        if swiss is not None:
            raise Misuse("this URI has a swiss number: it is a sturdyref, read it with SturdyRef.parse")
        return locator

    def uri(self) -> str:
        """`ocapn://designator.transport[?hint=value&…]`, which `parse` reads."""
        return self._spell("")

    def _spell(self, path: str) -> str:
        from urllib.parse import quote

        hints = "&".join(f"{quote(name, safe='')}={quote(hint, safe=':/')}" for name, hint in self.hints.items())
        peer = f"{quote(self.designator, safe='')}.{quote(self.transport, safe='')}"
        return f"{_SCHEME}{peer}{path}{'?' + hints if hints else ''}"

    def _form(self) -> tuple[str, object]:
        return "peer", (self.transport, self.designator, dict(self.hints) if self._given else False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Locator):
            return NotImplemented
        return self.designator == other.designator and self.transport == other.transport

    def __hash__(self) -> int:
        return hash((self.transport, self.designator))

    def __str__(self) -> str:
        return self.uri()

    def __repr__(self) -> str:
        return f"<locator {self.uri()}>"

    def __reduce__(self) -> tuple[type[Locator], tuple[str, str, dict[str, str] | None]]:
        return Locator, (self.transport, self.designator, dict(self.hints) if self._given else None)


class SturdyRef(Frozen, Data):
    """A reference as a value that survives restarts: a peer and the swiss number of one object there.

    Whoever knows the swiss number has the object, so `str` and `repr` never show it; only `uri()` does.
    Equal when peers and swiss numbers are.
    """

    __slots__ = ("locator", "swiss")
    __match_args__ = ("locator", "swiss")

    locator: Locator
    swiss: bytes

    def __init__(self, locator: Locator, swiss: bytes) -> None:
        if type(locator) is not Locator:
            raise Misuse(f"a SturdyRef's locator is a Locator, not {type(locator).__name__}")
        if type(swiss) is not bytes or not swiss:
            raise Misuse("a SturdyRef's swiss number is a non-empty bytes")
        object.__setattr__(self, "locator", locator)
        object.__setattr__(self, "swiss", swiss)

    @staticmethod
    def parse(uri: str) -> SturdyRef:
        """The sturdyref that this URI spells. Raises `Misuse` naming the accepted form, and showing nothing of the URI."""
        locator, swiss = _parse(uri, "ocapn://designator.transport/s/swiss[?hint=value&…]", _STURDY_EXAMPLE)
        if swiss is None:
            raise Misuse(f"this URI has no swiss number: a sturdyref is written like {_STURDY_EXAMPLE}")
        return SturdyRef(locator, swiss)

    def uri(self) -> str:
        """`ocapn://designator.transport/s/swiss[?hint=value&…]`: a secret, the authority itself."""
        swiss = binascii.b2a_base64(self.swiss, newline=False).rstrip(b"=").translate(_URLSAFE).decode()
        return self.locator._spell(f"/s/{swiss}")

    def _form(self) -> tuple[str, object]:
        return "sturdyref", (self.locator, self.swiss)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SturdyRef):
            return NotImplemented
        return self.locator == other.locator and self.swiss == other.swiss

    def __hash__(self) -> int:
        return hash((self.locator, self.swiss))

    def __repr__(self) -> str:
        return f"<sturdyref {self.locator._spell('/s/…')}>"

    __str__ = __repr__

    def __reduce__(self) -> tuple[type[SturdyRef], tuple[Locator, bytes]]:
        return SturdyRef, (self.locator, self.swiss)


def _shown(value: object) -> str:
    return repr(value)[:80] if type(value) is str else type(value).__name__


def _parse(uri: str, form: str, example: str) -> tuple[Locator, bytes | None]:
    """Peer and swiss number of a URI. The URI itself never gets into an error: it may hold a secret."""
    try:
        if type(uri) is not str or not uri.startswith(_SCHEME):
            raise ValueError("it does not begin with ocapn://")
        rest, _, query = uri[len(_SCHEME) :].partition("?")
        peer, slash, path = rest.partition("/")
        designator, dot, transport = peer.rpartition(".")
        if not dot or not designator or not transport:
            raise ValueError("designator and transport, with a dot between them, are missing after ocapn://")
        locator = Locator(_unquote(transport), _unquote(designator), _hints(query) if query else None)
        return locator, _swiss(path) if slash else None
    except (ValueError, Misuse) as error:
        raise Misuse(f"cannot read this URI: {error}. Expected {form}, for example {example}") from None


def _hints(query: str) -> dict[str, str]:
    hints: dict[str, str] = {}
    for pair in query.split("&"):
        name, equals, hint = pair.partition("=")
        if not equals:
            raise ValueError("a hint after ? is not of the form name=value")
        if _unquote(name) in hints:
            raise ValueError("the same hint is given twice")
        hints[_unquote(name)] = _unquote(hint)
    return hints


def _swiss(path: str) -> bytes:
    mark, _, text = path.partition("/")
    if mark != "s" or not text:
        raise ValueError("what follows the transport is not /s/ and a swiss number")
    try:
        coded = text.encode("ascii").translate(_STANDARD, b"+/=")
        if len(coded) != len(text):
            raise ValueError
        swiss = binascii.a2b_base64(coded + b"=" * (-len(coded) % 4), strict_mode=True)
        if binascii.b2a_base64(swiss, newline=False).rstrip(b"=") != coded:
            raise ValueError  # bits that stand for nothing: a second spelling of the same number
    except ValueError:
        raise ValueError("the swiss number is not unpadded base64url") from None
    return swiss


def _unquote(text: str) -> str:
    """Undo RFC 3986 escapes. Raises ValueError for a % without two hexadecimal digits, and for what is not UTF-8."""
    from urllib.parse import unquote_to_bytes

    if not text.isascii():
        raise ValueError("characters outside of ASCII have to be percent-encoded")
    if not all(len(piece) > 1 and set(piece[:2]) <= _HEX for piece in text.split("%")[1:]):
        raise ValueError("a % is not followed by two hexadecimal digits")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise ValueError("the percent-encoded bytes are not UTF-8") from None
