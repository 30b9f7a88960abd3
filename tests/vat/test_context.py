"""Turn records: account, trace, cause and facet pass from each message to all that it causes. (docs/design.md, section 3)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from remit.errors import Broken
from remit.vat import Context, Far, Message, Promise, Ref, Vat, actor, call, current, on, promise, send, tell
from tests.vat.kit import FakeLink, FakeStep, Log, Purse, broken, run, settle


@actor(kind="tests.worker")
class Worker:
    other: Any = None
    made: Any = None
    contexts: list[str] = []

    def meet(self, other: Any) -> None:
        self.other = other

    def note(self) -> None:
        step = current("a test").context.trace
        self.contexts.append("none" if step is None else step.trace)

    def fan(self, n: int) -> None:
        for _ in range(n):
            tell(self.other).note()

    def chain(self, left: int) -> Any:
        self.note()
        return self.other.chain(left - 1) if left else "end"

    def fail(self) -> None:
        tell(self.other).note()
        raise ValueError("no")

    def sub_fail(self) -> None:
        try:
            call(self.other).fail()
        except Broken:
            pass

    async def slow(self) -> str:
        await self.other.chain(0)
        tell(self.other).note()
        await self.other.chain(0)
        return "slow"

    async def slow_fail(self) -> None:
        await self.other.chain(0)
        raise ValueError("late")

    async def stuck(self) -> None:
        await self._open()

    def _open(self) -> Promise[Any]:
        made, self.made = promise()
        return made

    def queue_on_open(self) -> None:
        made = self._open()
        for _ in range(3):
            tell(made).note()

    def break_it(self) -> None:
        tell(self.made).break_("cut")

    def let_go(self) -> None:
        tell(self.made).fulfill(self.other)

    def when(self) -> None:
        on(self.other.chain(1), lambda _: tell(self.other).note())

    def when_open(self) -> None:
        on(self._open(), lambda _: None)

    def bad_arguments(self) -> None:
        self.other.chain()
        self.other.no_such_method()


def begin(vat: Vat, target: Ref[Any], selector: str, *args: Any, context: Context) -> Promise[Any]:
    """A message from outside, as a session makes it: it borrows from its account first."""
    answer: Promise[Any] = Promise(vat)
    message = Message(target, selector, args, None, answer, context, True)
    if context.account is not None:
        context.account.borrow()
    target._route(message, None)
    return answer


def workers() -> tuple[Vat, Ref[Worker], Ref[Worker], Purse, Context]:
    """Two workers, of which the second passes on to itself, and an account."""
    vat = Vat()
    other = vat.spawn(Worker)
    settle(other.meet(other))
    purse = Purse()
    return vat, vat.spawn(Worker, other), other, purse, Context(purse, trace=FakeStep("t1"))


@pytest.mark.parametrize(
    ("what", "args", "messages"),
    [
        ("fan", [5], 6),
        ("chain", [4], 5),
        ("fail", [], 1),
        ("sub_fail", [], 1),
        ("slow", [], 4),
        ("slow_fail", [], 2),
        ("when", [], 5),
        ("bad_arguments", [], 3),
        ("no_such_method", [], 1),
    ],
)
def test_accounts_balance(what: str, args: list[int], messages: int) -> None:
    """An account is borrowed from for every message that a cause leads to, and repaid for each: success, error, or misuse."""
    vat, it, _, purse, context = workers()
    begin(vat, it, what, *args, context=context)
    assert purse.open == 1
    run(vat)
    assert purse.open == 0
    assert purse.borrowed == messages


def test_work_is_borrowed_for_until_all_it_caused_is_done() -> None:
    """The account stays in debt while anything is queued, suspended or waiting on its behalf."""
    vat, it, _, purse, context = workers()
    begin(vat, it, "fan", 5, context=context)
    vat.run(1)
    assert purse.open == 5
    vat.run(2)
    assert purse.open == 3
    run(vat)
    assert purse.open == 0
    begin(vat, it, "stuck", context=context)
    run(vat)
    assert purse.open == 1
    tell(it).let_go()
    run(vat)
    assert purse.open == 0


@pytest.mark.parametrize("end", ["break_it", "let_go", "stop"])
@pytest.mark.parametrize("what", ["queue_on_open", "stuck", "when_open"])
def test_accounts_balance_however_waiting_ends(what: str, end: str) -> None:
    """What waits on a promise is repaid when the promise breaks, is fulfilled, or its vat stops."""
    vat, it, _, purse, context = workers()
    begin(vat, it, what, context=context)
    run(vat)
    assert purse.open == (3 if what == "queue_on_open" else 1)
    if end == "stop":
        vat.stop()
    else:
        send(it, end)
    run(vat)
    assert purse.open == 0


def test_accounts_balance_when_the_queue_is_cut() -> None:
    """Stopping a vat repays all that it had not begun."""
    vat, it, _, purse, context = workers()
    begin(vat, it, "fan", 5, context=context)
    vat.run(1)
    begin(vat, it, "slow", context=context)
    vat.stop()
    assert purse.open == 0
    assert isinstance(broken(begin(vat, it, "slow", context=context)), Broken)
    assert purse.open == 0


def test_what_leaves_by_a_link_is_repaid() -> None:
    """A message that leaves by a link is the other side's work from then on, and is repaid once, whatever the link does."""
    vat, it, _, purse, context = workers()
    link = FakeLink()
    settle(it.meet(Far(vat, 1, link)))
    begin(vat, it, "fan", 3, context=context)
    run(vat)
    assert len(link.sent) == 3
    assert purse.open == 0
    for _, message in link.sent[:]:
        message.fail(Broken("the link gave up"), None)
        Far(vat, 2, link)._route(message, None)
    assert purse.open == 0


def test_messages_between_vats_balance() -> None:
    """A message into another vat is repaid when it is done there."""
    vat, it, _, purse, context = workers()
    there = Vat("there")
    other = there.spawn(Worker)
    settle(other.meet(other))
    settle(it.meet(other))
    begin(vat, it, "chain", 3, context=context)
    vat.run()
    assert purse.open == 1
    run(vat, there)
    assert purse.open == 0
    assert purse.borrowed == 4


def test_context_is_inherited() -> None:
    """Every message caused by a message has its trace, through awaits, handlers and promises; others have their own."""
    vat, it, other, _, _ = workers()
    for trace, what in (("t1", "slow"), ("t2", "when"), ("t3", "queue_on_open")):
        begin(vat, it, what, context=Context(trace=FakeStep(trace)))
    run(vat)
    tell(it).let_go()
    run(vat)
    begin(vat, other, "note", context=Context(trace=FakeStep("t4")))
    run(vat)
    contexts = other._at.contexts
    assert {trace: contexts.count(trace) for trace in contexts} == {"t1": 3, "t2": 3, "t3": 3, "t4": 1}


class Scope:
    """A facet that notes why it stopped."""

    def __init__(self, of: Callable[[Broken], None]) -> None:
        self._of = of
        self.targets: list[Any] = []

    def failed(self, error: Broken, target: Ref[Any]) -> None:
        self.targets.append(target)
        self._of(error)


@actor(kind="tests.observer")
class Observer:
    log: Ref[Log]

    def event(self, fail: bool) -> None:
        tell(self.log).add("event")
        if fail:
            raise ValueError("event")

    async def slow_event(self) -> None:
        await self.log.read()
        tell(self.log).add("late")
        raise ValueError("late")


def event(vat: Vat, target: Ref[Any], selector: str, *args: Any, facet: Any) -> None:
    target._route(Message(target, selector, args, None, None, Context(facet=facet), True), None)
    run(vat)


def test_an_event_that_raises_stops_its_facet() -> None:
    """An event's turn has no promise to break: it is undone, and its facet hears why, once."""
    vat = Vat()
    log = vat.spawn(Log)
    it = vat.spawn(Observer, log)
    stops: list[Broken] = []
    event(vat, it, "event", False, facet=Scope(stops.append))
    assert stops == []
    event(vat, it, "event", True, facet=(scope := Scope(stops.append)))
    assert [(error.kind, error.message) for error in stops] == [("ValueError", "event")]
    assert scope.targets == [it]  # which object it was: what a turn sends is of its facet, too
    event(vat, it, "slow_event", facet=Scope(stops.append))
    assert [error.message for error in stops] == ["event", "late"]
    assert log._at.entries == ["event"]


def test_a_message_that_is_answered_does_not_stop_its_facet() -> None:
    """An error that somebody hears as an answer is that caller's business."""
    vat = Vat()
    it = vat.spawn(Observer, vat.spawn(Log))
    stops: list[Broken] = []
    answer = begin(vat, it, "event", True, context=Context(facet=Scope(stops.append)))
    assert broken(answer).message == "event"
    assert stops == []


class Slow:
    """A device that answers when the test says so."""

    def __init__(self) -> None:
        self.gates: list[Promise[Any]] = []

    async def note(self) -> None:
        await self.gates[-1]


def test_a_devices_work_is_owed_until_it_has_answered() -> None:
    """What a device does for a message is work that the message caused: done, failed, or cut short by the vat's end."""
    vat, it, _, purse, context = workers()
    slow = Slow()
    settle(it.meet(vat.device("slow", slow)))
    begin(vat, it, "fan", 3, context=context)
    run(vat)
    assert purse.open == 3
    device = vat.devices["slow"]._link
    for message in tuple(device.open)[:2]:  # type: ignore[union-attr]
        device._answer(message, None)  # type: ignore[union-attr]
    assert purse.open == 1
    vat.stop()
    assert purse.open == 0
    while vat.unstarted:
        vat.unstarted.pop().close()


def test_a_link_may_take_a_debt_over() -> None:
    """A link that keeps a message goes on owing for it, and repays once."""
    vat, it, _, purse, context = workers()

    class Keeping(FakeLink):
        def deliver(self, handle: Any, message: Message) -> None:
            super().deliver(handle, message)
            self.account = message.owe()

    link = Keeping()
    settle(it.meet(Far(vat, 1, link)))
    begin(vat, it, "fan", 1, context=context)
    run(vat)
    assert purse.open == 1
    link.sent[0][1].finish()
    assert purse.open == 1
    assert link.account is purse
