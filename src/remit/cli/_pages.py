"""What the boss tells in pages, put together again."""

from __future__ import annotations

from typing import Any

import msgspec

from remit.cli._show import json_text
from remit.vat import Ref

__all__ = ["StatusText", "every_machine", "whole_status"]


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


class StatusText:
    """All of the boss's status as JSON, put together without being looked at: of thousands of machines, that would take seconds."""

    def __init__(self) -> None:
        self._rows: dict[str, list[bytes]] = {}
        self._rest: dict[str, Any] = {}

    async def fetch(self, boss: Ref[Any], start: str | None = None) -> dict[str, Any]:
        """Take one more page; gives it. Raises `Broken` where the boss is one of before, which has no such pages."""
        page: dict[str, Any] = await boss.status(start, True)
        for name, rows in page.items():
            if isinstance(rows, bytes):
                self._rows.setdefault(name, []).extend([rows] if rows else [])
        self.add({"version": page["version"]})
        return page

    def add(self, more: dict[str, Any]) -> None:
        """Add what comes as data."""
        self._rest |= more

    def document(self) -> bytes:
        """As `show_json` would print it."""
        parts = {name: json_text(value).encode() for name, value in self._rest.items()}
        parts |= {name: b"[%b]" % b",".join(rows) for name, rows in self._rows.items()}
        whole = b",".join(b'"%b":%b' % (name.encode(), parts[name]) for name in sorted(parts))
        return msgspec.json.format(b"{%b}" % whole, indent=2) + b"\n"
