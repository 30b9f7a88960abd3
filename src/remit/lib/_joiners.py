"""Joining promises: several in, one out. They work inside a turn and take no turns of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remit.errors import Broken, Misuse
from remit.values import passable
from remit.vat import Failed, Promise, Ref, Vat, current, final

_WAITING = object()


def all_of(*promises: Any) -> Promise[list[Any]]:
    """The list of all results, in the order of the arguments; broken with the first break. Values stand for themselves."""
    return _join(promises, _all)


def any_of(*promises: Any) -> Promise[Any]:
    """The first result; broken only when all broke, with what each said."""
    return _join(_some(promises, "any_of"), _any)


def race(*promises: Any) -> Promise[Any]:
    """What settles first, result or break."""
    return _join(_some(promises, "race"), _first)


class Join:
    """Waits for several promises from the commit on; `decide` gives the outcome once it is known, and says so with `_WAITING` until then."""

    __slots__ = ("decide", "left", "outcomes", "over", "promise", "promises")

    def __init__(self, promise: Promise[Any], promises: tuple[Any, ...], decide: Decision) -> None:
        self.promise = promise
        self.promises = promises
        self.outcomes: list[Any] = [_WAITING] * len(promises)
        self.left = len(promises)
        self.over = False
        self.decide = decide

    def commit(self, vat: Vat) -> None:
        """The turn that joined them has ended well: wait."""
        if not self.promises:
            self.promise._settle([], vat)
        for at, promise in enumerate(self.promises):
            if isinstance(promise, Promise):
                promise._wait(Slot(self, at))
            else:
                self.take(at, promise, vat)

    def take(self, at: int, outcome: Any, vat: Vat) -> None:
        """One more is settled."""
        self.outcomes[at] = outcome
        self.left -= 1
        decided = _WAITING if self.over else self.decide(self, outcome)
        if decided is not _WAITING:
            self.over = True
            self.promise._settle(decided, vat)


class Slot:
    """Waits for one of the promises."""

    __slots__ = ("at", "join")

    def __init__(self, join: Join, at: int) -> None:
        self.join = join
        self.at = at

    def settled(self, promise: Promise[Any]) -> None:
        """It is settled."""
        self.join.take(self.at, final(promise)._value, promise._vat)


def _join(promises: tuple[Any, ...], decide: Decision) -> Promise[Any]:
    turn = current("joining promises")
    made: Promise[Any] = Promise(turn.vat)
    given = tuple(each if isinstance(each, Ref) else passable(each) for each in promises)
    turn.effects.append(Join(made, given, decide))
    return made


def _some(promises: tuple[Any, ...], what: str) -> tuple[Any, ...]:
    if not promises:
        raise Misuse(f"{what} of nothing would never settle; give it a promise")
    return promises


def _all(join: Join, last: Any) -> Any:
    if isinstance(last, Failed):
        return last
    return _WAITING if join.left else passable(join.outcomes)


def _any(join: Join, last: Any) -> Any:
    if not isinstance(last, Failed):
        return last
    if join.left:
        return _WAITING
    causes = "; ".join(outcome.error.text() for outcome in join.outcomes)
    return Failed(last.error if len(join.outcomes) == 1 else Broken(f"all {len(join.outcomes)} broke: {causes}"))


def _first(join: Join, last: Any) -> Any:  # the shape of a decision
    return last


Decision = Callable[[Join, Any], Any]
