"""Where an object sits: what a call between two objects of one vat needs of the one that it is sent to.

A reference has `__getattr__`, and CPython 3.11 looks up every attribute of such an object the slow way. So a call asks its reference once,
for the seat, and takes the rest from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from remit.vat._method import Method
    from remit.vat._vat import Vat


class Seat:
    """An object's place in its vat. Owned by the object's reference, which is the only one to change it.

    `vat` is None where calls may not go straight to the queue: then the reference itself brings them on their way.
    """

    __slots__ = ("behaviour", "named", "vat")

    def __init__(self, vat: Vat | None, behaviour: Any) -> None:
        self.vat = vat
        self.named: dict[str, Method] = {}
        if vat is not None:
            self.take(behaviour)

    def take(self, behaviour: Any) -> None:
        """From the next message on, the object is this."""
        self.behaviour = behaviour
        self.named = behaviour._remit_.named


NOWHERE: Final = Seat(None, None)
"""The seat of every reference that is not of an object, or that stands before one."""
