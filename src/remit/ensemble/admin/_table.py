"""The table of grants: which parts of a server's control object which keys may use, until when, and who said so. Pure.

A grant is one part for one key, given by one giver. What a giver gives is never more than he holds: it is in force while he holds the part
himself, and the right to give (`admin`), and ends when his own does. So the table is read from its roots, which are whoever unlocked the server and
the user that it runs as; two that gave to each other don't hold each other up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from remit.errors import BadArgument, Conflict, Missing, Refused, StoreCorrupt, StoreTooNew
from remit.net import public_of
from remit.values import printable, record

__all__ = ["ADMIN", "CERTIFICATE", "ITSELF", "LOCAL", "ROOTS", "Grant", "GrantTable", "check_part", "is_root"]

LOCAL: Final = "local"
"""Giver: the Unix user that the server runs as."""
ITSELF: Final = "itself"
"""Giver: the server's own program."""
UNLOCKED: Final = "admin"
"""Giver: who had unlocked the server."""
ROOTS: Final = frozenset({LOCAL, ITSELF, UNLOCKED})
CERTIFICATE: Final = "certificate "
"""Giver: this, and the serial number of the certificate that says so. Such grants are kept in no file: they are shown again."""
ADMIN: Final = "admin"
"""The part that gives to others what its holder has."""
MOST: Final = 1000
"""Grants of one server: a list that people look after has a few."""
_VERSION: Final = 1
_FIELDS: Final = ("key", "shown", "part", "expires", "by", "at")
_LETTERS: Final = 100


@record("remit.ensemble.grant")
class Grant:
    """One part for one key.

    `key`: the designator of the grantee's node. `shown`: the id under which it was looked up, for people: it decides nothing.
    `expires`: seconds since the epoch, None for no end. `by`: the giver, the designator of a node or one of `ROOTS`. `at`: when it was given.
    """

    key: str
    shown: str
    part: str
    expires: float | None
    by: str
    at: float


class GrantTable:
    """Grants, as they stand. Never changed: each change gives another table."""

    __slots__ = ("_grants",)

    def __init__(self, grants: Iterable[Grant] = ()) -> None:
        self._grants = {(each.key, each.part, each.by): each for each in grants}

    @property
    def grants(self) -> list[Grant]:
        """All of them, by grantee, part and giver; those that are over, too, until `pruned`."""
        return [self._grants[place] for place in sorted(self._grants)]

    def held(self, key: str, now: float) -> dict[str, float | None]:
        """The parts that the node with this designator may use now, each with its end (None: it has none)."""
        return self._in_force(now).get(key, {})

    def with_grants(self, new: Sequence[Grant], now: float) -> GrantTable:
        """The table with these grants as well. Another grant of the same part to the same key by the same giver is replaced.

        Raises `Refused` where the giver does not hold what he gives, `BadArgument` for what is no grant.
        """
        for grant in new:
            _check(grant, now)
            if not is_root(grant.by):
                self._check_giver(grant, now)
        table = GrantTable([*self.pruned(now).grants, *new])
        if len(table._grants) > MOST:
            raise Conflict(f"a server keeps at most {MOST} grants: retract some first (remit admin list shows them)")
        return table

    def without(self, grantee: str, parts: Sequence[str], by: str, now: float) -> tuple[GrantTable, list[Grant]]:
        """The table without what `by` may take back of this grantee's, and what that was: these parts, or all where there are none.

        `grantee`: a designator, or an id as it was shown. Roots take back anything, others what they gave. What the grantee gave on
        goes with what he held. Raises `Missing` where there is nothing of the kind.
        """
        mine = [
            each
            for each in self.grants
            if grantee in (each.key, each.shown)
            and (each.by == by or (by in ROOTS and not each.by.startswith(CERTIFICATE)))
        ]
        unknown = sorted(set(parts) - {each.part for each in mine})
        if not mine or unknown:
            what = f" of {', '.join(unknown)}" if unknown and mine else ""
            have = sorted({f"{each.shown} {each.part}" for each in self.grants if by in ROOTS or each.by == by})
            raise Missing(
                f"{printable(grantee)[:_LETTERS]} has no grant{what} here that could be taken back; there are: {', '.join(have[:20]) or 'none'}"
            )
        gone = {(each.key, each.part, each.by) for each in mine if not parts or each.part in parts}
        left = GrantTable(each for place, each in self._grants.items() if place not in gone).pruned(now)
        return left, [each for each in self.grants if (each.key, each.part, each.by) not in left._grants]

    def pruned(self, now: float) -> GrantTable:
        """The table without grants that are over, and those whose giver has nothing to give any more."""
        force = self._in_force(now)
        return GrantTable(
            each
            for each in self.grants
            if _open(each.expires, now) and (is_root(each.by) or self._gives(force, each.by, each.part))
        )

    def next_end(self, now: float) -> float | None:
        """When the next grant ends, in seconds since the epoch; None where none will."""
        ends = [each.expires for each in self.grants if each.expires is not None and each.expires > now]
        return min(ends, default=None)

    def _check_giver(self, grant: Grant, now: float) -> None:
        own = self.held(grant.by, now)
        for part in (ADMIN, grant.part):
            if part not in own:
                raise Refused(f"nobody gives what he does not hold: the giver has no grant of {part} on this server")
        most = _sooner(own[ADMIN], own[grant.part])
        if most is not None and (grant.expires is None or grant.expires > most):
            raise Refused(
                f"nobody gives more than he holds: the giver's own grant of {grant.part} ends at {most:.0f} "
                "(seconds since the epoch); give it until then at most"
            )

    def _in_force(self, now: float) -> dict[str, dict[str, float | None]]:
        """What each key holds, from the roots on: a round for each giver further away from them."""
        force: dict[str, dict[str, float | None]] = {}
        waiting = [each for each in self.grants if _open(each.expires, now)]
        while waiting:
            good: list[Grant] = []
            left: list[Grant] = []
            for each in waiting:
                (good if is_root(each.by) or self._gives(force, each.by, each.part) else left).append(each)
            if not good:
                break
            for each in good:
                end = each.expires
                if not is_root(each.by):
                    own = force[each.by]
                    end = _sooner(end, _sooner(own[ADMIN], own[each.part]))
                parts = force.setdefault(each.key, {})
                parts[each.part] = _later(parts[each.part], end) if each.part in parts else end
            waiting = left
        return force

    @staticmethod
    def _gives(force: Mapping[str, Mapping[str, float | None]], giver: str, part: str) -> bool:
        own = force.get(giver, {})
        return ADMIN in own and part in own

    def to_bytes(self) -> bytes:
        """As it is kept in a file: JSON."""
        grants = [{name: getattr(each, name) for name in _FIELDS} for each in self.grants]
        return json.dumps({"version": _VERSION, "grants": grants}, indent=1).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> GrantTable:
        """The table of a file. `StoreCorrupt` for what is none: nobody gets anything by a file that cannot be read."""
        try:
            kept = json.loads(data)
            if type(kept) is dict and type(kept.get("version")) is int and kept["version"] > _VERSION:
                raise StoreTooNew(f"{where} was written by a newer Remit (version {kept['version']}): upgrade this one")
            grants = [Grant(**{name: each[name] for name in _FIELDS}) for each in kept["grants"]]
            for grant in grants:
                _check(grant, -1.0)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, BadArgument):
            raise StoreCorrupt(
                f"{where} is damaged: restore it from a copy, or delete it and give the grants again"
            ) from None
        return cls(grants)


def check_part(part: Any) -> str:
    """The name of a part, if it can be one: letters, digits, `-` and `_`, as an id has."""
    if type(part) is not str or not 0 < len(part) <= _LETTERS or not part.replace("-", "a").replace("_", "a").isalnum():
        raise BadArgument(f"a part is named by letters, digits, '-' and '_', not {printable(str(part))[:_LETTERS]!r}")
    return part


def is_root(by: str) -> bool:
    """Whether what this giver gives hangs on no other grant."""
    return by in ROOTS or by.startswith(CERTIFICATE)


def _check(grant: Grant, now: float) -> None:
    check_part(grant.part)
    for name in (grant.key, *([] if is_root(grant.by) else [grant.by])):
        if type(name) is not str:
            raise BadArgument("a grant is to a node's key, by its designator")
        public_of(name)
    if type(grant.shown) is not str or not 0 < len(grant.shown) <= 4 * _LETTERS:
        raise BadArgument("a grant says for people whose it is, in up to 400 characters")
    if grant.expires is not None and (type(grant.expires) not in (int, float) or not grant.expires > now):
        raise BadArgument(f"a grant ends in the future, or never, not at {grant.expires!r}")
    if type(grant.at) not in (int, float):
        raise BadArgument("a grant says when it was given, in seconds since the epoch")


def _open(expires: float | None, now: float) -> bool:
    return expires is None or now < expires


def _sooner(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else min(one, other)


def _later(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)
