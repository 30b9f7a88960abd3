"""Attenuated capabilities: an entity behind caveats, which may be taken back and may expire.

    source ──turn(events)──► AttenuatedWay ──the bodies that pass──► a door of its own ──► the entity

Bodies of assertions and messages go through the caveats, and so do subscriptions, which are assertions. Retractions and syncs pass. What is revoked
or expired lets nothing through, and what was asserted by way of it is withdrawn. (Syndicate Protocol, Capability attenuation.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from remit.dataspace.syndicate._caveats import NOTHING, Filter
from remit.dataspace.syndicate._door import Door
from remit.dataspace.syndicate._entity import EntityLink, Way
from remit.errors import Broken, Expired, NoSuchMethod, Revoked
from remit.values import preserves
from remit.vat import Context, Message, Ref, Vat

__all__ = ["Alarm", "Attenuation", "attenuated", "revocable"]


class Alarm(Protocol):
    """The time, for capabilities that expire; given by a driver."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def call_at(self, time: float, call: Callable[[], None]) -> Any:
        """Call it at this time, or soon if that has passed; what is given back may be kept and has `cancel()`."""


def attenuated(ref: Ref[Any], caveats: list[Any], *, vat: Vat | None = None, alarm: Alarm | None = None) -> Ref[Any]:
    """The entity behind caveats, for good or until an `<until …>` among them, which needs `alarm`.

    Raises `BadArgument` for malformed caveats. `vat` waits for what the entity answers; it is the reference's own by default.
    """
    return Attenuation(ref, caveats, vat=vat, alarm=alarm).way


def revocable(
    ref: Ref[Any], caveats: list[Any] | None = None, *, vat: Vat | None = None, alarm: Alarm | None = None
) -> tuple[Ref[Any], Ref[Any]]:
    """The entity behind caveats, and a reference whose `revoke(reason)` takes it back from everybody who holds it."""
    attenuation = Attenuation(ref, caveats or [], vat=vat, alarm=alarm)
    return attenuation.way, attenuation.control


class Attenuation(EntityLink):
    """One attenuated capability: all ways through it. It lives while somebody holds a way, and ends early by `revoke`."""

    def __init__(
        self, target: Ref[Any], caveats: list[Any], *, vat: Vat | None = None, alarm: Alarm | None = None
    ) -> None:
        super().__init__(target._vat if vat is None else vat)
        self.filter = Filter(caveats, timed=alarm is not None)
        self.target = target
        self.cause: Broken | None = None
        self.ended: Callable[[Broken], None] | None = None  # who gave it hears of its end
        self._alarm = alarm
        self._ways: set[AttenuatedWay] = set()  # those by which something was said
        self._further: WeakKeyDictionary[Ref[Any], dict[bytes, Ref[Any]]] = WeakKeyDictionary()
        self._timer: Any = None
        self.way = self.reference(AttenuatedWay(self))
        self.control = self.reference(Control(self))
        if alarm is not None and self.filter.expires is not None:
            self._timer = alarm.call_at(self.filter.expires, self._expire)

    def deliver(self, handle: Any, message: Message) -> None:
        if isinstance(handle, Control):
            handle.take(message)
        else:
            super().deliver(handle, message)

    def over(self) -> Broken | None:
        expires = self.filter.expires
        if self.cause is None and self._alarm is not None and expires is not None and self._alarm.now() >= expires:
            self._expire()
        return self.cause

    def _expire(self) -> None:
        self.end(
            Expired(
                f"this capability was given until {self.filter.expires:.0f} (seconds since the epoch); ask for a new one"
            )
        )

    def revoke(self, reason: str = "") -> None:
        """Let nothing through any more, and withdraw what was asserted."""
        self.end(Revoked(reason or "this capability was taken back"))

    def end(self, cause: Broken) -> None:
        """The same for any cause; the first one counts."""
        if self.cause is not None:
            return
        self.cause = cause
        if self._timer is not None:
            self._timer.cancel()
        ways, self._ways = self._ways, set()
        for way in ways:
            way.close()
        self.tell_severed(cause)
        if self.ended is not None:
            self.ended(cause)

    def attenuate(self, ref: Ref[Any], caveats: list[Any]) -> Ref[Any]:
        """A reference in what passes, attenuated by a template; the same for the same caveats, so that what is told twice is one."""
        made = self._further.setdefault(ref, {})
        name = preserves.canonical(caveats, embedded=id)
        if name not in made:
            made[name] = attenuated(ref, caveats, vat=self.vat, alarm=self._alarm)
        return made[name]

    def note(self, way: AttenuatedWay) -> None:
        """This way has to be closed at the end."""
        self._ways.add(way)

    def forget(self, way: AttenuatedWay) -> None:
        """It is closed."""
        self._ways.discard(way)

    def __repr__(self) -> str:
        return f"<attenuation of {self.target!r} by {len(self.filter.caveats)} caveats>"


class AttenuatedWay(Way):
    """One source's way through an attenuation, by a door of its own into the entity."""

    __slots__ = ("_attenuation", "_door", "_live")

    def __init__(self, attenuation: Attenuation, name: str = "") -> None:
        self._attenuation = attenuation
        self._door = Door(attenuation.vat, attenuation.target, name)
        self._live: set[int] = set()

    def turn(self, events: list[Any], context: Context) -> None:
        """Send on what passes."""
        attenuation = self._attenuation
        if attenuation.over() is not None:
            return
        passed = [event for event in map(self._pass, events) if event is not None]
        if passed:
            attenuation.note(self)
            self._door.turn(passed, context)

    def _pass(self, event: list[Any]) -> list[Any] | None:
        kind = event[0]
        if kind == "sync":
            return event
        if kind == "retract":
            if event[1] not in self._live:
                return None
            self._live.discard(event[1])
            return event
        body = self._attenuation.filter.apply(event[-1], self._attenuation.attenuate)
        if body is NOTHING:
            return None
        if kind == "assert":
            self._live.add(event[1])
        return [*event[:-1], body]

    def open(self, name: str) -> Ref[Any]:
        """A way for another source."""
        cause = self._attenuation.over()
        if cause is not None:
            raise cause.copy()
        return self._attenuation.reference(AttenuatedWay(self._attenuation, name))

    def close(self) -> None:
        """Withdraw what was asserted."""
        live, self._live = self._live, set()
        self._door.close(sorted(live))
        self._attenuation.forget(self)


class Control(Way):
    """Stands behind the reference that takes an attenuated capability back."""

    __slots__ = ("_attenuation",)

    def __init__(self, attenuation: Attenuation) -> None:
        self._attenuation = attenuation

    def take(self, message: Message) -> None:
        """`revoke(reason="")`."""
        reason = message.args[0] if message.args else (message.kwargs or {}).get("reason", "")
        if message.selector != "revoke" or type(reason) is not str:
            raise NoSuchMethod("an attenuation's control answers revoke(reason) only")
        self._attenuation.revoke(reason)
        if message.promise is not None:
            message.promise._settle(None, None)
