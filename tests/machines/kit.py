"""What the contract of providers asks of each sort of them: a kit, by which it gets providers and looks at what they leave."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from remit.machines import Provider


class Died(Exception):
    """The boss's process was killed just now: nothing more comes of what it was doing."""


class Kit:
    """Providers of one sort on one place. Their machines merely run; `table` says how a real boss gets one whose machines enrol."""

    name = ""
    shared = True
    """Whether providers of several owners see the same machines, so that they have to be told apart."""
    follows = True
    """Whether its machines are told where their boss is when they are started; else their boss needs a port of its own."""
    sees = True
    """Whether it sees how a machine is, and not only whether it was made."""
    seconds = 20.0
    """What one conversation with it may take."""
    moments: tuple[float, ...] = (0.0, 0.3)
    """Seconds after the wish for a machine at which a real boss is killed."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.ids: list[str] = []  # of machines that a real boss made: what is left of them is looked for, too

    @staticmethod
    def lacks() -> str:
        """What this machine lacks to run it, "" if nothing: then its tests are skipped with this reason."""
        return ""

    def provider(self, owner: str = "boss") -> Provider:
        """A provider for this owner, as a boss's process makes it when it starts."""
        raise NotImplementedError

    def dying(self, at: int) -> AbstractContextManager[Provider]:
        """The same for the owner "boss", and it raises `Died` before it changes anything outside for the `at`th time, and ever after."""
        raise NotImplementedError

    def settle(self) -> None:
        """Wait until what a provider that died has started is as far as it comes by itself."""

    def table(self) -> dict[str, Any] | None:
        """The provider's table in remit.toml, None where machines do not enrol."""
        return None

    def kill(self, id: str) -> None:
        """End a machine from outside, without asking its provider."""
        raise NotImplementedError

    def visible(self, id: str) -> str:
        """All that others of this host can look at: arguments, environments, logs, what the provider's tools show."""
        return ""

    def log(self, id: str) -> str:
        """What a machine's agent has said, for whoever looks into a failure."""
        return ""

    def leftovers(self) -> Sequence[str]:
        """What is there still of machines that have been destroyed."""
        return []

    def sweep(self) -> None:
        """End everything, whatever a test did."""
        for owner in ("boss", "other"):
            asyncio.run(self._sweep(self.provider(owner)))

    async def _sweep(self, provider: Provider) -> None:
        for each in await provider.list():
            await provider.destroy(each.id)


def read(path: str) -> str:
    try:
        return Path(path).read_bytes().decode(errors="replace").replace("\0", " ")
    except OSError:
        return ""
