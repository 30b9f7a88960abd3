"""Workers: what runs by itself, in a persona of its own."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from remit.app._component import Component
from remit.errors import BadArgument

__all__ = ["RESTARTS", "Worker"]

RESTARTS: Final = ("never", "on-failure", "always")


class Worker(Component):
    """Something that runs by itself: derive from it, and write `async def run(self)`.

    It starts when what it was given is ready. `restart` says what happens when `run` ends: `on-failure` starts it again where it raised an error, `always` whenever it ends, `never` leaves it;
    it is started again after 1 s, which doubles up to 10 s while it fails soon. It may have `async def health(self)`, which raises an error while something is wrong.
    """

    kind = "worker"
    restart: ClassVar[str] = "on-failure"

    async def run(self) -> None:
        """What it does; when this returns, it is done."""
        raise NotImplementedError(f"{type(self).__name__} does nothing: write async def run(self)")

    async def health(self) -> None:
        """Raises an error while it is not well."""

    def check(self) -> None:
        if self.restart not in RESTARTS:
            raise BadArgument(f"{self._declaration}: restart is one of {', '.join(RESTARTS)}, not {self.restart!r}")

    def spec(self) -> dict[str, Any]:
        return {"restart": self.restart, "runs": True}
