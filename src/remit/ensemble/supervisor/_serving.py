"""A server that supervises: its control object has the part `exec`. A process of its own (`remit server supervise`), or the agent of a machine."""

from __future__ import annotations

import asyncio
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
from remit.vat import Ref

__all__ = ["SUPERVISOR", "run_supervisor", "supervising"]

SUPERVISOR: Final = "supervisor"
"""The role of servers that supervise, and the usual name of one that does nothing else."""


@asynccontextmanager
async def supervising(
    server: Server, services: Services, state: Path, say: Callable[[str], object] = str
) -> AsyncIterator[Desk]:
    """Have a server supervise while this lasts, on these services, which are opened: what is on the roster in `state` runs, and holders of the part `exec` give orders.

    Its home's config.toml describes the roles. `say` hears in words what could not be begun.
    """

    def audit(who: str, part: str, what: str) -> Any:
        return server.vat.devices["audit"].note(who, part, what)

    files = [server.home.path / "config.toml"]
    coming = ComingDesk()
    device = server.vat.device("supervision", coming)
    server.part_for("exec", lambda who: server.vat.spawn(Exec, device, who), sensitive=True)
    try:
        async with services, supervision(services, state, server.home.path, files, audit, say) as desk:
            coming.there.set_result(desk)
            yield desk
    finally:
        del server.makers["exec"]
        coming.there.cancel()


class ComingDesk:
    """The device `supervision`: the desk, for which orders wait that come before it is there."""

    def __init__(self) -> None:
        self.there: asyncio.Future[Desk] = asyncio.get_running_loop().create_future()

    async def ask(self, who: str, order: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        """See `Desk.ask`."""
        return await (await asyncio.shield(self.there)).ask(who, order, arguments, options)

    async def follow(self, what: str, name: str, sink: Ref[Any], lines: int = 50) -> int:
        """See `Desk.follow`."""
        return (await asyncio.shield(self.there)).follow(what, name, sink, lines)

    async def unfollow(self, number: int) -> None:
        """See `Desk.unfollow`."""
        (await asyncio.shield(self.there)).unfollow(number)


@asynccontextmanager
async def run_supervisor(
    home: Home,
    id: str = SUPERVISOR,
    *,
    listen: Iterable[str] = (),
    announce: Iterable[str] = (),
    log_file: str | None = None,
    say: Callable[[str], object] = str,
) -> AsyncIterator[Server]:
    """Be the supervisor of this host while this lasts. Its servers end with it; one that was killed leaves them to the next one.

    Raises `Conflict` while another one runs from this home.
    """
    whole = home.id_of(id)
    state = home.make_server(whole) / "supervision"
    environment = {"REMIT_PYTHON": sys.executable, "REMIT_ENSEMBLE": str(home.path)}
    async with (
        serve(whole, roles=[SUPERVISOR], listen=listen, announce=announce, home=home, log_file=log_file) as server,
        supervising(server, Services(state / "services", environment=environment), state, say),
    ):
        yield server
