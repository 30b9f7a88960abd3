"""A reference whose target can be switched, and the right to switch it."""

from __future__ import annotations

from typing import Any

from remit.lib._enforce import split
from remit.lib._gate import GateRef, seat, settled_target
from remit.vat import Message, Ref, actor, call_now, reads, spawn


@actor(kind="remit.switch", version=1)
class Switch:
    """The right to say what a swappable reference stands for."""

    target: Ref[Any]

    def set(self, target: Ref[Any]) -> None:
        """Messages that are processed from now on go to this object; what was passed on before is not called back."""
        self.target = settled_target(target)

    @reads
    def get(self) -> Ref[Any]:
        """What it stands for now."""
        return self.target


@actor(kind="remit.swappable", version=1)
class Swappable:
    """Passes every message on to what its switch says. As a gate it costs no turn; see `_gate.py`."""

    switch: Ref[Switch]

    @property
    def target(self) -> Ref[Any]:
        """What it stands for now."""
        return settled_target(self.switch._at.target)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        selector, args = split(None, args)
        return call_now(self.target, selector, args, kwargs)

    def _onward(self, message: Message) -> Message:
        args, kwargs = message.args, message.kwargs
        return Message(self.target, message.selector, args, kwargs, message.promise, message.context, message.foreign)

    def _severed_by(self, gate: Ref[Any]) -> tuple[Any, Any] | None:  # a gate without a life of its own
        return self.target._lifeline()


seat(Swappable, GateRef)


def swappable(target: Ref[Any]) -> tuple[Ref[Any], Ref[Switch]]:
    """A new reference that stands for `target`, and the right to switch it; inside a turn."""
    switch = spawn(Switch, settled_target(target))
    return spawn(Swappable, switch), switch
