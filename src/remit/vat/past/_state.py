"""What objects were: what they are now, with all that later turns have changed put back, in copies. See `_ring.py`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from remit.errors import Missing
from remit.values import Symbol, Tagged
from remit.vat._containers import MISSING, TurnDict, TurnList, TurnSet
from remit.vat._ref import Ref

if TYPE_CHECKING:
    from remit.vat.past._ring import Past, PastTurn

__all__ = ["changes_of", "fields_at", "told_turn"]

LONGEST: Final = 400
"""Characters of one text in a state."""
MOST: Final = 4000
"""Characters of one field."""
DEEPEST: Final = 8
_HIDDEN: Final = re.compile(
    r"pass(word|phrase|wd)?|secret|token|credential|cookie|swiss|private|(^|_)key$", re.IGNORECASE
)


def told_turn(past: Past, turn: PastTurn, *, changed: bool = True) -> dict[str, Any]:
    """A turn as plain data: `turn` (its number), `at`, `actor`, `method` with kinds and sizes of its arguments, `cause` and `began` (numbers of turns, or None), `sent`
    ([{"actor", "method"}]), `more` that were sent, `changed` (labels; finding them looks at every field, which `changed=False` leaves out), `error` (an id), and
    of a trace `trace`, `step` and `led`.
    """
    return {
        "turn": turn.number,
        "at": turn.at,
        "actor": "" if turn.target is None else past.label(turn.target),
        "method": turn.shape,
        "cause": turn.cause,
        "began": turn.began,
        "sent": [{"actor": past.label(ref), "method": selector} for ref, selector in turn.sent],
        "more": turn.more,
        "changed": [past.label(ref) for ref in _changed(past, turn)] if changed else [],
        "error": turn.error,
        "trace": turn.trace,
        "step": turn.step,
        "led": turn.led,
    }


def fields_at(past: Past, ref: Ref[Any], number: int) -> dict[str, str]:
    """The fields of an object as they were after the turn of this number: names, and values as text. Those whose names say that they are secret are hidden.

    Raises `Missing` for a time that the ring does not reach back to, or an object that is none of this vat's.
    """
    _check(past, number)
    behaviour = _behaviour(past, ref, number)
    known = getattr(type(behaviour), "_remit_", None)
    if known is None:
        raise Missing(f"{past.label(ref)} has no fields here: it is not an object of vat {past.vat.name}")
    texts = Texts(past, number)
    fields = texts.fields(behaviour)
    return {name: "<hidden>" if _HIDDEN.search(name) else texts.text(value, 0)[:MOST] for name, value in fields.items()}


def changes_of(past: Past, turn: PastTurn) -> list[dict[str, str]]:
    """What a turn has changed: [{"actor", "field", "before", "after"}]."""
    found: list[dict[str, str]] = []
    for ref in _changed(past, turn):
        before, after = fields_at(past, ref, turn.number - 1), fields_at(past, ref, turn.number)
        found += [
            {"actor": past.label(ref), "field": name, "before": before.get(name, ""), "after": after.get(name, "")}
            for name in sorted({*before, *after})
            if before.get(name) != after.get(name)
        ]
    return found


def _check(past: Past, number: int) -> None:
    oldest = past.ring[0].number if past.ring else 0
    if number < oldest - 1:
        raise Missing(f"turn {number} is not kept any more: the oldest that is kept is {oldest}")


def _later(past: Past, number: int) -> list[PastTurn]:
    """The turns after this one, newest first."""
    found = []
    for turn in reversed(past.ring):
        if turn.number <= number:
            break
        found.append(turn)
    return found


def _behaviour(past: Past, ref: Ref[Any], number: int) -> Any:
    behaviour = ref._at
    for turn in _later(past, number):
        behaviour = turn.before.get(ref, behaviour)
    return behaviour


def _changed(past: Past, turn: PastTurn) -> list[Ref[Any]]:
    """The objects of which a turn has changed fields, or containers in them, or the behaviour."""
    if not turn.before:
        return []
    texts = Texts(past, turn.number)
    return [
        ref
        for ref in dict.fromkeys(turn.refs)
        if ref in turn.before or texts.touches(_behaviour(past, ref, turn.number), turn)
    ]


class Texts:
    """Values as they were after one turn, as text. Made for one look."""

    def __init__(self, past: Past, number: int) -> None:
        self._past = past
        self._later = _later(past, number)

    def fields(self, behaviour: Any) -> dict[str, Any]:
        """The values of an instance's fields."""
        names: tuple[str, ...] = behaviour._remit_.fields
        values = tuple(getattr(behaviour, name, None) for name in names)
        for turn in self._later:
            values = turn.before.get(behaviour, values)
        return dict(zip(names, values, strict=True))

    def touches(self, behaviour: Any, turn: PastTurn) -> bool:
        """Whether a turn has changed an instance, or a container that is (in) one of its fields."""
        if getattr(type(behaviour), "_remit_", None) is None:
            return False
        return behaviour in turn.before or any(
            self._inside(value, turn, 0) for value in self.fields(behaviour).values()
        )

    def _inside(self, value: Any, turn: PastTurn, depth: int) -> bool:
        if not isinstance(value, TurnDict | TurnList | TurnSet) or depth > DEEPEST:
            return False
        if value in turn.before:
            return True
        if isinstance(value, TurnSet):
            return False
        return any(
            self._inside(each, turn, depth + 1) for each in (value.values() if isinstance(value, TurnDict) else value)
        )

    def _contents(self, value: Any) -> Any:
        """A container as it was, one level of it."""
        if isinstance(value, TurnDict):
            entries = dict(value)
            for turn in self._later:
                for name, old in turn.before.get(value, {}).items():
                    if old is MISSING:
                        entries.pop(name, None)
                    else:
                        entries[name] = old
            return entries
        items: Any = list(value)
        for turn in self._later:
            old = turn.before.get(value)
            if isinstance(old, int):
                items = items[:old]
            elif old is not None:
                items = list(old)
        return items

    def text(self, value: Any, depth: int) -> str:
        """One value. Bytes are told by their number, and what hides itself stays hidden."""
        if isinstance(value, Ref):
            return self._past.label(value)
        if isinstance(value, bytes):
            return f"<{len(value)} bytes>"
        if isinstance(value, str):
            return repr(value if len(value) <= LONGEST else f"{value[:LONGEST]}…")
        if depth > DEEPEST:
            return "…"
        if isinstance(value, TurnDict | TurnList | TurnSet):
            value = self._contents(value) if not isinstance(value, TurnSet) else set(self._contents(value))
        if type(value) is Tagged:
            return f"{value.tag}({self.text(value.value, depth + 1)})"
        if isinstance(value, dict):  # in order: that of their coming is not part of the state
            parts = sorted(f"{self._name(name)}: {self._entry(name, each, depth)}" for name, each in value.items())
            return "{" + self._joined(parts, len(value)) + "}"
        if isinstance(value, list | tuple):
            return "[" + self._joined((self.text(each, depth + 1) for each in value), len(value)) + "]"
        if isinstance(value, set | frozenset):
            return "{" + self._joined(sorted(self.text(each, depth + 1) for each in value), len(value)) + "}"
        names = getattr(type(value), "__record_fields__", None)
        if names is None or getattr(_shower(type(value)), "__record_fields__", False):
            return repr(value)[:LONGEST]  # it says by itself what may be seen of it
        return self._record(value, names, depth)

    def _record(self, value: Any, names: Any, depth: int) -> str:
        inside = (f"{name}={self._entry(name, getattr(value, name), depth)}" for name in names)
        return f"{type(value).__name__}({self._joined(inside, len(names))})"

    def _entry(self, name: Any, value: Any, depth: int) -> str:
        return "<hidden>" if isinstance(name, str) and _HIDDEN.search(name) else self.text(value, depth + 1)

    @staticmethod
    def _name(name: Any) -> str:
        return (
            name.name if isinstance(name, Symbol) else f"<{len(name)} bytes>" if isinstance(name, bytes) else repr(name)
        )

    @staticmethod
    def _joined(parts: Any, count: int) -> str:
        taken: list[str] = []
        size = 0
        for part in parts:
            if size > MOST:
                taken.append(f"… ({count} in all)")
                break
            taken.append(part)
            size += len(part)
        return ", ".join(taken)


def _shower(kind: type) -> type:
    """The class that says how instances are shown."""
    return next(each for each in kind.__mro__ if "__repr__" in vars(each))
