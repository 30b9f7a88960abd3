"""Renames: the same thing under another id, before anything is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remit.errors import BadArgument, Conflict
from remit.graph._actual import Seen
from remit.graph._model import Link, Node, below
from remit.graph._steps import Kind, Step

__all__ = ["moves", "renamed"]


def renamed(part: Node | Link, old: str, new: str) -> Node | Link:
    """The part, with every id that is `old` or below it leading to `new` instead."""
    if isinstance(part, Node):
        return part.but(id=_moved(part.id, old, new), needs=sorted(_moved(need, old, new) for need in part.needs))
    ends = {name: _moved(getattr(part, name), old, new) for name in ("id", "grantee", "service")}
    return part.but(**ends)


def _moved(id: str, old: str, new: str) -> str:
    return f"{new}{id[len(old) :]}" if below(id, old) else id


def moves(
    pairs: Sequence[Sequence[str]], last: dict[str, Node | Link], seen: dict[str, Seen], kinds: Mapping[str, Kind]
) -> list[Step]:
    """The steps of all renames that are still to be done; `last` and `seen` are changed to what there is after them.

    A rename is done when the ledger has nothing under the old id, so that it can stay declared. What is below, and the links
    at it, come along: their steps only note it.
    """
    steps: list[Step] = []
    for old, new in pairs:
        tops = [key for key, part in last.items() if part.id == old]
        if not tops:
            continue
        for key in tops:
            _refuse_elsewhere(last[key], new, kinds)
            _refuse_taken(f"{last[key].kind} {new}", last, seen, key)
        for key, part in sorted(last.items(), key=lambda item: item[0] not in tops):
            made = renamed(part, old, new)
            if made != part:
                top = key in tops
                name = seen[key].name if key in seen else ""
                why = "" if top else f"with {old}"
                steps.append(Step(0, "move", made.key, part, made, why, name=name, was=key))
                del last[key]
                last[made.key] = made
        _carry(seen, old, new)
    return steps


def _refuse_elsewhere(part: Node | Link, new: str, kinds: Mapping[str, Kind]) -> None:
    """A link at another holder is another authority; and some nodes cannot be taken from where they are."""
    stays = isinstance(part, Link) or kinds.get(part.kind, Kind(part.kind)).stays
    if stays and part.id.rpartition("/")[0] != new.rpartition("/")[0]:
        raise BadArgument(f"moved: {part.key} cannot become {new}: only its last name can change")


def _refuse_taken(key: str, last: Mapping[str, object], seen: Mapping[str, Seen], old: str) -> None:
    if key in last or (key in seen and old in seen):
        raise Conflict(
            f"{old} cannot be moved to {key}: there is one already; choose another name, or remove that first"
        )


def _carry(seen: dict[str, Seen], old: str, new: str) -> None:
    """What is observed moves too, others' links at it included."""
    for key, thing in list(seen.items()):
        made = renamed(thing.what, old, new)
        if made != thing.what:
            del seen[key]
            seen[made.key] = thing.__replace__(what=made)  # type: ignore[attr-defined]  # @record adds it
