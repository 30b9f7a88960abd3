"""Steps of a trace: each message that a followed one causes is a step of its own, and says how it ended. (docs/design.md, section 3)"""

from __future__ import annotations

from typing import Any

from remit.lib import membrane
from remit.vat import Context, Far, Message, Promise, Ref, Vat, actor, on, tell
from tests.vat.kit import FakeLink, FakeStep, Purse, run, settle


@actor(kind="tests.traced")
class Traced:
    other: Any = None
    got: Any = None

    def meet(self, other: Any) -> None:
        self.other = other

    def leaf(self) -> str:
        return "leaf"

    def fail(self) -> None:
        raise ValueError("no")

    def fan(self) -> None:
        tell(self.other).leaf()
        tell(self.other).fail()

    async def slow(self) -> str:
        await self.other.leaf()
        got: str = await self.other.leaf()
        return got

    def when(self) -> None:
        on(self.other.leaf(), lambda _: tell(self.other).leaf())

    def guarded(self) -> Any:
        return membrane(self.other).root()


def begin(vat: Vat, target: Ref[Any], selector: str, account: Any = None) -> list[tuple[str, ...]]:
    """A followed message from outside; what its trace has heard when all is done."""
    step = FakeStep("t")
    context = Context(account, step)
    if account is not None:
        account.borrow()
    target._route(Message(target, selector, (), None, Promise(vat), context, True), None)
    run(vat)
    return step.heard


def pair() -> tuple[Vat, Ref[Any], Ref[Any]]:
    vat = Vat()
    other = vat.spawn(Traced)
    return vat, vat.spawn(Traced, other), other


def test_each_message_is_a_step_and_says_how_it_ended() -> None:
    """What a turn sends is sent by its step; ok and broken are told once each."""
    vat, it, _ = pair()
    assert begin(vat, it, "fan") == [
        ("sent", "leaf", "t-0"),
        ("sent", "fail", "t-0"),
        ("ok", "fan", "t-0"),
        ("ok", "leaf", "t-1"),
        ("broken", "fail", "t-2"),
    ]


def test_a_method_that_awaits_ends_when_it_returns() -> None:
    """Its step lasts over all of its turns, and what each of them sends is caused by it."""
    vat, it, _ = pair()
    heard = begin(vat, it, "slow")
    assert [each[:2] for each in heard] == [
        ("sent", "leaf"),
        ("ok", "leaf"),
        ("sent", "leaf"),
        ("ok", "leaf"),
        ("ok", "slow"),
    ]
    assert {each[2] for each in heard if each[0] == "sent"} == {"t-0"}


def test_a_handler_is_a_step_of_its_own() -> None:
    """What `on` runs later is caused by the turn that asked for it."""
    vat, it, _ = pair()
    heard = begin(vat, it, "when")
    assert ("sent", "on", "t-0") in heard
    handler = next(each[2] for each in heard if each[:2] == ("ok", "on"))
    assert ("sent", "leaf", handler) in heard


def test_followed_messages_pay_as_others_do() -> None:
    """An account is borrowed from and repaid for each, followed or not."""
    vat, it, _ = pair()
    purse = Purse()
    heard = begin(vat, it, "fan", purse)
    assert len(heard) == 5
    assert (purse.open, purse.borrowed) == (0, 3)


def test_what_nobody_follows_is_no_step() -> None:
    """Without a step in its context a message tells nobody, and its sends neither."""
    _vat, it, _ = pair()
    assert settle(it.slow()) == "leaf"
    assert Context().untraced().trace is None
    traced = Context(trace=FakeStep("t"))
    assert traced.account is not None
    assert traced.repaid().trace is traced.trace
    assert traced.repaid().account is None
    assert traced.untraced().account is None


def test_a_message_through_a_membrane_is_one_step() -> None:
    """A gate passes the step on with the message: its end is the end of the turn behind it."""
    vat, it, _ = pair()
    proxy = settle(it.guarded())
    heard = begin(vat, proxy, "leaf")
    assert heard == [("ok", "leaf", "t-0")]
    assert begin(vat, proxy, "fail") == [("broken", "fail", "t-0")]


def test_a_message_that_leaves_or_stops_ends_there() -> None:
    """A link that takes a message ends its step; a vat that stops breaks it."""
    vat, it, _ = pair()
    settle(it.meet(Far(vat, 1, FakeLink())))
    assert ("ok", "leaf", "t-1") in begin(vat, it, "fan")
    step = FakeStep("s")
    it._route(Message(it, "slow", (), None, Promise(vat), Context(trace=step), True), None)
    vat.stop()
    assert step.heard == [("broken", "slow", "s-0")]


class Tool:
    """A device."""

    def leaf(self) -> None:
        """Done."""

    def fail(self) -> None:
        raise OSError(2, "gone")


def test_a_device_ends_the_step_when_it_answers() -> None:
    """Ok or broken, as the device's method did."""
    vat, it, _ = pair()
    settle(it.meet(vat.device("tool", Tool())))
    heard = begin(vat, it, "fan")
    assert [each for each in heard if each[1] == "leaf"] == [("sent", "leaf", "t-0")]
    for work in vat.unstarted:
        try:
            work.send(None)
        except StopIteration:
            pass
    vat.unstarted.clear()
    assert ("ok", "leaf", "t-1") in heard
    assert ("broken", "fail", "t-2") in heard
