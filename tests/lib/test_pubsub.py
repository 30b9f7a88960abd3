"""Publishers and tickers."""

from __future__ import annotations

from typing import Any

from remit.errors import Unreachable
from remit.lib import Cell, Membrane, Publisher, Ticker
from remit.vat import Far, Vat, actor, tell
from tests.lib.objects import outcome


@actor(kind="test.listener", version=1)
class Listener:
    heard: list[Any] = []
    until: int = 1000

    def __call__(self, *what: Any, **named: Any) -> None:
        self.tick(*what, *named.values())
        if len(self.heard) >= self.until:
            raise ValueError("enough")

    def tick(self, *what: Any) -> bool:
        self.heard.append(list(what))
        return len(self.heard) < self.until


class Line:
    """A link to somebody who never answers."""

    def __init__(self) -> None:
        self.handlers: list[Any] = []

    def deliver(self, handle: Any, message: Any) -> None:
        """Nothing comes back."""

    def on_sever(self, handle: Any, handler: Any) -> None:
        self.handlers.append(handler)

    def off_sever(self, handle: Any, handler: Any) -> None:
        self.handlers.remove(handler)


def test_subscribers_hear_what_is_published_in_order() -> None:
    """Everything from their subscription to its end, once even if subscribed twice."""
    vat = Vat()
    publisher, first, second = vat.spawn(Publisher), vat.spawn(Listener), vat.spawn(Listener)
    publisher.subscribe(first), publisher.subscribe(first)
    assert outcome(vat, publisher.publish("a", more=1)) == 1
    publisher.subscribe(second)
    publisher.publish("b"), publisher.publish("c")
    publisher.unsubscribe(first)
    assert outcome(vat, publisher.publish("d")) == 1
    assert list(first._at.heard) == [["a", 1], ["b"], ["c"]] and list(second._at.heard) == [["b"], ["c"], ["d"]]


def test_a_subscriber_that_breaks_is_dropped() -> None:
    """One that raises, or whose reference is dead, is told no more; the others are."""
    vat = Vat()
    publisher, good, bad, dead = (
        vat.spawn(Publisher),
        vat.spawn(Listener),
        vat.spawn(Listener, [], 1),
        vat.spawn(Listener),
    )
    made = vat.spawn(Membrane, dead)
    for subscriber in (bad, outcome(vat, made.root()), good):
        publisher.subscribe(subscriber)
    assert outcome(vat, publisher.publish(1)) == 3
    tell(made).revoke()
    outcome(vat, publisher.publish(2))
    assert outcome(vat, publisher.publish(3)) == 1
    assert [len(each._at.heard) for each in (good, bad, dead)] == [3, 0, 1]


def test_a_subscriber_whose_link_is_lost_is_dropped() -> None:
    """Without waiting for the next publication; who left before is watched no more."""
    vat, line = Vat(), Line()
    publisher, far = vat.spawn(Publisher), Far(vat, 1, line)
    outcome(vat, publisher.subscribe(far))
    assert outcome(vat, publisher.size()) == 1
    tell(line.handlers[0])(Unreachable("lost"))
    vat.run()
    assert outcome(vat, publisher.size()) == 0
    line.handlers.clear()
    outcome(vat, publisher.subscribe(far))
    outcome(vat, publisher.unsubscribe(far))
    assert line.handlers == []


def test_a_ticker_ticks_its_members_until_they_leave() -> None:
    """Those that joined before, in order; one that answers False or breaks has left."""
    vat = Vat()
    ticker, (first, second, third) = vat.spawn(Ticker), [vat.spawn(Listener, [], until) for until in (9, 2, 9)]
    for member in (first, second):
        ticker.join(member)
    assert outcome(vat, ticker.tick(0.1)) == 2
    ticker.join(third), ticker.join(third)
    assert outcome(vat, ticker.tick(0.2)) == 3
    assert outcome(vat, ticker.tick(0.3)) == 2
    outcome(vat, ticker.leave(third))
    outcome(vat, ticker.join(vat.spawn(Cell)))
    assert outcome(vat, ticker.tick(0.4)) == 2 and outcome(vat, ticker.size()) == 1
    assert [len(each._at.heard) for each in (first, second, third)] == [4, 2, 2]
