"""What a turn has to put back where state is no field of an object: a list of steps, undone from the end.

A turn knows such state as it knows objects and containers (`remit.vat.Turn`): the first step of a turn, or of a nested call, leaves the
journal's length there, and undoing goes back to that length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from remit.vat import Turn, current

__all__ = ["Journal"]


class _Undoing:
    """How a turn restores a journal, as it restores objects by their `_remit_`."""

    __slots__ = ()

    def restore(self, journal: Journal, length: int) -> None:
        """Undo the steps after the first `length`."""
        steps = journal.steps
        while len(steps) > length:
            function, args = steps.pop()
            function(*args)


class Journal:
    """Owned by whoever has the state; `committed(vat)` of the owner is called once after each turn that changed something and ended well."""

    __slots__ = ("owner", "steps")

    _remit_: Final = _Undoing()

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.steps: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def begin(self) -> Turn:
        """The current turn, which from now on undoes what is noted. Each entry from outside begins, once."""
        turn = current("changing this")
        before = turn.before
        if self not in before:
            before[self] = len(self.steps)
            turn.effects.append(self)
        return turn

    def note(self, function: Callable[..., Any], *args: Any) -> None:
        """What undoes the step just done."""
        self.steps.append((function, args))

    def commit(self, vat: Any) -> None:
        """The turn has ended well. (An effect of the turn.)"""
        if self.steps:
            self.steps.clear()
            self.owner.committed(vat)
