"""The object that does nothing."""

from __future__ import annotations

from typing import Any

from remit.vat import actor

__all__ = ["Inert"]


@actor(kind="remit.syndicate.inert")
class Inert:
    """What a peer gets for an object that is not there, or that it may not have. (Syndicate Protocol, Membranes.)"""

    def turn(self, events: list[Any]) -> None:
        """Nothing happens."""
