"""Swiss numbers: which secret number stands for which object, until when, and for whom.

Only SHA-256 digests of swiss numbers are kept, so a stolen store gives no authority, and a look-up takes the same path
whether the number exists or not. No clock and no randomness here: the digest and the time are arguments.
"""

from __future__ import annotations

from typing import Any

from remit.errors import Expired, Refused
from remit.values import record
from remit.vat import Ref, actor, call, field

UNKNOWN = "no object here answers to this swiss number for this peer: it was never given out, or has been taken back"


@record("remit.swiss")
class SwissEntry:
    """What is known of one swiss number besides its object.

    `holder`: for whom it was made, for people. `only`: the raw key of the one peer that may use it, None for any.
    `gate`: hand out what `admit(peer)` returns instead of the object. `expires`: seconds since the epoch, None for never.
    `uses`: how many fetches are left, None for any number.
    """

    holder: str
    only: bytes | None = None
    gate: bool = False
    expires: float | None = None
    uses: int | None = None


@actor(kind="remit.swiss-numbers", version=1)
class SwissNumbers:
    """The table of one node; a root of its vat, held by nobody else. Ends with the vat."""

    objects: dict[bytes, Ref[Any]] = field(dict)
    entries: dict[bytes, SwissEntry] = field(dict)

    def register(self, digest: bytes, ref: Ref[Any], entry: SwissEntry) -> None:
        """From now on the number with this digest stands for `ref`; an older entry is replaced."""
        self.objects[digest] = ref
        self.entries[digest] = entry

    def replace(self, digest: bytes, ref: Ref[Any], entry: SwissEntry) -> None:
        """The same, and every other number of this holder stands for nothing any more."""
        for old in [each for each, other in self.entries.items() if other.holder == entry.holder and each != digest]:
            self.forget(old)
        self.register(digest, ref, entry)

    def forget(self, digest: bytes) -> bool:
        """The number stands for nothing any more; whether it did before. References already fetched are not affected."""
        self.entries.pop(digest, None)
        return self.objects.pop(digest, None) is not None

    def forget_holder(self, holder: str) -> None:
        """Every number that was made for this holder stands for nothing any more."""
        for digest in [each for each, entry in self.entries.items() if entry.holder == holder]:
            self.forget(digest)

    def fetch(self, digest: bytes, peer: bytes | None, now: float) -> Any:
        """The object for this peer. `Refused` says the same of numbers unknown, taken back, and meant for another."""
        entry = self.entries.get(digest)
        if entry is None or (entry.only is not None and entry.only != peer):
            raise Refused(UNKNOWN)
        if entry.expires is not None and now >= entry.expires:
            raise Expired("this sturdyref has expired: ask whoever gave it for another")
        if entry.uses is not None:
            if entry.uses < 1:
                raise Expired("this sturdyref has been used as often as it may be: ask whoever gave it for another")
            self.entries[digest] = SwissEntry(entry.holder, entry.only, entry.gate, entry.expires, entry.uses - 1)
        ref = self.objects[digest]
        return call(ref).admit(peer) if entry.gate else ref

    def holders(self) -> list[list[Any]]:
        """Who was given what: holder, whether bound to a key, expiry and uses left, for people."""
        return [[e.holder, e.only is not None, e.expires, e.uses] for e in self.entries.values()]
