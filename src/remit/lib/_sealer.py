"""Sealers: boxes that only the holder of the matching unsealer can open. Rights amplification without cryptography."""

from __future__ import annotations

from typing import Any

from remit.errors import BadArgument, Refused
from remit.vat import PENDING, Ref, actor, resolved, spawn, this


@actor(kind="remit.brand", version=1)
class Brand:
    """What a sealer and its unsealer have in common, and nobody else holds; `name` is for people."""

    name: str = ""


@actor(kind="remit.sealed", version=1)
class Sealed:
    """A sealed box. It answers nothing; it may be given to anybody, and says nothing of what is in it."""

    brand: Ref[Brand]
    value: Any


@actor(kind="remit.sealer", version=1)
class Sealer:
    """`sealer(value)` gives a box with the value in it."""

    brand: Ref[Brand]

    def __call__(self, value: Any) -> Ref[Sealed]:
        return spawn(Sealed, self.brand, value)


@actor(kind="remit.unsealer", version=1)
class Unsealer:
    """`unsealer(box)` gives what the matching sealer put into the box; any other box breaks it with `Refused`."""

    brand: Ref[Brand]

    def __call__(self, box: Ref[Any]) -> Any:
        found = opened(self.brand, box)
        if found is None:
            raise Refused(f"this is no box of the sealer {self.brand._at.name!r}")
        return found.value


@actor(kind="remit.seal-check", version=1)
class SealCheck:
    """`check(box)` tells whether the matching sealer made the box."""

    brand: Ref[Brand]

    def __call__(self, box: Any) -> bool:
        return opened(self.brand, box) is not None


def opened(brand: Ref[Brand], box: Any) -> Sealed | None:
    """The inside of a box of this vat and brand. A promise of one is looked through once it is settled."""
    if not isinstance(box, Ref):
        return None
    there = resolved(box)
    if there is PENDING:
        raise BadArgument("the box is still a promise: await it first")
    inside = there._at if isinstance(there, Ref) and there._vat is this()._vat else None
    return inside if type(inside) is Sealed and inside.brand is brand else None


def make_sealer(name: str = "") -> tuple[Ref[Sealer], Ref[Unsealer], Ref[SealCheck]]:
    """A new sealer, its unsealer, and a check that only tells whether a box is theirs; inside a turn."""
    brand = spawn(Brand, name)
    return spawn(Sealer, brand), spawn(Unsealer, brand), spawn(SealCheck, brand)
