"""Outlets: what stands on a machine for the object of a program, which comes and goes.

Grants outlive programs, so a grant's membrane stands around the outlet; each message goes on to whatever object the program
offers under that name at that moment, in the place in the queue that it has.
"""

from __future__ import annotations

from typing import Any

from remit.errors import Conflict, Unreachable
from remit.lib import GateRef, seat
from remit.vat import Message, Ref, actor

__all__ = ["Outlet", "Programs"]


class Programs:
    """The device `programs`: the objects that running programs offer, by name. Not kept: programs offer again when they start."""

    def __init__(self) -> None:
        self._offered: dict[str, Ref[Any]] = {}

    def put(self, name: str, ref: Ref[Any]) -> None:
        """A program offers this object now. `Conflict` while another one is there."""
        if self._offered.setdefault(name, ref) is not ref:
            raise Conflict(f"a running program offers {name!r} already: end it first, or choose another name")

    def drop(self, name: str, ref: Ref[Any] | None = None) -> bool:
        """It does so no longer (None: whichever); whether anything changed."""
        if name not in self._offered or (ref is not None and self._offered[name] is not ref):
            return False
        del self._offered[name]
        return True

    def find(self, name: str) -> Ref[Any]:
        """The object that is offered now. `Unreachable` when no program does: nothing was sent, so it can be tried again."""
        ref = self._offered.get(name)
        if ref is None:
            raise Unreachable(f"no program offers {name!r} now: it has ended, or has not started yet")
        return ref


@actor(kind="remit.machines.outlet", version=1)
class Outlet:
    """Stands for the object that a program offers as `name`. Owned by the offer's entry in the hob, ends with it."""

    name: str
    programs: Ref[Any]

    @property
    def target(self) -> Ref[Any]:
        """What is behind it now, for whoever judges messages by their receiver; the device itself if there is nothing."""
        return self._desk()._offered.get(self.name, self.programs)

    def _onward(self, message: Message) -> Message:
        target = self._desk().find(self.name)
        return Message(
            target, message.selector, message.args, message.kwargs, message.promise, message.context, message.foreign
        )

    def _severed_by(self, gate: Ref[Any]) -> tuple[Any, Any] | None:  # a gate without a life of its own
        return self.target._lifeline()

    def _desk(self) -> Programs:
        desk: Programs = self.programs._link.obj  # type: ignore[union-attr]  # a device's link has its object
        return desk


seat(Outlet, GateRef)
