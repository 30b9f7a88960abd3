"""What the boss tells in pages, put together again."""

from __future__ import annotations

from typing import Any

from remit.vat import Ref

__all__ = ["every_machine", "whole_status"]


async def every_machine(boss: Ref[Any]) -> list[dict[str, Any]]:
    """All machines, each as in `remit status --json`."""
    found: list[dict[str, Any]] = []
    while page := await boss.list_machines(found[-1]["name"] if found else ""):
        found += page
    return found


async def whole_status(boss: Ref[Any]) -> dict[str, Any]:
    """All of the boss's status. A boss of before has no pages."""
    seen: dict[str, Any] = await boss.status()
    while seen.get("next"):
        page = await boss.status(seen["next"])
        for name, rows in page.items():
            seen[name] = [*seen[name], *rows] if isinstance(rows, list) else rows
    seen.pop("next", None)
    return seen
