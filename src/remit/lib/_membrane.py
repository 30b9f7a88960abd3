"""Membranes: a reference that can be taken back, together with everything that was reached through it.

A membrane has two sides, *inside* (the provider's) and *outside* (the grantee's). Each reference that passes, in arguments, results or
promises, is exchanged for a `Proxy` on the other side, and for the original when it goes home. A message to a proxy
crosses in its own place in the queue (see `_gate.py`), so that order is kept and a call through a membrane takes as many turns as without.
"""

from __future__ import annotations

from typing import Any, cast
from weakref import WeakValueDictionary

from remit.errors import Broken, Conflict, Revoked
from remit.lib._attenuation import FREE, Attenuation, narrow
from remit.lib._crossing import Answer, Cut, Passage, Watch, exchanged
from remit.lib._enforce import check_clock, check_time, split
from remit.lib._gate import BoundRef, GateRef, admit, admit_call, seat, settled_target
from remit.lib._rules import Rules
from remit.vat import Message, Promise, Ref, Vat, actor, call_now, current, final, post, reads, spawn, this


class MembraneRef(BoundRef):
    """The reference of a membrane, with what passes it now and the proxies that are alive.

    `_proxies` and `_passages` lead from an object or promise to what stands for it on the inside [0] and the outside [1], while somebody
    holds that. None of this lasts over a restart: calls in flight break, and proxies are made anew.
    """

    __slots__ = ("_passages", "_proxies", "_waiting", "_watches")

    def __init__(self, vat: Vat, at: Membrane) -> None:
        super().__init__(vat, at)
        self._waiting: set[Answer] = set()
        self._watches: dict[tuple[Any, Any], Any] = {}
        self._proxies: tuple[WeakValueDictionary[Any, Any], ...] = (WeakValueDictionary(), WeakValueDictionary())
        self._passages: tuple[WeakValueDictionary[Any, Any], ...] = (WeakValueDictionary(), WeakValueDictionary())

    def _crossed(self, value: Any, outward: bool) -> Any:
        """The value as the other side gets it: the outside if `outward`."""
        return exchanged(value, self._outward if outward else self._inward)

    def _outward(self, ref: Ref[Any]) -> Ref[Any]:
        return self._exchange(ref, True)

    def _inward(self, ref: Ref[Any]) -> Ref[Any]:
        return self._exchange(ref, False)

    def _exchange(self, ref: Ref[Any], outward: bool) -> Ref[Any]:
        if isinstance(ref, Promise):
            here = final(ref)
            if not isinstance(here._value, Ref):
                return self._promise(here, outward)
            ref = here._value
        at: Any = ref._at
        if type(at) is Proxy and at.membrane is self:
            return ref if at.outward is outward else at.target
        if outward and self._is_root(ref):
            return cast("Ref[Any]", self._at.way)
        alive = self._proxies[outward]
        proxy: Ref[Any] | None = alive.get(ref)
        if proxy is None:
            alive[ref] = proxy = self._vat.adopt(Proxy(self, ref, outward))
        return proxy

    def _is_root(self, target: Ref[Any]) -> bool:
        """Whether this is what the membrane was made for: whichever way it is reached, it is attenuated as the root.

        Where a gate stands before the object, the object comes back without it.
        """
        way = self._at.way
        behind = None if way is None else way._at.target
        while behind is not None and behind is not target:
            behind = behind._at.target if isinstance(behind, GateRef) else None
        return behind is not None

    def _promise(self, promise: Promise[Any], outward: bool) -> Promise[Any]:
        if isinstance(promise, Passage) and promise._border is self:
            return promise if promise._outward is outward else promise._origin
        alive = self._passages[outward]
        passage: Promise[Any] | None = alive.get(promise)
        if passage is None:
            alive[promise] = passage = Passage(self, promise, outward)
            promise._wait(Answer(self, passage, outward))
        return passage

    def on_sever(self, proxy: Ref[Any], handler: Ref[Any]) -> None:
        """Tell the handler once when the proxy's target is cut off: by a lost link or by a revocation."""
        if (proxy, handler) in self._watches:
            return
        watch = self._watches[proxy, handler] = self._vat.adopt(Watch(self, proxy, handler))
        lifeline = proxy._at.target._lifeline()
        if self._at.reason is not None:
            post(watch, None, (self._at._revoked(),), {})
        elif lifeline is not None:
            lifeline[0].on_sever(lifeline[1], watch)

    def off_sever(self, proxy: Ref[Any], handler: Ref[Any]) -> None:
        """Forget an `on_sever`."""
        watch = self._watches.pop((proxy, handler), None)
        lifeline = proxy._at.target._lifeline()
        if watch is not None and lifeline is not None:
            lifeline[0].off_sever(lifeline[1], watch)


@actor(kind="remit.membrane", version=1)
class Membrane:
    """One revocable way in to `target`: held by the provider, who hands out `root()` and keeps the membrane, the right to revoke.

    The attenuation's methods and prefix hold for the root, the rest for everything reached through it: read-only for each object, count
    and rate for all messages from outside together, until for messages both ways. `clock` tells the time (see `read_clock`); `rules` speaks
    for far objects. All of it is fields, and so lasts in a durable vat; a restart breaks what was in flight.
    """

    target: Ref[Any]
    attenuation: Attenuation = FREE
    clock: Ref[Any] | None = None
    rules: Rules | None = None
    used: int = 0
    reason: str | None = None
    way: Ref[Any] | None = None

    def root(self) -> Ref[Any]:
        """The reference for the grantee; the same each time."""
        if self.way is None:
            here = cast("MembraneRef", this())
            target = settled_target(self.target)
            self.way = spawn(Proxy, here, target, True)
        return self.way

    def revoke(self, reason: str = "") -> None:
        """Take back every reference that was obtained through the membrane, at once, calls in flight included.

        All of them break with `Revoked` and this reason. Nobody else's code runs for it. A second revocation changes nothing.
        """
        if self.reason is None:
            self.reason = reason
            current("revoke").effects.append(Cut(cast("MembraneRef", this()), self._revoked()))

    def narrow(self, attenuation: Attenuation) -> None:
        """From now on let through only what this attenuation passes as well."""
        if self.reason is not None:
            raise Conflict("a revoked membrane cannot be narrowed")
        narrower = narrow(self.attenuation, attenuation)
        check_clock(narrower, self.clock)
        self.attenuation = narrower

    @reads
    def state(self) -> dict[str, Any]:
        """What it lets through and what became of it: attenuation, used, revoked, reason."""
        revoked = self.reason is not None
        return {"attenuation": self.attenuation, "used": self.used, "revoked": revoked, "reason": self.reason or ""}

    def _live(self, border: MembraneRef) -> None:
        """Raise what every message breaks with, if nothing passes any more."""
        if self.reason is not None:
            raise self._revoked()
        check_time(border._attenuation(), self.clock)

    def _revoked(self) -> Broken:
        return Revoked(f"this reference was taken back by its owner{': ' + self.reason if self.reason else ''}")


@actor(kind="remit.proxy", version=1)
class Proxy:
    """What stands on one side of a membrane (the outside if `outward`) for `target` on the other."""

    membrane: Ref[Membrane]
    target: Ref[Any]
    outward: bool

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        border = cast("MembraneRef", self.membrane)
        border._at._live(border)
        selector, args = split(None, args)
        if self.outward:
            admit_call(border, self.target, selector, args, kwargs, root=border._is_root(self.target))
        given = tuple(border._crossed(list(args), not self.outward))
        result = call_now(self.target, selector, given, border._crossed(kwargs, not self.outward))
        return border._crossed(result, self.outward)

    def _onward(self, message: Message) -> Message:
        border = cast("MembraneRef", self.membrane)
        border._at._live(border)
        selector, args = split(message.selector, message.args)
        onward = Message(self.target, selector, args, message.kwargs, None, message.context, message.foreign)
        if self.outward:
            admit(border, self.target, onward, root=border._is_root(self.target))
        if args:
            onward.args = tuple([border._crossed(arg, not self.outward) for arg in args])
        if message.kwargs:
            onward.kwargs = border._crossed(message.kwargs, not self.outward)
        if message.promise is not None:
            onward.promise = Promise(border._vat)
            onward.promise._wait(Answer(border, message.promise, self.outward))
        return onward

    def _severed_by(self, gate: Ref[Any]) -> tuple[Any, Any]:
        return self.membrane, gate


seat(Membrane, MembraneRef)
seat(Proxy, GateRef)


def membrane(
    target: Ref[Any], attenuation: Attenuation = FREE, clock: Ref[Any] | None = None, rules: Rules | None = None
) -> Ref[Membrane]:
    """A new membrane around `target`; inside a turn. Raises `BadArgument` for an attenuation that makes no sense here."""
    checked = attenuation.checked()
    check_clock(checked, clock)
    return spawn(Membrane, settled_target(target), checked, clock, rules)
