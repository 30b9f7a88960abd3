"""Sturdy references: capabilities as data, which anybody may narrow and only the key's holder can check.

`<ref {oid: any, sig: bytes, caveats: [caveat …]}>`, where sig = f(… f(f(key, oid), caveat) …, caveat) from left to right, and f is the first
16 bytes of HMAC-BLAKE2s-256 over the canonical form: with a signature one can append a caveat, and never take one away. (Syndicate Protocol,
Sturdy references.)
"""

from __future__ import annotations

import hmac
from hashlib import blake2s
from typing import Any, Final

from remit.dataspace.syndicate._caveats import check_caveats
from remit.dataspace.syndicate._view import entries, fields_of, rec
from remit.errors import BadArgument, DecodeError, Refused
from remit.values import Symbol, preserves, same
from remit.values.preserves import Map

__all__ = ["SturdyRef"]

SIGNATURE: Final = 16  # bytes


def _sign(key: bytes, value: Any) -> bytes:
    return hmac.new(key, preserves.canonical(value), blake2s).digest()[:SIGNATURE]


class SturdyRef:
    """An object's name, its caveats, and the signature that proves both. Data: it ends when its key is forgotten, or its bind withdrawn.

    Whoever holds it holds the capability: `repr` and errors hide the signature; `text()` does not.
    """

    __slots__ = ("caveats", "oid", "sig")

    def __init__(self, oid: Any, sig: bytes, caveats: list[Any] | tuple[Any, ...] = ()) -> None:
        self.oid = oid
        self.sig = sig
        self.caveats = check_caveats(list(caveats))

    @classmethod
    def mint(cls, oid: Any, key: bytes, *caveats: Any) -> SturdyRef:
        """The reference for the object that is bound to this name with this key. Fresh keys are 16 random bytes; any length is taken."""
        return cls(oid, _sign(key, oid)).attenuate(*caveats)

    def attenuate(self, *caveats: Any) -> SturdyRef:
        """The same with more caveats. Raises `BadArgument` where one is malformed."""
        sig = self.sig
        for caveat in caveats:
            sig = _sign(sig, caveat)
        return SturdyRef(self.oid, sig, [*self.caveats, *caveats])

    def verify(self, key: bytes) -> bool:
        """Whether this was minted with the key and only narrowed since. Takes the same time for all wrong signatures."""
        expected = SturdyRef.mint(self.oid, key, *self.caveats)
        return hmac.compare_digest(expected.sig, self.sig)

    def value(self) -> Any:
        """As a value: `<ref {oid: …, sig: …, caveats: […]}>`."""
        parameters = [(Symbol("oid"), self.oid), (Symbol("sig"), self.sig)]
        if self.caveats:
            parameters.append((Symbol("caveats"), list(self.caveats)))
        return rec("ref", Map(parameters))

    @classmethod
    def of(cls, value: Any) -> SturdyRef:
        """Read the value, or the parameters inside of it. Raises `BadArgument`."""
        fields = fields_of(value, "ref", 1)
        found = entries(value if fields is None else fields[0])
        if found is None:
            raise BadArgument("a sturdy reference is <ref {oid: … sig: … caveats: […]}>")
        parameters = {name.name: one for name, one in found if type(name) is Symbol}
        sig, caveats = parameters.get("sig"), parameters.get("caveats", [])
        if "oid" not in parameters or type(sig) is not bytes or type(caveats) is not list:
            raise BadArgument("a sturdy reference has an oid, a sig of bytes, and a sequence of caveats or none")
        return cls(parameters["oid"], sig, caveats)

    def text(self) -> str:
        """As text, for files and people who may have it: it is the secret itself."""
        return preserves.text(self.value())

    @classmethod
    def parse(cls, text: str) -> SturdyRef:
        """Read the text. Raises `BadArgument`, without showing what was given."""
        try:
            return cls.of(preserves.parse(text))
        except DecodeError as error:
            raise BadArgument(
                f'this is no sturdy reference, which looks like <ref {{oid: … sig: #x"…"}}>: {type(error).__name__}'
            ) from None

    def check(self, key: bytes) -> None:
        """Raise `Refused` where the signature is wrong."""
        if not self.verify(key):
            raise Refused("the signature of this sturdy reference is wrong")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SturdyRef) and same(self.value(), other.value())

    def __hash__(self) -> int:
        return hash(self.sig)

    def __repr__(self) -> str:
        return f"SturdyRef({self.oid!r}, hidden, {len(self.caveats)} caveats)"
