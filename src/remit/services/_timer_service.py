"""The service `timer`: timers, and times as assertions, for all who take part in a dataspace. (Syndicate Protocol, timer vocabulary)

message <set-timer label seconds relative|absolute|clear>     →  message <timer-expired label seconds>
interest in <later-than t>                                    →  asserted once the time t has passed
interest in <periodic-tick seconds>                           →  that message, each so many seconds
"""

from __future__ import annotations

from typing import Any

from remit.dataspace import bind, during, interest, message, on_message, publish, this_facet
from remit.services._modules import service
from remit.values import Symbol, key, record
from remit.vat import Ref, current, on

__all__ = ["LaterThan", "PeriodicTick", "SetTimer", "TimerExpired", "timer"]

_SHORTEST = 0.001  # seconds between ticks: a timer is no way to keep a processor busy


@record("set-timer", known=False)
class SetTimer:
    """A message: set, change or clear the timer of this label. `kind`: relative, absolute (seconds since the epoch) or clear, a symbol."""

    label: Any
    seconds: Any
    kind: Any


@record("timer-expired", known=False)
class TimerExpired:
    """The message that comes when it is due, with the seconds that were asked for."""

    label: Any
    seconds: Any


@record("later-than", known=False)
class LaterThan:
    """Asserted, as long as it is observed, once this time has passed (seconds since the epoch)."""

    seconds: Any


@record("periodic-tick", known=False)
class PeriodicTick:
    """A message each so many seconds, as long as it is observed."""

    interval: Any


@service("timer")
def timer(space: Ref[Any]) -> None:
    """See the module. Needs the device `timer` in its vat."""
    device = current("the service timer").vat.devices["timer"]
    running: dict[Any, int] = {}  # by label: which setting of it counts
    count = [0]
    whole = this_facet()

    def set_timer(label: Any, seconds: Any, kind: Any) -> None:
        count[0] += 1
        mine = running[key(label)] = count[0]
        if kind == Symbol("clear"):
            del running[key(label)]
            return
        if type(seconds) not in (int, float):
            return

        def over(_: Any) -> None:
            if whole.alive and running.get(key(label)) == mine:
                del running[key(label)]
                message(space, TimerExpired(label, seconds))

        asked = device.at(seconds) if kind == Symbol("absolute") else device.after(seconds)
        on(asked, over, lambda _: None)

    def later_than(seconds: Any) -> None:
        scope = this_facet()
        if type(seconds) in (int, float):

            def passed(_: Any) -> None:
                if scope.alive:
                    with scope:
                        publish(space, LaterThan(seconds))

            on(device.at(seconds), passed, lambda _: None)

    def tick(interval: Any) -> None:
        scope = this_facet()
        if type(interval) not in (int, float) or interval < _SHORTEST:
            return

        def again(_: Any) -> None:
            if scope.alive:
                message(space, PeriodicTick(interval))
                on(device.after(interval), again, lambda _: None)

        on(device.after(interval), again, lambda _: None)

    on_message(space, SetTimer(bind(), bind(), bind()), set_timer)
    during(space, interest(LaterThan(bind())), later_than)
    during(space, interest(PeriodicTick(bind())), tick)
