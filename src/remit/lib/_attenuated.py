"""A reference that passes only what an attenuation allows."""

from __future__ import annotations

from typing import Any, cast

from remit.lib._attenuation import FREE, Attenuation
from remit.lib._enforce import check_clock, split
from remit.lib._gate import GateRef, admit, admit_call, seat, settled_target
from remit.lib._rules import Rules
from remit.vat import Message, Ref, actor, call_now, spawn, this


@actor(kind="remit.attenuated", version=1)
class Attenuated:
    """Forwards what its attenuation allows to its target, and breaks the rest with `NotAllowed` or `Expired`.

    Whoever spawned it decides who gets it; it ends when nobody holds it. Results are the target's own: where the target hands out
    references to others, use a `Membrane`, which attenuates those as well and can be revoked.
    `clock` tells the time for `until` and `rate` (see `read_clock`), `rules` speaks for a far target. `used` counts uses.
    """

    target: Ref[Any]
    attenuation: Attenuation = FREE
    clock: Ref[Any] | None = None
    rules: Rules | None = None
    used: int = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        selector, args = split(None, args)
        target = settled_target(self.target)
        admit_call(cast("GateRef", this()), target, selector, args, kwargs, root=True)
        return call_now(target, selector, args, kwargs)

    def _onward(self, message: Message) -> Message:
        target = settled_target(self.target)
        selector, args = split(message.selector, message.args)
        onward = Message(target, selector, args, message.kwargs, message.promise, message.context, message.foreign)
        admit(cast("GateRef", message.target), target, onward, root=True)
        return onward

    def _severed_by(self, gate: Ref[Any]) -> tuple[Any, Any] | None:  # a gate without a life of its own
        return settled_target(self.target)._lifeline()


seat(Attenuated, GateRef)


def attenuated(
    target: Ref[Any], attenuation: Attenuation, clock: Ref[Any] | None = None, rules: Rules | None = None
) -> Ref[Any]:
    """A new reference to `target`, narrowed; inside a turn. Raises `BadArgument` for an attenuation that makes no sense here."""
    checked = attenuation.checked()
    check_clock(checked, clock)
    return spawn(Attenuated, settled_target(target), checked, clock, rules)
