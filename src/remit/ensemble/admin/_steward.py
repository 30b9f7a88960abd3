"""The steward of a server: it lends parts of the control object to whoever may have them, and takes them back.

    who came                       has
    by `control.ref` (local)       every part; with an administrators' key all but the sensitive ones
    a key with grants              those parts, until they end or are retracted
    anybody, with an unlock        the parts under its signature, until the lease ends, its session ends, or `lock()`

Each part is lent behind a membrane of its own for each holder. Where a grant or lease ends, for whatever reason, that is revoked:
calls in flight break, streams stop, and a session of the REPL that was got through it is out of reach. The part's object is told, too (`ended`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from remit.ensemble.admin._guest import Giver, Lease
from remit.ensemble.admin._table import (
    ADMIN,
    CERTIFICATE,
    ITSELF,
    LOCAL,
    ROOTS,
    UNLOCKED,
    Grant,
    GrantTable,
    check_part,
)
from remit.ensemble.admin._unlock import Unlock, check_unlock
from remit.errors import Broken, Expired, Missing, Refused, Revoked
from remit.lib import Attenuation, Membrane, membrane
from remit.values import record
from remit.vat import Ref, actor, call, field, on, reads, send, spawn, this

__all__ = ["SENSITIVE", "Steward", "Use", "Workshop"]

SENSITIVE: Final = frozenset({"load", "eval", "repl", "exec", "shutdown", ADMIN})
"""Parts that need an unlock where there is an administrators' key, besides those that the application marks."""

_LOCAL: Final = (LOCAL, ITSELF)


class Workshop(Protocol):
    """What the steward lends from: an object or a device of the server's vat, whose answers are awaited."""

    def names(self) -> Any:
        """The parts that there are, without `admin`, which is the steward's own."""

    def sensitive(self) -> Any:
        """Parts of the application that need an unlock, as those in `SENSITIVE` do."""

    def ping(self, actor: str | None) -> Any:
        """The time here; an actor is asked."""

    def describe(self) -> Any:
        """What everybody may know of the server."""

    def door(self) -> Any:
        """The sturdyref of the server's door."""

    def make(self, part: str, who: str) -> Any:
        """The object for a part, whose uses are written down as those of `who`. Raises `Missing`."""


@record("remit.ensemble.use")
class Use:
    """One part that is lent: to whom (a designator, or "local"), until when, in which lease (0: by a grant), through which membrane."""

    holder: str
    part: str
    until: float | None
    lease: int
    object: Ref[Any]
    membrane: Ref[Membrane]


@actor(kind="remit.ensemble.steward", version=1, passing=True)
class Steward:
    """Owned by the server, which alone holds it; others get what `Guest`, `Lease` and `Giver` let through. Ends with the server's vat.

    `network`, `timer`, `files` (`StewardFiles`), `audit` (`AuditLog`) and `certificates` (`ca.Checker`) are devices.
    `grants` are kept, `certified` are what certificates say; `outcasts` are keys that were expelled, with the reason.
    """

    server_key: bytes
    workshop: Ref[Any]
    network: Ref[Any]
    timer: Ref[Any]
    files: Ref[Any]
    audit: Ref[Any]
    grants: list[Grant] = field(list)
    certificates: Ref[Any] | None = None
    uses: list[Use] = field(list)
    leases: dict[str, float] = field(dict)
    number: int = 0
    certified: list[Grant] = field(list)
    outcasts: dict[str, str] = field(dict)
    revocations: bytes | None = None

    def ping(self, actor: str | None) -> Any:
        """See `Guest.ping`."""
        return self.workshop.ping(actor)

    def describe(self) -> Any:
        """See `Guest.describe`."""
        return self.workshop.describe()

    def door(self) -> Any:
        """See `Guest.door`."""
        return self.workshop.door()

    # --- lending -----------------------------------------------------------------------------------------

    async def granted(self, holder: str) -> dict[str, float | None]:
        """The parts that this holder may have without an unlock, with their ends."""
        self._check_member(holder)
        if holder in _LOCAL:
            return dict.fromkeys(await self._local(holder))
        now = await self.network.now()
        return self._table().held(holder, now)

    async def _local(self, holder: str) -> list[str]:
        admin = None if holder == ITSELF else await self.files.admin()
        names = {*(await self.workshop.names()), ADMIN}
        return sorted(names - (SENSITIVE | set(await self.workshop.sensitive()) if admin is not None else set()))

    async def lend(self, holder: str, part: str) -> Ref[Any]:
        """A part, by a grant, or to the local user or the server itself. `Refused` where it takes something else, which the error names."""
        check_part(part)
        self._check_member(holder)
        if holder in _LOCAL:
            if part not in await self._local(holder):
                if part in (known := [*(await self.workshop.names()), ADMIN]):
                    raise Refused(
                        f"this server has an administrators' key, so {part} needs an unlock: give the order with the key's passphrase"
                    )
                raise Missing(f"this server has no part {part!r}; it has: {', '.join(sorted(known))}")
            return await self._lend(holder, part, None, 0)
        until = self._held(holder, part, await self.network.now())
        return await self._lend(holder, part, until, 0)

    def _held(self, holder: str, part: str, now: float) -> float | None:
        """Until when this holder has the part by a grant. `Refused` where he has it not."""
        held = self._table().held(holder, now)
        if part not in held:
            shown = self._shown(holder)
            raise Refused(
                f"{shown} has no grant of {part} on this server (it has: {', '.join(sorted(held)) or 'none'}). On its own host, its user needs none; "
                f"others are given one with: remit admin authorize SERVER {shown} {part}"
            )
        return held[part]

    def _table(self) -> GrantTable:
        return GrantTable([*self.grants, *self.certified])

    def _set(self, table: GrantTable) -> None:
        self.certified = [each for each in table.grants if each.by.startswith(CERTIFICATE)]
        self.grants = [each for each in table.grants if not each.by.startswith(CERTIFICATE)]

    def _check_member(self, holder: str) -> None:
        if holder in self.outcasts:
            raise Refused(self.outcasts[holder])

    def _shown(self, holder: str) -> str:
        """An id for a key, where a grant knows one."""
        return next((each.shown for each in self._table().grants if each.key == holder), holder)

    def _who(self, holder: str) -> str:
        """The same for the audit log, with the key, which is what counts."""
        shown = self._shown(holder)
        return shown if shown == holder else f"{shown} ({holder})"

    async def _lend(
        self, holder: str, part: str, until: float | None, lease: int, limit: Sequence[str] | None = None
    ) -> Ref[Any]:
        """The part, behind a membrane that is this holder's in this lease; made where he has none yet."""
        wanted = (holder, part, until, lease)
        if (found := self._open(wanted)) is not None:
            return found
        who, by = self._who(holder), holder
        if lease:
            who, by = f"{UNLOCKED}, from {who}", UNLOCKED
        if part == ADMIN:
            made: Ref[Any] = spawn(Giver, this(), by, who, None if limit is None else list(limit))
        else:
            made = await self.workshop.make(part, who)
            if lease:  # what was right when it was asked for may be over by now
                self._check_lease(lease)
            elif holder not in _LOCAL and self._held(holder, part, await self.network.now()) != until:
                raise Revoked(f"the grant of {part} has just been changed: ask again")
            if (found := self._open(wanted)) is not None:
                return found
        way = membrane(made, Attenuation(until=until), self.network)
        self.uses.append(Use(holder, part, until, lease, made, way))
        if until is not None:
            on(self.timer.at(until), lambda _: self._sweep(until))
        return call(way).root()

    def _open(self, wanted: tuple[str, str, float | None, int]) -> Ref[Any] | None:
        for use in self.uses:
            if (use.holder, use.part, use.until, use.lease) == wanted:
                return call(use.membrane).root()
        return None

    def _end(self, use: Use, why: str) -> None:
        self.uses.remove(use)
        call(use.membrane).revoke(why)
        on(send(use.object, "ended", why), broken=lambda _: None)  # parts that hold nothing open don't answer this

    def _sweep(self, now: float) -> None:
        """End what is over at this time, or what nobody grants any more."""
        table, kept = self._table().pruned(now), len(self.grants)
        self._set(table)
        if len(self.grants) != kept:  # what is over is over, whether it is written or not
            on(self.files.keep(list(self.grants)), broken=lambda _: None)
        for use in [*self.uses]:
            if use.until is not None and use.until <= now:
                self._end(use, f"the time of {use.part} is over")
            elif use.lease == 0 and use.holder not in _LOCAL:
                held = table.held(use.holder, now)
                if use.part not in held or _later(use.until, held[use.part]):
                    self._end(use, f"the grant of {use.part} was retracted")

    @reads
    def open_uses(self) -> list[list[Any]]:
        """What is lent now: holder, part, end, lease."""
        return [[use.holder, use.part, use.until, use.lease] for use in self.uses]

    def expel(self, holder: str, why: str) -> None:
        """End every use of this key's, grants and leases: it is no member any more."""
        for use in [*self.uses]:
            if use.holder == holder:
                self._end(use, why)

    # --- certificates, and who is out ----------------------------------------------------------------------

    async def present(self, holder: str, key: bytes, chain: Any) -> list[str]:
        """Take what a certificate says of this holder's key, until that ends or is revoked. Gives its parts."""
        self._check_member(holder)
        if self.certificates is None:
            raise Refused("this server takes no certificates")
        known = self.revocations
        said = await self.certificates.check(chain, key, known)
        now = await self.network.now()
        if self.revocations != known:  # it has come meanwhile
            said = await self.certificates.check(chain, key, self.revocations)
        by = f"{CERTIFICATE}{said.serial}"
        mine = [Grant(holder, said.id, check_part(part), said.expires, by, now) for part in said.parts]
        self.certified = [*(each for each in self.certified if each.key != holder), *mine]
        self._sweep(now)
        return list(said.parts)

    async def heed(self, outcasts: dict[str, str], revocations: bytes | None, intermediate: bytes | None) -> None:
        """Take over from the registry who is out: what they have open ends now."""
        self.outcasts = dict(outcasts)
        for holder, why in self.outcasts.items():
            self.expel(holder, why)
        if self.certificates is None or revocations is None or revocations == self.revocations:
            return
        serials = await self.certificates.take(revocations, intermediate, self.revocations)
        now = await self.network.now()
        self.revocations = revocations
        gone = {f"{CERTIFICATE}{serial}" for serial in serials}
        self.certified = [each for each in self.certified if each.by not in gone]
        self._sweep(now)

    @reads
    def knows_revocations(self) -> bool:
        """Whether the revocation list has come: before, no certificate is taken."""
        return self.revocations is not None

    # --- unlocking ---------------------------------------------------------------------------------------

    async def unlock(self, holder: str, key: bytes, nonce: bytes | None, unlock: Any, signature: Any) -> Ref[Any]:
        """A lease on the parts that the unlock names; each try is written down."""
        self._check_member(holder)
        admin = await self.files.admin()
        now = await self.network.now()
        who = self._who(holder)
        if admin is None:
            raise Refused(
                "this server has no administrators' key, so nothing unlocks it: its own Unix user manages it, or make a key with: remit admin key"
            )
        try:
            good = check_unlock(
                unlock, signature, admin=admin, server_key=self.server_key, client_key=key, nonce=nonce, now=now
            )
        except Refused as error:
            await self.audit.note(who, "unlock", f"refused: {error.message}")
            raise
        await self.audit.note(who, "unlock", f"{' '.join(good.parts)} for {good.expires - now:.0f} s")
        return self._open_lease(holder, good)

    def _open_lease(self, holder: str, unlock: Unlock) -> Ref[Any]:
        self.number += 1
        number = self.number
        self.leases[str(number)] = unlock.expires
        on(self.timer.at(unlock.expires), lambda _: self.end_lease(number, "the lease is over"))
        return spawn(Lease, this(), number, holder, list(unlock.parts), float(unlock.expires))

    def end_lease(self, number: int, why: str) -> None:
        """Take back all that a lease has lent; nothing where it has ended."""
        self.leases.pop(str(number), None)
        for use in [*self.uses]:
            if use.lease == number:
                self._end(use, why)

    async def lend_leased(self, number: int, holder: str, part: str, until: float, names: Sequence[str]) -> Ref[Any]:
        """A part of an open lease, which has the parts `names`."""
        self._check_lease(number)
        if await self.network.now() >= until:
            raise Expired("the lease of this unlock is over: unlock again")
        return await self._lend(holder, part, until, number, names)

    def _check_lease(self, number: int) -> None:
        if str(number) not in self.leases:
            raise Expired("the lease of this unlock is over: unlock again")

    # --- giving ------------------------------------------------------------------------------------------

    async def authorize(
        self, by: str, who: str, key: str, shown: str, parts: Sequence[str], expires: float | None
    ) -> list[Grant]:
        """Give these parts to a key, besides what it has. Kept on disk when this returns; else taken back again."""
        known = {*(await self.workshop.names()), ADMIN}
        for part in parts:
            if check_part(part) not in known:
                raise Missing(f"this server has no part {part!r}; it has: {', '.join(sorted(known))}")
        now = await self.network.now()
        new = [Grant(key, shown, part, expires, by, now) for part in parts]
        self._table().with_grants(new, now)  # what makes no sense is not written down
        end = "" if expires is None else f" until {expires:.0f}"
        await self.audit.note(who, ADMIN, f"authorize {shown} ({key}) {' '.join(parts)}{end}")
        before = list(self.grants)
        self._set(self._table().with_grants(new, now))
        failed: Broken | None = None
        try:
            await self.files.keep(list(self.grants))
        except Broken as error:
            failed = error
            places = {(each.key, each.part, each.by) for each in new}
            rest = [each for each in self.grants if (each.key, each.part, each.by) not in places]
            self.grants = [*rest, *(each for each in before if (each.key, each.part, each.by) in places)]
        self._sweep(now)  # an end may have come nearer
        if failed is not None:
            with suppress(Broken):
                await self.files.keep(self.grants)  # ends this turn as well, so that what it changed stays so
            raise failed
        return new

    async def retract(self, by: str, who: str, grantee: str, parts: Sequence[str]) -> list[Grant]:
        """Take these parts back, or all that the grantee has of this giver's; what is open ends at once, written or not."""
        now = await self.network.now()
        self._table().without(grantee, parts, by, now)
        await self.audit.note(who, ADMIN, f"retract {grantee} {' '.join(parts)}".rstrip())
        table, gone = self._table().without(grantee, parts, by, now)
        self._set(table)
        self._sweep(now)
        try:
            await self.files.keep(list(self.grants))
        except Broken as error:
            raise type(error)(
                f"{error.message}; it is taken back now, but would be there again after a restart: free some room, and retract it again"
            ) from None
        return gone

    def used(self, most: int) -> Any:
        """The last uses of the audit log."""
        return self.files.uses(most)

    @reads
    def listed(self, by: str) -> list[Grant]:
        """The grants that a giver may see: the roots all of them, others what they gave."""
        return [each for each in self._table().grants if by in ROOTS or each.by == by]


def _later(one: float | None, other: float | None) -> bool:
    """Whether the first end is after the second."""
    return other is not None and (one is None or one > other)
