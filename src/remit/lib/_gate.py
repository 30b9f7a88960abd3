"""Gates: objects that stand before another and pass messages on, at no turn's cost.

    message ──► GateRef ──► queue, as a Crossing ──run──► gate._onward(message) ──► the target's own turn, at once
                                                     └──raises──► the result promise breaks

A gate has no messages of its own, or it would hide the target's: every selector goes through. A Crossing takes the place
in the queue that the message had, and a near target's turn runs in that place, so order is kept and no turn is added.
`_onward` runs between turns: it may look at committed state, and change none. The same gate reached by `call` goes through `__call__`,
which the vat uses for selectors that a class does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from remit.errors import Misuse, NotNear
from remit.lib._attenuation import FREE, Attenuation
from remit.lib._enforce import Bound, Buckets, check_message, check_rate, check_time, check_uses
from remit.vat import PENDING, Failed, Handler, Message, Promise, Ref, Vat, actor_type, final


class Gate(Protocol):
    """What a gate's behaviour has."""

    target: Ref[Any]

    def _onward(self, message: Message) -> Message:
        """The message that goes on to the target instead; raises what breaks it."""

    def _severed_by(self, gate: Ref[Any]) -> tuple[Any, Any] | None:
        """As a reference's `_lifeline`; `gate` is the gate's own."""


class BoundRef(Ref[Any]):
    """A reference with what is not part of its object's lasting state: how much of each rate is left, and what was checked."""

    __slots__ = ("_buckets", "_checked", "_given")

    def __init__(self, vat: Vat, at: Any) -> None:
        super().__init__(vat, at)
        self._buckets = Buckets()
        self._given = self._checked = FREE

    def _attenuation(self) -> Attenuation:
        """The attenuation in force, in normal form; whoever spawned the object may have given it any."""
        given = self._at.attenuation
        if given is not self._given:
            self._checked = given.checked()
            self._given = given
        return self._checked


class GateRef(BoundRef):
    """The reference of a gate."""

    __slots__ = ()

    def _route(self, message: Message, sender: Vat | None) -> None:
        if message.only_arrives:
            super()._route(message, sender)
            return
        crossing = Crossing(
            self, message.selector, message.args, message.kwargs, message.promise, message.context, message.foreign
        )
        super()._route(crossing, sender)

    def _behind(self) -> Ref[Any] | None:
        found: Ref[Any] = self._at.target
        return found

    def _lifeline(self) -> tuple[Any, Any] | None:
        found: tuple[Any, Any] | None = self._at._severed_by(self)
        return found


class Crossing(Message):
    """A message that waits before a gate."""

    __slots__ = ()

    def run(self, vat: Vat) -> None:
        """Let it through, or break its promise."""
        try:
            onward = self.target._at._onward(self)
        except Exception as error:  # noqa: BLE001  # whatever keeps it from passing is its answer
            self.fail(vat._explain(error, self), vat)
            return
        target = onward.target
        if target._vat is vat and target._link is None and not isinstance(target, GateRef):
            vat._deliver(onward)
        else:
            target._route(onward, vat)


class Spend(Handler):
    """A turn that counts one use of a bound object, before the message goes on: a failed call has used it, too."""

    __slots__ = ()

    def __init__(self, bound: Ref[Any], message: Message) -> None:
        super().__init__(bound._vat, bound, message.context, self._count, None)

    def outcome(self) -> tuple[Callable[[Any], Any] | None, Any]:
        """There is nothing to wait for."""
        return self.fulfilled, None

    def _count(self, nothing: None) -> None:  # the shape of a handler
        self.target._at.used += 1


def seat(cls: type, base: type[Ref[Any]]) -> None:
    """Have the references of an `@actor` class derive from `base`, too."""
    kind = actor_type(cls)
    kind.ref_class = type(
        kind.ref_class.__name__, (base, kind.ref_class), {"__slots__": (), "__module__": cls.__module__}
    )


def admit(bound: BoundRef, target: Ref[Any], message: Message, *, root: bool) -> None:
    """Apply the attenuation that this bound object holds to a message, and count it."""
    attenuation = bound._attenuation()
    if attenuation is FREE:
        return
    state: Bound = bound._at
    check_time(attenuation, state.clock)
    check_message(attenuation, state.rules, target, message.selector, message.args, message.kwargs, root=root)
    check_uses(attenuation, state.used)
    check_rate(attenuation, state.clock, bound._buckets)
    if attenuation.count is not None:
        spend = Spend(bound, message)
        bound._vat._handle(spend)
        outcome: Any = spend.result._value
        if isinstance(outcome, Failed):
            raise outcome.error


def admit_call(
    bound: BoundRef,
    target: Ref[Any],
    selector: str | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    root: bool,
) -> None:
    """The same for an immediate call, inside the caller's turn."""
    attenuation = bound._attenuation()
    state: Bound = bound._at
    if attenuation.count is not None:
        raise NotNear("the uses of this reference are counted, and a call that is undone would not be: send instead")
    check_time(attenuation, state.clock)
    check_message(attenuation, state.rules, target, selector, args, kwargs, root=root)
    check_rate(attenuation, state.clock, bound._buckets)


def settled_target(target: Ref[Any]) -> Ref[Any]:
    """What stands behind a gate: a promise is looked through; one without a result would let later messages overtake earlier ones."""
    if not isinstance(target, Promise):
        return target
    value = final(target)._value
    if isinstance(value, Failed):
        raise value.error.copy()
    if value is PENDING or not isinstance(value, Ref):
        raise Misuse("what is to be attenuated or revocable must be a reference, not a promise: await it first")
    return value
