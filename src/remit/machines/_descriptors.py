"""How many files and sockets this process may have open."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Final

__all__ = ["allow_descriptors"]

BESIDES: Final = (
    512  # descriptors for everything but connections: strangers that shake hands, tunnels' first ones, the store
)


def allow_descriptors(connections: int, say: Callable[[str], None]) -> None:
    """Raise this process's soft limit as far as so many connections need, and say so where the hard limit does not let it."""
    needed = connections + BESIDES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < needed:
        say(
            f"{connections} connections need {needed} descriptors, and this process may have {allowed}: "
            "raise the limit (LimitNOFILE= of its unit, or ulimit -n), or set fewer connections"
        )
