"""How something ended, where a failure is to be noted before it is raised."""

from __future__ import annotations

from typing import Any

from remit.errors import Broken

__all__ = ["outcome_of"]


async def outcome_of(work: Any) -> Broken | None:
    """Wait for it; what it broke with, or None."""
    try:
        await work
    except Broken as error:
        return error
    return None
