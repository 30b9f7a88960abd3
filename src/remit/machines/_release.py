"""Which version an agent is, as it tells its boss: in the one short text that neighbouring versions of Remit pass on as it is.

    "1 0.1.0 0123456789abcdef"      what hob and boss say to each other, Remit's version, the parcel's digest (its beginning)

Older agents say the first word only, and an agent that runs out of no parcel has no third one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final, NamedTuple

from remit.machines._parcel import running_parcel

__all__ = ["Release", "own_release"]

PROTOCOL: Final = "1"
"""Of what hob and boss say to each other."""
_MOST: Final = 16  # characters of a version


class Release(NamedTuple):
    """One agent's version. `parcel` is the beginning of a digest; "" where it runs as installed, or does not say."""

    protocol: str
    version: str = ""
    parcel: str = ""

    @classmethod
    def parse(cls, text: str) -> Release:
        """Read what an agent has said; it may have said anything."""
        return cls(*[*text.split(), "", "", ""][:3])

    def text(self) -> str:
        """What an agent says."""
        return " ".join(each for each in self if each)


def own_release() -> str:
    """What this process says of itself, if it is an agent."""
    running = running_parcel()
    if running is not None:
        return Release(PROTOCOL, running.version[:_MOST] or "0", running.short).text()
    return Release(PROTOCOL, _installed()[:_MOST]).text()


def _installed() -> str:
    """The version that is installed, by the name of its notes: `importlib.metadata` would take longer than the rest of an agent's start."""
    for place in sys.path:
        for path in Path(place or ".").glob("remit-*.dist-info"):
            return path.name.removeprefix("remit-").removesuffix(".dist-info")
    return ""
