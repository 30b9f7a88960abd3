"""Whose authority a plan changes: the front page of every plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from remit.graph._model import Link
from remit.graph._steps import Authority
from remit.lib import METERS, Attenuation

__all__ = ["authority_changes", "covers", "difference"]


def covers(wide: Attenuation, narrow: Attenuation) -> bool:
    """Whether everything that `narrow` passes, `wide` passes too. Both in normal form."""
    if narrow.methods == []:
        return True
    return (
        (wide.methods is None or (narrow.methods is not None and set(narrow.methods) <= set(wide.methods)))
        and (narrow.read_only or not wide.read_only)
        and (wide.prefix is None or (narrow.prefix is not None and narrow.prefix.startswith(wide.prefix)))
        and (wide.count is None or (narrow.count is not None and narrow.count <= wide.count))
        and (wide.until is None or (narrow.until is not None and narrow.until <= wide.until))
        and all(any(_slower(own, rate) for own in narrow.rate or ()) for rate in wide.rate or ())
        and all(_within(getattr(wide, name, None), getattr(narrow, name, None)) for name in METERS)
    )


def _within(wide: int | None, narrow: int | None) -> bool:
    return wide is None or (narrow is not None and narrow <= wide)


def _slower(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether a rate never passes more than another: no more at once, and no more in the long run."""
    return one[0] <= other[0] and one[0] * other[1] <= other[0] * one[1]


def difference(old: Attenuation | None, new: Attenuation | None) -> str:
    """How one link's attenuation changes: "same", "narrower", "wider", "other"; "gained" and "lost" where there is none on one side."""
    if old is None or new is None:
        return "same" if old is new else "gained" if old is None else "lost"
    wider, narrower = covers(new, old), covers(old, new)
    if wider and narrower:
        return "same"
    return "wider" if wider else "narrower" if narrower else "other"


def authority_changes(before: Iterable[Link], after: Iterable[Link], remade: Iterable[str] = ()) -> list[Authority]:
    """What each node gains and loses of each service, between two sets of links.

    What several links give together counts, so that a link under another name changes nothing. A link that is made anew (`remade`: keys) and
    counts its uses begins to count again: that is a gain.
    """
    old, new, fresh = _grouped(before), _grouped(after), set(remade)
    changes = []
    for pair in sorted({*old, *new}):
        had, has = old.get(pair, []), new.get(pair, [])
        gained = [link for link in has if not _covered(link.attenuation, had, again=link.key in fresh)]
        lost = [link for link in had if not _covered(link.attenuation, has)]
        if gained or lost:
            links = sorted({link.id for link in [*gained, *lost]})
            changes.append(Authority(*pair, _widest(gained), _widest(lost), _widest(has), links))
    return changes


def _covered(attenuation: Attenuation, links: Iterable[Link], *, again: bool = False) -> bool:
    counted = again and _counts(attenuation)
    return any(covers(link.attenuation, attenuation) and not (counted and _counts(link.attenuation)) for link in links)


def _counts(attenuation: Attenuation) -> bool:
    """Whether something of it is used up."""
    return attenuation.count is not None or getattr(attenuation, "bytes", None) is not None


def _grouped(links: Iterable[Link]) -> Mapping[tuple[str, str], list[Link]]:
    groups: dict[tuple[str, str], list[Link]] = {}
    for link in links:
        groups.setdefault((link.grantee, link.service), []).append(link)
    return groups


def _widest(links: Iterable[Link]) -> list[Attenuation]:
    """Each attenuation that no other one of them covers, once, in the order of their words."""
    found = {link.attenuation.describe(): link.attenuation for link in links}
    return [
        each
        for words, each in sorted(found.items())
        if not any(
            covers(other, each) and (name < words or not covers(each, other))
            for name, other in found.items()
            if name != words
        )
    ]
