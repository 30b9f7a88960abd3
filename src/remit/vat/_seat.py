"""Where an object sits: what a call between two objects of one vat needs of the one that it is sent to.

A reference has `__getattr__`, and CPython 3.11 looks up every attribute of such an object the slow way. So a call asks its reference once,
for the seat, and takes the rest from there. `Root` and `Pledge` are what a compiled build reads of references and promises without any
search. Their classes derive from these two, and stay interpreted: they are held weakly and have every name, which mypyc has no way to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit._native import mypyc_attr
from remit.vat._outcome import PENDING

if TYPE_CHECKING:
    from remit.vat._link import Link
    from remit.vat._method import Method
    from remit.vat._vat import Vat


class Seat:
    """An object's place in its vat. Owned by the object's reference, which is the only one to change it.

    `vat` is None where calls may not go straight to the queue: then the reference itself brings them on their way.
    """

    __slots__ = ("behaviour", "named", "vat")

    def __init__(self, vat: Vat | None, behaviour: Any, named: dict[str, Method]) -> None:
        self.vat = vat
        self.behaviour = behaviour
        self.named = named


NOWHERE: Final = Seat(None, None, {})
"""The seat of every reference that is not of an object, or that stands before one."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Root:
    """What every reference has."""

    __slots__ = ("_at", "_link", "_seat", "_vat")

    _vat: Vat
    _link: Link | None
    _at: Any  # near: the behaviour, which `become` replaces; far: the link's handle
    _seat: Seat  # for calls in one vat


@mypyc_attr(allow_interpreted_subclasses=True)
class Pledge(Root):
    """What every promise has besides."""

    __slots__ = ("_pending", "_value")

    _value: Any
    _pending: list[Any] | None

    def __init__(self, vat: Vat, at: Any = None, link: Link | None = None) -> None:
        self._vat = vat
        self._at = at
        self._link = link
        self._seat = NOWHERE
        self._value = PENDING
        self._pending = None
