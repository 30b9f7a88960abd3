"""How values pass a membrane: every reference in them is exchanged, and promises wait on one side for those of the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from remit.errors import Broken, NotAllowed, Refused
from remit.lib._gate import GateRef, seat
from remit.values import Reference, SturdyRef, Tagged
from remit.vat import Failed, Message, Promise, Vat, actor, final, post

_ATOMS: Final = frozenset({type(None), bool, int, float, str, bytes})


class Border(Protocol):
    """What a membrane's reference gives to what waits at it."""

    _vat: Vat
    _waiting: set[Answer]
    _watches: dict[tuple[Any, Any], Any]

    def _crossed(self, value: Any, outward: bool) -> Any: ...


class Passage(Promise[Any]):
    """A promise that stands on one side of a membrane for a promise (`_origin`) of the other."""

    __slots__ = ("_border", "_origin", "_outward")

    def __init__(self, border: Border, origin: Promise[Any], outward: bool) -> None:
        super().__init__(border._vat)
        self._border = border
        self._origin = origin
        self._outward = outward


class Answer:
    """Waits for a promise on one side, to settle one on the other; a revocation settles it first.

    The border holds it until then, so that also a promise that nobody can settle any more breaks when the membrane is revoked.
    """

    __slots__ = ("border", "other", "outward")

    def __init__(self, border: Border, other: Promise[Any], outward: bool) -> None:
        self.border = border
        self.other = other
        self.outward = outward
        border._waiting.add(self)

    def settled(self, promise: Promise[Any]) -> None:
        """The result is there: hand it over, unless the membrane was revoked meanwhile."""
        border = self.border
        if self not in border._waiting:
            return
        border._waiting.discard(self)
        value: Any = final(promise)._value
        try:
            if not isinstance(value, Failed):
                value = border._crossed(value, self.outward)
            elif value.reason is not value.error:
                value = Failed(value.error, border._crossed(value.reason, self.outward))
        except Exception as error:  # noqa: BLE001  # what may not pass breaks the answer
            value = Failed(border._vat._explain(error, repr(border)))
        self.other._settle(value, border._vat)


@actor(kind="remit.watch", version=1)
class Watch:
    """What `on_sever` of a proxy asked for: passes on the first of a lost link and a revocation. The border holds it until then.

    Never stored: who watches asks again after a restart.
    """

    border: Any
    proxy: Any
    handler: Any

    def _onward(self, message: Message) -> Message:
        if self.border._watches.pop((self.proxy, self.handler), None) is None:
            raise Refused("this end was told already")
        return Message(self.handler, None, message.args, message.kwargs, message.promise, message.context)

    def _severed_by(self, gate: Any) -> None:
        """A watch is near."""


class Cut:
    """The effect of a revocation: whatever waits at the border breaks when the turn commits, and who watches it is told."""

    __slots__ = ("border", "error")

    def __init__(self, border: Border, error: Broken) -> None:
        self.border = border
        self.error = error

    def commit(self, vat: Vat) -> None:
        """Break what is in flight."""
        waiting, self.border._waiting = self.border._waiting, set()
        for answer in waiting:
            answer.other._settle(Failed(self.error), vat)
        for watch in list(self.border._watches.values()):
            post(watch, None, (self.error,), {})


def exchanged(value: Any, exchange: Callable[[Any], Any]) -> Any:
    """A copy of passable data in which every reference is what `exchange` makes of it."""
    kind = value.__class__
    if kind in _ATOMS:
        return value
    if isinstance(value, Reference):
        return exchange(value)
    if kind is list or kind is tuple:  # a tuple is a field of a record such as `preserves.Map`
        return [exchanged(item, exchange) for item in value]
    if kind is dict:
        return {name: exchanged(item, exchange) for name, item in value.items()}
    if kind is Tagged:
        return Tagged(value.tag, exchanged(value.value, exchange))
    if hasattr(kind, "__record_label__"):
        return value.__record_make__([exchanged(item, exchange) for item in value.__record_values__()])
    if kind is SturdyRef:
        raise NotAllowed("a sturdyref cannot pass a membrane, since it would outlive it: pass the live reference")
    return value


seat(Watch, GateRef)
