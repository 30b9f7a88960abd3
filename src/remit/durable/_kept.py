"""One durable object, held weakly. A module of its own, since a class that derives from a weak reference stays Python's."""

from __future__ import annotations

import weakref
from typing import Any

from remit.vat import Ref


class KeptRef(weakref.ref[Ref[Any]]):
    """A durable object's reference, and its id."""

    __slots__ = ("id",)

    id: int
