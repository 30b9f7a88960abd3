"""A server that supervises: its control object has the part `exec`. A process of its own (`remit server supervise`), or the agent of a machine."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from remit.ensemble._home import Home
from remit.ensemble._serve import serve
from remit.ensemble._server import Server
from remit.ensemble.supervisor._desk import Desk
from remit.ensemble.supervisor._open import supervision
from remit.ensemble.supervisor._part import Exec
from remit.services import Services

__all__ = ["SUPERVISOR", "run_supervisor", "supervising"]

SUPERVISOR: Final = "supervisor"
"""The role of servers that supervise, and the usual name of one that does nothing else."""


@asynccontextmanager
async def supervising(
    server: Server, services: Services, state: Path, say: Callable[[str], object] = str
) -> AsyncIterator[Desk]:
    """Have a server supervise while this lasts, on services that run: what is on the roster in `state` runs, and holders of the part `exec` give orders.

    Its home's config.toml describes the roles. `say` hears in words what could not be begun.
    """

    def audit(who: str, part: str, what: str) -> Any:
        return server.vat.devices["audit"].note(who, part, what)

    files = [server.home.path / "config.toml"]
    async with supervision(services, state, server.home.path, files, audit, say) as desk:
        device = server.vat.device("supervision", desk)
        server.part_for("exec", lambda who: server.vat.spawn(Exec, device, who), sensitive=True)
        try:
            yield desk
        finally:
            del server.makers["exec"]


@asynccontextmanager
async def run_supervisor(
    home: Home,
    id: str = SUPERVISOR,
    *,
    listen: Iterable[str] = (),
    announce: Iterable[str] = (),
    say: Callable[[str], object] = str,
) -> AsyncIterator[Server]:
    """Be the supervisor of this host while this lasts. Its servers end with it; one that was killed leaves them to the next one.

    Raises `Conflict` while another one runs from this home.
    """
    whole = home.id_of(id)
    async with serve(whole, roles=[SUPERVISOR], listen=listen, announce=announce, home=home) as server:
        state = home.server(whole) / "supervision"
        environment = {"REMIT_PYTHON": sys.executable, "REMIT_ENSEMBLE": str(home.path)}
        async with (
            Services(state / "services", environment=environment) as services,
            supervising(server, services, state, say),
        ):
            yield server
