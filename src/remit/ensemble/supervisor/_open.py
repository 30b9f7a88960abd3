"""All of a supervisor on services that run: opened by the process of a machine's agent, or of `remit server supervise`."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from remit.ensemble.supervisor._desk import Audit, Desk
from remit.ensemble.supervisor._places import Places
from remit.ensemble.supervisor._programs import Programs
from remit.ensemble.supervisor._supervisor import Supervisor
from remit.ensemble.supervisor._tables import Tables
from remit.ensemble.supervisor._uploads import Uploads
from remit.ensemble.supervisor._versions import Versions
from remit.services import Services

__all__ = ["supervision"]


@asynccontextmanager
async def supervision(
    services: Services, state: Path, home: Path, files: Sequence[Path], audit: Audit, say: Callable[[str], object] = str
) -> AsyncIterator[Desk]:
    """What is on the roster in `state` runs while this lasts, and the desk takes orders. `home` is the servers' ensemble, `files` its configuration; `say` hears in words what could not be begun."""
    places = Places(state, home, os.environ)
    supervisor = Supervisor(places, Tables(files, places.state / "updates.json"), services)
    versions = Versions(places, time.time)
    programs = Programs(places, supervisor.roster, services, time.time)
    await programs.begin()
    for trouble in await supervisor.begin():
        say(trouble)
    desk = Desk(supervisor, programs, versions, Uploads(places, versions, time.time), audit)
    try:
        yield desk
    finally:
        await desk.close()
