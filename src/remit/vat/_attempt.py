"""Part of a turn that may fail by itself: what handlers of several conversations in one turn need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remit.vat._active import current
from remit.vat._outcome import Failed

__all__ = ["attempt"]


def attempt(where: Callable[[], str] | str, function: Callable[..., Any], *args: Any) -> Any:
    """Run a function inside the current turn, under a savepoint; what it returns, or a `Failed`.

    If it raises, what it has changed and sent is undone, the vat's recorder is told once, with `where` (or what that gives), and the turn goes on.
    """
    turn = current("attempt")
    outer = turn.nest()
    mark, target, context = len(turn.calls), turn.target, turn.context
    try:
        value = function(*args)
    except BaseException as error:  # as for a turn of its own
        turn.undo()
        del turn.calls[mark:]
        turn.unnest(outer)
        turn.target, turn.context = target, context
        if not isinstance(error, Exception):
            raise
        return Failed(turn.vat._explain(error, where if isinstance(where, str) else where()))
    turn.unnest(outer)
    turn.target, turn.context = target, context
    return value
