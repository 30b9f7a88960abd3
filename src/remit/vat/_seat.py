"""Where an object sits: what a call needs of the reference that it is sent to.

A reference has `__getattr__`, and CPython 3.11 looks up every attribute of such an object the slow way. So a call asks its reference once,
for the seat, and takes the rest from there. `Root` is what a compiled build reads of references without any search; `Pledge` (`_pledge.py`)
the same of promises. The classes of references derive from these two, and stay interpreted: they are held weakly and have every name, which
mypyc has no way to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit._native import mypyc_attr

if TYPE_CHECKING:
    from remit.vat._link import Link
    from remit.vat._method import Method
    from remit.vat._vat import Vat


class Seat:
    """An object's place in its vat. Owned by the object's reference, which is the only one to change it.

    `vat` is None where calls may not go straight to the queue: then the reference itself brings them on their way. `kept` belongs to the vat's
    keeper: the number under which it keeps the object, 0 if it does not.
    """

    __slots__ = ("behaviour", "kept", "named", "vat")

    def __init__(self, vat: Vat | None, behaviour: Any, named: dict[str, Method]) -> None:
        self.vat = vat
        self.behaviour = behaviour
        self.named = named
        self.kept = 0


NOWHERE: Final = Seat(None, None, {})
"""The seat of every reference that is not of an object, or that stands before one."""
AWAY: Final = Seat(None, None, {})
"""The seat of a reference that does nothing but leave through its link."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Root:
    """What every reference has."""

    __slots__ = ("_at", "_link", "_seat", "_vat")

    _vat: Vat
    _link: Link | None
    _at: Any  # near: the behaviour, which `become` replaces; far: the link's handle
    _seat: Seat  # for calls in one vat
