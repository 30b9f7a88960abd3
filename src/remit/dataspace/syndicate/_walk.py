"""Walking the steps of a route, from the object that a peer gives for free to the one that is wanted.

    origin ──<resolve step #:observer>──► its answer is the next step's origin … ──► reached(object)

Steps are conversations: an answer that is withdrawn takes the later steps with it, and `lost()` is told; one that comes later is walked on from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from remit.dataspace.syndicate._door import Door
from remit.dataspace.syndicate._entity import EntityLink, Way
from remit.dataspace.syndicate._records import answer_of, failed_text, resolve
from remit.dataspace.syndicate._route import step_name
from remit.dataspace.syndicate._view import labelled
from remit.errors import BadArgument, Broken, Refused
from remit.vat import ROOT, Context, Ref, Vat

__all__ = ["Passage", "Walk"]


class Passage(Protocol):
    """A step that is more than a question: `asks` is what is resolved, `enter` goes on from the answer, `leave` ends it."""

    asks: Any

    def enter(self, answer: Ref[Any], then: Callable[[Ref[Any] | Broken], None]) -> None:
        """`then` is told the next origin, or why there is none."""

    def leave(self) -> None:
        """The answer is withdrawn, or the walk is over."""


class Asking:
    """The usual step: its answer is the next origin."""

    def __init__(self, step: Any) -> None:
        self.asks = step

    def enter(self, answer: Ref[Any], then: Callable[[Ref[Any] | Broken], None]) -> None:
        """Nothing is in between."""
        then(answer)

    def leave(self) -> None:
        """Nothing was."""


class Walk(EntityLink):
    """One walk on one connection; ends by `end`. `passages` make what steps of some labels need, by label."""

    def __init__(
        self,
        vat: Vat,
        steps: tuple[Any, ...],
        *,
        reached: Callable[[Ref[Any]], None],
        lost: Callable[[], None],
        failed: Callable[[Broken], None],
        passages: dict[str, Callable[[Any], Passage]] | None = None,
    ) -> None:
        super().__init__(vat)
        self._steps = steps
        self._reached = reached
        self._lost = lost
        self._failed = failed
        self._passages = passages or {}
        self._under_way: list[Step] = []
        self._there = False

    def begin(self, origin: Ref[Any]) -> None:
        """Walk from here."""
        self.go_on(0, origin)

    def go_on(self, number: int, origin: Ref[Any]) -> None:
        """Walk from the origin of the step of this number."""
        if number == len(self._steps):
            self._there = True
            self._reached(origin)
            return
        step = self._steps[number]
        found = labelled(step)
        make = self._passages.get(str(found[0]), Asking) if found is not None else Asking
        try:
            taken = Step(self, number, origin, make(step))
        except BadArgument as error:
            self._failed(error)
            return
        self._under_way.append(taken)
        taken.begin()

    def fail(self, number: int, why: Broken) -> None:
        """This step leads nowhere, for now."""
        name = step_name(self._steps[number])
        self._failed(type(why)(f"step {number + 1} of {len(self._steps)} ({name}): {why.message}"))

    def back_to(self, number: int) -> None:
        """The answer of this step is withdrawn: what came of it is gone."""
        while len(self._under_way) > number + 1:
            self._under_way.pop().end()
        if self._there:
            self._there = False
            self._lost()

    def end(self) -> None:
        """The walk is over."""
        self._there = False
        while self._under_way:
            self._under_way.pop().end()


class Step(Way):
    """One step, while its origin is there; it is its own observer."""

    __slots__ = ("_answer", "_number", "_origin", "_passage", "_walk")

    def __init__(self, walk: Walk, number: int, origin: Ref[Any], passage: Passage) -> None:
        self._walk = walk
        self._number = number
        self._origin = Door(walk.vat, origin)
        self._passage = passage
        self._answer: int | None = None

    def begin(self) -> None:
        """Ask."""
        observer = self._walk.reference(self)
        self._origin.turn([["assert", 1, resolve(self._passage.asks, observer)]], ROOT)

    def turn(self, events: list[Any], context: Context) -> None:
        """Answers come and go."""
        for event in events:
            if event[0] == "assert" and self._answer is None:
                found = answer_of(event[2])
                if found is not None:
                    self._answer = event[1]
                    self._take(*found)
            elif event[0] == "retract" and event[1] == self._answer:
                self._answer = None
                self._passage.leave()
                self._walk.back_to(self._number)

    def _take(self, good: bool, what: Any) -> None:
        if good and isinstance(what, Ref):
            self._passage.enter(what, self._then)
        else:
            self._walk.fail(self._number, Refused(f"the gatekeeper refused it: {failed_text(what)}"))

    def _then(self, origin: Ref[Any] | Broken) -> None:
        if self._answer is None:
            return  # withdrawn meanwhile
        if isinstance(origin, Broken):
            self._walk.fail(self._number, origin)
        else:
            self._walk.go_on(self._number + 1, origin)

    def end(self) -> None:
        """Ask no more."""
        self._answer = None
        self._passage.leave()
        self._origin.close([1])

    def open(self, name: str) -> Ref[Any]:
        """There is one source, the gatekeeper."""
        return self._walk.reference(self)
