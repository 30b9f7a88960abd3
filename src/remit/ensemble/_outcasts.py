"""Who is in the ensemble no more: keys that were expelled, and certificates that were revoked.

registry ──OutcastList, whenever it has changed──► each server: ends what the outcasts have open there, and lets them in no more
"""

from __future__ import annotations

from typing import Any, Final

from remit.errors import BadArgument, Refused, Revoked
from remit.values import record
from remit.vat import Ref, actor, call, field, promise, reads, tell

__all__ = ["OUTCASTS", "Expelled", "OutcastFeed", "OutcastList", "Outcasts"]

OUTCASTS: Final = "outcasts"
"""The name of the root in the registry's vat."""
_MOST: Final = 10_000
"""Servers that wait for the next change, and keys that are expelled."""


@record("remit.ensemble.expelled")
class Expelled:
    """Why a key is in the ensemble no more: the id that it had, who said so, why, and when (seconds since the epoch)."""

    id: str
    by: str
    why: str
    at: float

    def words(self) -> str:
        """The same for people."""
        return f"{self.id} was expelled from this ensemble by {self.by}" + (f": {self.why}" if self.why else "")


@record("remit.outcasts")
class OutcastList:
    """What servers heed: the designators of expelled keys with the reason, and the newest revocation list (DER) with the intermediate that signed it (PEM).

    Later lists have higher numbers.
    """

    number: int
    expelled: dict[str, str]
    revocations: bytes | None
    intermediate: bytes | None


@actor(kind="remit.ensemble.outcasts", version=1)
class Outcasts:
    """A root of the registry's durable vat: what a restart must not forget. The registry alone holds it."""

    number: int = 1
    expelled: dict[str, Expelled] = field(dict)
    revocations: bytes | None = None
    intermediate: bytes | None = None
    revoked: list[str] = field(list)

    def expel(self, key: str, entry: Expelled) -> None:
        """From now on the node with this designator is out."""
        if len(self.expelled) >= _MOST:
            raise BadArgument(
                f"{_MOST} keys are expelled already: make a new cookie instead (remit admin cookie --force)"
            )
        self.expelled[key] = entry
        self.number += 1

    def pardon(self, key: str) -> bool:
        """It may come again; whether it was out."""
        found = self.expelled.pop(key, None) is not None
        self.number += found
        return found

    def take(self, revocations: bytes, intermediate: bytes, serials: list[str]) -> None:
        """A newer revocation list, whose signature was checked."""
        self.revocations, self.intermediate, self.revoked = revocations, intermediate, serials
        self.number += 1

    @reads
    def check(self, key: str, serial: str = "") -> None:
        """Raise `Refused` where this key was expelled, `Revoked` where the certificate that it came by was revoked."""
        if key in self.expelled:
            raise Refused(
                f"{self.expelled[key].words()}; who runs the registry takes it back with: remit admin pardon {key}"
            )
        if serial and serial in self.revoked:
            raise Revoked(f"the certificate with the serial number {serial} was revoked")

    @reads
    def listed(self) -> OutcastList:
        """What servers are told."""
        words = {key: each.words() for key, each in self.expelled.items()}
        return OutcastList(self.number, words, self.revocations, self.intermediate)

    @reads
    def entries(self) -> dict[str, Expelled]:
        """Who is expelled, by designator."""
        return dict(self.expelled)


@actor(kind="remit.ensemble.outcast-feed", version=1, passing=True)
class OutcastFeed:
    """Tells those who wait that the list has changed. One for each run of the registry; `waiting` has one place for each member's key."""

    outcasts: Ref[Outcasts]
    waiting: dict[str, Ref[Any]] = field(dict)

    def after(self, key: str, number: int) -> Any:
        """The list, as soon as its number is another one than this."""
        listed: OutcastList = call(self.outcasts).listed()
        if listed.number != number:
            return listed
        if key not in self.waiting and len(self.waiting) >= _MOST:
            raise Refused(f"{_MOST} servers wait for changes already: ask again later")
        if (before := self.waiting.pop(key, None)) is not None:
            tell(before).fulfill(listed)
        made, self.waiting[key] = promise()
        return made

    def changed(self) -> None:
        """Tell all who wait."""
        listed = call(self.outcasts).listed()
        for resolver in self.waiting.values():
            tell(resolver).fulfill(listed)
        self.waiting.clear()
