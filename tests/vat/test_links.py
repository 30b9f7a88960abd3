"""Far references and promises leave through a link, after the commit. (docs/design.md, section 3; docs/shapes.md, vat)"""

from __future__ import annotations

from typing import Any

import pytest

from remit.errors import Broken, LinkLost, NotNear
from remit.vat import Failed, Far, Promise, Ref, Vat, actor, call, off_sever, on, on_sever, resolved, send, tell
from tests.vat.kit import FakeLink, Log, broken, pending, run, settle


@actor(kind="tests.sender")
class Sender:
    far: Any
    log: Ref[Log] | None = None
    note: str = "none"

    def send(self, fail: bool = False) -> Any:
        answer = self.far.work(1, k=2)
        if fail:
            raise ValueError("no")
        return answer

    def pipeline(self) -> Any:
        return self.far.a().b().c()

    async def wait(self) -> Any:
        self.note = "waiting"
        self.note = await self.far.work()
        return self.note

    async def wait_ref(self) -> bool:
        return await self.far is self.far

    def tell_it(self) -> None:
        tell(self.far).note("x")

    def call_it(self) -> None:
        call(self.far).work()

    def watch(self, handler: Ref[Any], fail: bool = False) -> None:
        on_sever(self.far, handler)
        if fail:
            raise ValueError("no")

    def unwatch(self, handler: Ref[Any]) -> None:
        off_sever(self.far, handler)

    def get(self) -> Any:
        return self.far

    def put(self, far: Any) -> None:
        self.far = far

    def when(self) -> Any:
        return on(self.far.work(), lambda value: ["got", value], lambda error: ["broke", error.kind])


def sender() -> tuple[Vat, FakeLink, Ref[Sender]]:
    vat, link = Vat(), FakeLink()
    return vat, link, vat.spawn(Sender, Far(vat, 7, link), vat.spawn(Log))


def test_a_message_leaves_after_the_commit() -> None:
    """The link gets handle and message when the turn has ended; nothing from a turn that raises."""
    vat, link, it = sender()
    answer = it.send()
    assert link.sent == []
    run(vat)
    ((handle, message),) = link.sent
    assert (handle, message.selector, message.args, message.kwargs) == (7, "work", (1,), {"k": 2})
    assert pending(answer)
    link.answer("done")
    assert settle(answer) == "done"
    broken(it.send(fail=True))
    assert len(link.sent) == 1


def test_a_message_from_outside_leaves_at_once() -> None:
    """Ordinary code that sends to a far reference is in no turn, so there is nothing to wait for."""
    _, link, it = sender()
    far = it._at.far
    answer = far.work()
    assert link.selectors == ["work"]
    link.answer(5)
    assert resolved(answer) == 5


def test_tell_promises_nothing() -> None:
    """A message of `tell` carries no promise to answer."""
    vat, link, it = sender()
    tell(it).tell_it()
    run(vat)
    assert link.sent[0][1].promise is None


def test_messages_follow_a_promise_through_its_link() -> None:
    """A remote promise takes messages at once: they go ahead by its link, in order, and later ones to what it became."""
    vat, link = Vat(), FakeLink()
    remote: Promise[Any] = Promise(vat, 3, link)
    it = vat.spawn(Sender, remote)
    tell(it).tell_it()
    answer = it.send()
    run(vat)
    assert [(handle, message.selector) for handle, message in link.sent] == [(3, "note"), (3, "work")]
    link.answer("early")
    assert settle(answer) == "early"
    near = vat.spawn(Log)
    remote._link = None
    remote._settle(near, None)
    settle(it.put(remote))
    settle(remote.add("late"), vat)
    assert near._at.entries == ["late"]
    assert len(link.sent) == 2


def test_pipelined_calls_wait_where_they_must() -> None:
    """Without a linked promise, messages to a result wait for it here, and then go where it is."""
    vat, link, it = sender()
    answer = it.pipeline()
    run(vat)
    assert link.selectors == ["a"]
    other = Far(vat, 8, link)
    link.answer(other)
    assert link.selectors == ["a", "b"]
    assert link.sent[1][0] == 8
    link.answer(Failed(LinkLost("cut")))
    assert isinstance(broken(answer), LinkLost)


def test_waiting_listens() -> None:
    """Whoever waits for a remote promise makes its link listen for the result."""
    vat, link = Vat(), FakeLink()
    remote: Promise[Any] = Promise(vat, 3, link)
    it = vat.spawn(Sender, remote)
    waiting = it.when()
    run(vat)
    assert link.heard == []  # the answer to `work` is no promise of the link's
    heard = it.get()
    run(vat)

    class Outside:
        def settled(self, promise: Promise[Any]) -> None:
            seen.append(resolved(promise))

    seen: list[Any] = []
    heard._wait(Outside())
    assert link.heard == [remote]
    link.answer("worked")
    assert settle(waiting) == ["got", "worked"]
    remote._settle("result", None)
    assert seen == ["result"]


def test_await_and_errors_of_a_link() -> None:
    """A suspended method goes on with the answer of a link, or with the error that cut it off."""
    vat, link, it = sender()
    one = it.wait()
    run(vat)
    assert it._at.note == "waiting"
    link.answer("answered")
    assert settle(one) == "answered"
    two = it.wait()
    run(vat)
    link.answer(Failed(LinkLost("cut off")))
    assert isinstance(broken(two), LinkLost)
    assert it._at.note == "waiting"
    assert settle(it.wait_ref()) is True
    three = it.when()
    run(vat)
    link.answer(Failed(LinkLost("cut off")))
    assert settle(three) == ["broke", "LinkLost"]


def test_a_far_reference_is_not_near() -> None:
    """`call` refuses what leaves the vat."""
    vat, _, it = sender()
    assert broken(it.call_it()).kind == "NotNear"
    with pytest.raises(Exception, match="inside a turn"):
        call(it._at.far).work()
    assert issubclass(NotNear, Exception)
    assert vat.stopped is None


def test_sever_wishes_leave_with_the_turn() -> None:
    """`on_sever` and `off_sever` reach the link after the commit; a near object has no link to lose."""
    vat, link, it = sender()
    handler = it._at.log
    broken(it.watch(handler, fail=True))
    assert link.wishes == []
    settle(it.watch(handler))
    settle(it.unwatch(handler))
    assert link.wishes == [("on", 7, handler), ("off", 7, handler)]
    settle(it.put(handler))
    settle(it.watch(handler))
    assert len(link.wishes) == 2
    settle(it.put(Far(vat, 9, link)))
    settle(it.put(it.get()))
    settle(it.watch(handler))
    assert link.wishes[-1] == ("on", 9, handler)


def test_a_link_that_fails_breaks_its_message_only() -> None:
    """A fault in one link breaks the promise of the message it was given, and keeps nothing else from leaving."""
    vat, link = Vat(), FakeLink()

    class Faulty(FakeLink):
        def deliver(self, handle: Any, message: Any) -> None:
            raise RuntimeError("fault")

    @actor(kind="tests.both")
    class Both:
        def go(self, bad: Any, good: Any) -> Any:
            answer = bad.work()
            good.work()
            return answer

    answer = vat.spawn(Both).go(Far(vat, 1, Faulty()), Far(vat, 2, link))
    assert broken(answer).message == "fault"
    assert link.selectors == ["work"]


def test_a_link_may_stop_the_vat() -> None:
    """If what leaves first stops the vat, what the same turn sends after it breaks like everything queued."""
    vat = Vat()

    class Deadly(FakeLink):
        def deliver(self, handle: Any, message: Any) -> None:
            vat.stop(LinkLost("stopped by the link"))

    @actor(kind="tests.sends-both")
    class SendsBoth:
        answer: Any = None

        def go(self, deadly: Any, log: Ref[Log]) -> None:
            tell(deadly).work()
            self.answer = log.add("never")

    it, log = vat.spawn(SendsBoth), vat.spawn(Log)
    tell(it).go(Far(vat, 1, Deadly()), log)
    vat.run()
    assert broken(it._at.answer).message == "stopped by the link"
    assert log._at.entries == []


def test_one_waiter_that_fails_does_not_silence_the_others() -> None:
    """A fault of something that waits on a promise keeps nobody behind it from hearing."""
    vat = Vat()
    log = vat.spawn(Log)
    it: Promise[Any] = Promise(vat)

    class Faulty:
        def settled(self, promise: Promise[Any]) -> None:
            raise RuntimeError("fault")

    it._wait(Faulty())
    tell(it).add("heard")
    it._settle(log, None)
    assert settle(log.read()) == ["heard"]


def test_names_that_are_not_pythons_leave_as_they_are() -> None:
    """A selector is a string: the far side decides what it means."""
    vat, link, it = sender()
    send(it._at.far, "deposit-gift", 1)
    assert link.selectors == ["deposit-gift"]
    assert isinstance(it._at.far, Far)
    assert vat.name in repr(vat)
    assert "far ref" in repr(it._at.far)


def test_broken_answers_keep_their_cause() -> None:
    """A far answer that broke gives its cause to each later use."""
    vat, link, it = sender()
    answer = it.send()
    run(vat)
    link.answer(Failed(Broken("theirs", kind="Remote", id="there.1")))
    error = broken(answer.more())
    assert (error.kind, error.message, error.id) == ("Remote", "theirs", "there.1")
