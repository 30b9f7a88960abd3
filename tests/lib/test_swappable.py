"""References whose target can be switched, and queues."""

from __future__ import annotations

from typing import Any

from remit.errors import NotAllowed
from remit.lib import Attenuation, Queue, swappable
from remit.vat import Promise, Ref, Vat, actor, call
from tests.lib.objects import Party, Table, granted, outcome


@actor(kind="test.swapper", version=1)
class Swapper:
    def make(self, target: Ref[Any]) -> Any:
        return list(swappable(target))

    def now(self, ref: Ref[Any]) -> int:
        return call(ref).note("now")


def test_messages_go_to_what_the_switch_says() -> None:
    """Everything goes to the target of the moment; the proxy itself cannot switch."""
    vat = Vat()
    swapper, first, second = vat.spawn(Swapper), vat.spawn(Party), vat.spawn(Party)
    ref, switch = outcome(vat, swapper.make(first))
    assert outcome(vat, ref.note(1)) == 1 and outcome(vat, ref.set(second)).kind == "NoSuchMethod"
    assert outcome(vat, switch.set(second)) is None and outcome(vat, switch.get()) is second
    assert outcome(vat, ref.note(2)) == 1 and outcome(vat, swapper.now(ref)) == 2
    assert list(first._at.log) == [[1]] and list(second._at.log) == [[2], ["now"]]


def test_named_arguments_pass() -> None:
    """As all of a message does, errors included."""
    vat = Vat()
    ref, _ = outcome(vat, vat.spawn(Swapper).make(vat.spawn(Table)))
    assert outcome(vat, ref.echo(1, named=2)) == [[1], {"named": 2}]
    assert outcome(vat, ref.fail()).kind == "ValueError"


def test_an_object_behind_a_switch_comes_back_as_what_was_granted() -> None:
    """Through a membrane around the switch, the target's own reference is the root, with its attenuation."""
    vat = Vat()
    ref, switch = outcome(vat, vat.spawn(Swapper).make(vat.spawn(Table)))
    _, root = granted(vat, ref, Attenuation(methods=["me"]))
    assert outcome(vat, root.me()) is root
    outcome(vat, switch.set(vat.spawn(Party)))
    assert outcome(vat, root.me()) is root and isinstance(outcome(vat, root.note(1)), NotAllowed)


def test_switching_is_in_order_with_messages() -> None:
    """Messages that were sent before the switch was reach the old target."""
    vat = Vat()
    first, second = vat.spawn(Party), vat.spawn(Table)
    ref, switch = outcome(vat, vat.spawn(Swapper).make(first))
    before = ref.note(1)
    switch.set(second)
    after = ref.size()
    assert outcome(vat, before) == 1 and outcome(vat, after) == 0


def test_a_queue_serves_first_come_first_served() -> None:
    """Items in the order given, to takers in the order in which they asked."""
    vat = Vat()
    queue = vat.spawn(Queue)
    queue.put(1), queue.put(2)
    assert outcome(vat, queue.size()) == 2
    assert [outcome(vat, queue.take()) for _ in range(2)] == [1, 2]
    waiting = [queue.take(), queue.take()]
    assert isinstance(outcome(vat, waiting[0]), Promise)
    queue.put("a"), queue.put("b"), queue.put("c")
    assert [outcome(vat, each) for each in waiting] == ["a", "b"] and outcome(vat, queue.take()) == "c"
