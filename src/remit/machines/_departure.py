"""The device `departure` of a machine's vat: an operator on the machine itself has it leave its boss."""

from __future__ import annotations

from typing import Any

from remit.errors import Unreachable
from remit.vat import Ref

__all__ = ["Departure"]


class Departure:
    """Owned by the agent, which attaches the hob before it answers anybody."""

    def __init__(self) -> None:
        self._hob: Ref[Any] | None = None

    def attach(self, hob: Ref[Any]) -> None:
        """The hob that leaves."""
        self._hob = hob

    async def ask(self, keep: bool) -> None:
        """Ask the boss to let this machine go, now or after an answer that was lost. What it does then ends this agent."""
        if self._hob is None:
            raise Unreachable("this machine's agent is only just starting: try again")
        await self._hob.leave(keep)
