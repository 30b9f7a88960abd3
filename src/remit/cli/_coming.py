"""Waiting for a machine that comes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from remit.cli._exit import TimedOut
from remit.cli._pages import every_machine
from remit.cli._show import progress
from remit.vat import Ref

__all__ = ["active"]

POLL = 0.1  # seconds between looks while a machine comes
LOOK = 2.0  # seconds between questions to its provider meanwhile, which may have to ask far away


async def active(boss: Ref[Any], name: str, seconds: float) -> dict[str, Any]:
    """Look until the machine has come; of one that does not come, say what it waits for."""
    seen: dict[str, Any] = {}
    begun = looked = asyncio.get_running_loop().time()
    try:
        with progress() as show:
            async with asyncio.timeout(seconds * 0.9):
                while seen.get("state") != "active":
                    now = asyncio.get_running_loop().time()
                    if not seen or now - looked > LOOK or await _state(boss, name) != seen["state"]:
                        seen, looked = dict(await boss.show(name)), now
                    waited = now - begun
                    show(
                        f"machine {name} is {seen['state']}, its provider sees: {seen['provider_sees']} ({waited:.0f} s)"
                    )
                    await asyncio.sleep(POLL if seen["state"] != "active" else 0)
    except TimeoutError:
        with suppress(TimeoutError):  # how it is now, if that is answered soon
            async with asyncio.timeout(seconds * 0.05):
                seen = dict(await boss.show(name))
        raise TimedOut(
            f"machine {name} did not enrol within {seconds:g} s: it is {seen.get('state')}, its provider sees "
            f"{seen.get('provider_sees')}{'; ' + seen['error'] if seen.get('error') else ''}. {seen.get('remedy', '')}"
        ) from None
    return seen


async def _state(boss: Ref[Any], name: str) -> str:
    machines: list[dict[str, Any]] = await every_machine(boss)
    return next((str(each["state"]) for each in machines if each["name"] == name), "gone")
