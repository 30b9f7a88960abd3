"""What is exported but reachable from no root: others use it now, and its state is lost with the next restart.

roots ──fields──► everything that is kept
sessions' exports ──behind gates──► objects of the vat ──not among those──► loose
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from remit.durable._portrait import Portraits
from remit.vat import Ref, Vat

if TYPE_CHECKING:
    from remit.durable._keeper import DurableKeeper

__all__ = ["Loose", "behind_gates", "loose", "never_kept"]


class Loose:
    """One such object. `kind`: of its class; `peers`: the designators of those who hold it; `remedy`: who should hold it."""

    __slots__ = ("kind", "peers", "remedy")

    def __init__(self, kind: str, peers: list[str], remedy: str) -> None:
        self.kind = kind
        self.peers = peers
        self.remedy = remedy

    def __str__(self) -> str:
        who = ", ".join(peer[:8] for peer in self.peers)
        return f"an object of kind {self.kind} is exported (to {who}), and no root reaches it: {self.remedy}"

    def __repr__(self) -> str:
        return f"<loose {self.kind}>"


def loose(
    vat: Vat, keeper: DurableKeeper, roots: Mapping[str, Ref[Any]], exported: Iterable[tuple[str, Ref[Any]]]
) -> list[Loose]:
    """The exported objects of this vat that no root reaches, each once, with where their makers stand."""
    peers = _holders(vat, exported)
    paths = _paths(vat, roots) if peers else {}
    return [_loose(ref, holders, keeper, paths.get) for ref, holders in peers.items() if ref not in paths]


def never_kept(vat: Vat, keeper: DurableKeeper, exported: Iterable[tuple[str, Ref[Any]]]) -> list[Loose]:
    """Those of them that never were durable; without a look at the others."""

    def place(ref: Ref[Any]) -> str | None:
        id = keeper.id_of(ref)
        return None if id is None else f"object {id}"

    peers = _holders(vat, exported)
    return [_loose(ref, holders, keeper, place) for ref, holders in peers.items() if keeper.id_of(ref) is None]


def _holders(vat: Vat, exported: Iterable[tuple[str, Ref[Any]]]) -> dict[Ref[Any], list[str]]:
    """Objects of this vat, behind whatever gates, and who has them."""
    peers: dict[Ref[Any], list[str]] = {}
    for peer, ref in exported:
        found = behind_gates(ref)
        # The right to settle a promise and the like are never kept, and nobody expects them to be.
        if found._vat is vat and found._link is None and not found._at._remit_.passing:
            holders = peers.setdefault(found, [])
            if peer not in holders:
                holders.append(peer)
    return peers


def behind_gates(ref: Ref[Any]) -> Ref[Any]:
    """The object to which all gates in front of it pass messages on."""
    behind = ref._behind()
    while behind is not None:
        ref, behind = behind, behind._behind()
    return ref


def _paths(vat: Vat, roots: Mapping[str, Ref[Any]]) -> dict[Ref[Any], str]:
    """Every object that a root reaches, with the way to it."""
    paths = {ref: f"root {name!r}" for name, ref in roots.items()}
    queue, found = list(paths), list[Ref[Any]]()

    def note(ref: Ref[Any]) -> int:
        found.append(ref)
        return 0

    portraits = Portraits(vat, note)
    while queue:
        ref = queue.pop()
        for name in ref._at._remit_.fields:
            found.clear()
            for _ in portraits.rows(name, getattr(ref._at, name)):
                pass
            for each in found:
                if each not in paths:
                    paths[each] = f"{paths[ref]}.{name}"
                    queue.append(each)
    return paths


def _loose(ref: Ref[Any], holders: list[str], keeper: DurableKeeper, place: Callable[[Ref[Any]], str | None]) -> Loose:
    return Loose(ref._at._remit_.kind, holders, _remedy(ref, keeper, place))


def _remedy(ref: Ref[Any], keeper: DurableKeeper, place: Callable[[Ref[Any]], str | None]) -> str:
    """Who should hold it; `place` tells where an object stands that is kept."""
    id = keeper.id_of(ref)
    if id is not None:
        return f"it was kept as object {id}, but no field holds it any more: let one hold it again, or take it back from them"
    maker = keeper.maker(ref)
    if maker is None:
        return "let an object that is kept hold it in a field"
    kind, where = maker._at._remit_.kind, place(maker)
    if where is None:
        return f"an object of kind {kind} made it, which is not kept either: hold both in fields"
    return f"{where}, of kind {kind}, made it and should hold it in a field"
