"""Doing what a plan says: the intent is noted before each effect, and the end after it.

A run that is cut short anywhere, even by SIGKILL, leaves a ledger that says what was begun. The next plan finds what is done already, since every
step may be asked again, and goes on with the rest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from remit.errors import Broken, Conflict, ProviderError
from remit.graph._actual import Known
from remit.graph._model import Link, Node, below
from remit.graph._steps import Plan, Step
from remit.values import record

__all__ = ["Done", "Journal", "Late", "Ledger", "World", "apply", "check_same"]


@record("remit.graph.done")
class Done:
    """What came of a step: what the thing is called where it is, and why it is not finished yet, "" if it is. What is late is kept where it
    has to be done, and needs nobody here.
    """

    name: str = ""
    late: str = ""


@record("remit.graph.late")
class Late:
    """A step that is not finished: `again` says whether somebody has to apply the plan again for it."""

    key: str
    why: str
    again: bool = False


Outcome = Done | Broken | ProviderError
Work = Callable[[], Awaitable[Outcome]]


class World(Protocol):
    """Where plans are applied. Every step may be asked again, after a crash or a lost answer, and is not done twice."""

    async def do(self, step: Step) -> Done:
        """Do it. Raises `Broken` or `ProviderError` where it cannot be done now; what is asked for is then asked again by the next run."""

    async def together(self, works: Sequence[Work]) -> Sequence[Outcome]:
        """Do all of these, at the same time as far as that is good; what came of each, in their order. What one raises ends the others, and is raised."""

    async def alive(self) -> bool:
        """Whether it can be asked at all: if not, no other step is tried."""

    async def settle(self) -> Sequence[Late]:
        """Wait, within bounds, for what was asked for and comes by itself; gives what has not come."""


class Journal(Protocol):
    """A ledger whose lock is held. All of it is on disk when a method returns. Raises `Conflict` where the lock has been lost."""

    def begin(self, plan: Plan) -> None:
        """A plan is to be applied. `Conflict` unless its `serial` is the ledger's. What an older run has left open stays open."""

    def intent(self, step: Step) -> None:
        """This step is going to be done."""

    def done(self, step: Step, name: str) -> None:
        """It is done: in one transaction the serial rises, `step.was` goes, `step.key` is `step.after` under this name (or goes, where that is None), and
        the intent is closed. An empty name leaves the known one.
        """

    def finish(self) -> None:
        """All steps are done: nothing is open any more."""


class Ledger(Protocol):
    """The kept state of one project's plans."""

    def known(self) -> Known:
        """What it knows; needs no lock."""

    def locked(self, purpose: str = "", steal: str = "") -> AbstractContextManager[Journal]:
        """Hold the lock, with a heartbeat. `Conflict` names who has it, for what and since when; `steal` is the id of that lock as it was shown."""

    def close(self) -> None:
        """Let go of the file."""


Tell = Callable[[Step, str], Any]


def check_same(shown: Plan, now: Plan) -> None:
    """Refuse a plan that was shown, and is not what would be planned now. Says which of its grounds has moved. What others do beside it does
    not matter.
    """
    if shown.but(foreign=now.foreign, orphans=now.orphans, notes=now.notes) == now:
        return
    moved = [
        text
        for name, text in (
            ("project", "it is of another project"),
            ("digest", "what is declared has changed"),
            ("serial", "another plan was applied"),
            ("observed", "what there is has changed"),
        )
        if getattr(shown, name) != getattr(now, name)
    ]
    raise Conflict(
        f"this plan is out of date: {', and '.join(moved) or 'another version made it'}. Nothing was done; plan again"
    )


async def apply(plan: Plan, journal: Journal, world: World, tell: Tell | None = None) -> list[Late]:
    """Do a plan's steps in their order; gives what is not finished.

    A step that cannot be done now leaves those undone that count on it, and the others go on. `tell` hears of each step "begun", "done", or
    why it is late. Raises `Conflict` for a plan that violates a policy, or that the ledger has moved past, and
    what the world says when it cannot be asked any more.
    """
    if plan.violations:
        raise Conflict(f"this plan is refused: {plan.violations[0].text}")
    journal.begin(plan)
    tell = tell or _silent
    late: list[Late] = []
    failed: list[Step] = []
    for batch in _batches(plan.steps):
        ready: list[Step] = []
        for step in batch:
            blocker = next((each for each in failed if _counts_on(step, each)), None)
            if blocker is None:
                ready.append(step)
            else:
                late.append(Late(step.key, f"waits for {blocker.key}", again=True))
                failed.append(step)
        outcomes = await world.together([_work(step, journal, world, tell) for step in ready])
        for step, outcome in zip(ready, outcomes, strict=True):
            if isinstance(outcome, Exception):
                if not await world.alive():
                    outcome.add_note("What was done is noted, and what was begun; run the same again to go on")
                    raise outcome
                failed.append(step)
                late.append(Late(step.key, _words(outcome), again=True))
            elif outcome.late:
                late.append(Late(step.key, outcome.late))
    late += await world.settle()
    if not failed:
        journal.finish()
    return late


def _work(step: Step, journal: Journal, world: World, tell: Tell) -> Work:
    """One step, to be begun later: what came of it, or why it cannot be done now."""

    async def work() -> Outcome:
        journal.intent(step)
        tell(step, "begun")
        try:
            done = await world.do(step)
        except (Broken, ProviderError) as error:
            tell(step, _words(error))
            return error
        journal.done(step, done.name)
        tell(step, done.late or "done")
        return done

    return work


def _batches(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Steps of one sort that follow each other and do not count on each other: they may be done at the same time."""
    batch: list[Step] = []
    ids: set[str] = set()
    touched: set[str] = set()
    for step in steps:
        near = _near(step.part)
        alike = batch and step.action != "move" and _sort(step) == _sort(batch[0])
        if batch and (not alike or near & ids or step.part.id in touched):
            yield batch
            batch, ids, touched = [], set(), set()
        batch.append(step)
        ids.add(step.part.id)
        touched |= near
    if batch:
        yield batch


def _sort(step: Step) -> tuple[str, type, str]:
    return step.action, type(step.part), step.part.kind


def _near(part: Node | Link) -> set[str]:
    """The ids of nodes that a node stands on; a link and another one have nothing to do with each other."""
    if isinstance(part, Link):
        return {part.id}
    names = part.id.split("/")
    return {*part.needs, *("/".join(names[: n + 1]) for n in range(len(names)))}


def _silent(_step: Step, _what: str) -> None:
    pass


def _words(error: Exception) -> str:
    return error.message if isinstance(error, Broken) else str(error)


def _counts_on(step: Step, failed: Step) -> bool:
    """Whether a step has to wait for one that could not be done: it is about the same thing, or about what needs that."""
    if failed.key in (step.key, step.was):
        return True
    if failed.action == "remove":  # what it stands on cannot go before it
        return step.action == "remove" and _stands_on(failed.before, step.part)
    return _stands_on(step.part, failed.part)


def _stands_on(one: Node | Link | None, other: Node | Link) -> bool:
    if isinstance(one, Node):
        return isinstance(other, Node) and (other.id in one.needs or below(one.id, other.id))
    return isinstance(one, Link) and isinstance(other, Node) and other.id in (one.grantee, one.service)
