"""Hearing in asyncio code that a link was lost."""

from __future__ import annotations

import asyncio
from typing import Any

from remit.vat import Ref, actor, on_sever

__all__ = ["Bell", "Watch"]


class Bell:
    """A device that rings when it is called: the handler of an `on_sever`, or told by an object. Waited for by one task."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def __call__(self, cause: Any = None) -> None:
        self._event.set()

    def ring(self) -> None:
        """The same, by name."""
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Whether it rang within this time; it can be rung again afterwards."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        finally:
            self._event.clear()
        return True


@actor(kind="remit.machines.watch", version=1)
class Watch:
    """Has a bell rung when a reference's link is lost. Not kept: asked again after a restart."""

    bell: Ref[Any]

    def over(self, ref: Ref[Any]) -> None:
        """Ring when this link is lost, or at once if it is."""
        on_sever(ref, self.bell)
