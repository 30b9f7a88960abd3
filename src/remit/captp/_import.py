"""One reference of the peer's, held weakly. A module of its own, since a class that derives from a weak reference stays Python's."""

from __future__ import annotations

import weakref
from typing import Any

from remit.vat import Ref


class Import(weakref.ref[Ref[Any]]):
    """One position of the peer's that we hold a reference to."""

    __slots__ = ("count", "position")

    position: int
    count: int
