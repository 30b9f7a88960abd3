"""Which ensemble a command is about, and how it is reached: by a home on this host, or by way of a boss.

--home DIR                          that home
--boss FILE, $REMIT_BOSS            that boss
$REMIT_ENSEMBLE, $REMIT_HOB         that home, or the one of the machine that the command runs on
remit.toml                          its boss; the home that its section `ensemble` names, where it names one
nothing of these                    the user's own home
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from remit.cli._main import Settings
from remit.ensemble import Console, Home

__all__ = ["console_for", "declared"]


@asynccontextmanager
async def console_for(settings: Settings, home: str | None) -> AsyncIterator[Any]:
    """A console for as long as a command runs: a `Console`, or a `BossConsole`, which answers the same."""
    place = home if home is not None or settings.boss else _home_of(settings)
    if place is None and (settings.boss or declared(settings)):
        from remit.cli._connect import connected  # for those who go by a boss
        from remit.cli._server_by_boss import BossConsole

        async with connected(settings) as (boss, node):
            yield BossConsole(boss, node)
        return
    async with Console(Home.find(place or None)) as console:
        yield console


def _home_of(settings: Settings) -> str | None:
    """The home that the environment or remit.toml names; "" for the user's own, None where a boss is to be asked."""
    if os.environ.get("REMIT_ENSEMBLE") or os.environ.get("REMIT_HOB"):
        return ""
    if not declared(settings):
        return ""
    from remit.cli._config import beside, read_config  # only where there is such a file

    source = read_config(settings.config)
    named = source.config.ensemble.get("home")
    if named and source.path is not None:
        return beside(source.path.parent, str(named))
    return None if (source.config.boss.directory() / "admin.ref").exists() else ""


def declared(settings: Settings) -> bool:
    """Whether there is a remit.toml that may speak of a boss: looked for as `read_config` does, without loading that."""
    if settings.config or os.environ.get("REMIT_CONFIG"):
        return True
    here = Path.cwd()
    return any((directory / "remit.toml").is_file() for directory in (here, *here.parents))
