"""The supervisor of one host: it has servers and groups of workers run, as daemons of `remit.services`.

    supervisor = Supervisor(places, tables, services)       on services that run: a machine's, or its own
    await supervisor.begin()                                what is on the roster runs again, or still; and what is to start by itself
    await supervisor.start("httpd", "httpd1") ; .workers("job", "w", 4) ; .stop(["w"]) ; .restart(["httpd1"]) ; .listing()

What is to run is on disk before it is begun. A server that ends is started again by its policy, later each time it ends soon, by the services.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from remit.ensemble.supervisor._command import process_of, roles_of
from remit.ensemble.supervisor._effective import Effective, effective, plain
from remit.ensemble.supervisor._places import Places
from remit.ensemble.supervisor._roster import MOST_SERVERS, Roster, Row
from remit.ensemble.supervisor._settings import MOST_WORKERS, check_id, check_name, check_table
from remit.ensemble.supervisor._states import state_of
from remit.ensemble.supervisor._tables import Tables
from remit.errors import BadArgument, Broken, Conflict, LimitExceeded
from remit.services import (
    READY,
    Daemon,
    DependsOn,
    HoldService,
    RequireService,
    Services,
    ServiceState,
    StartsAfter,
    process_config,
)
from remit.values import Tagged

__all__ = ["PATIENCE", "Supervisor"]

PATIENCE: Final = 10.0
"""Seconds that an order waits to see what comes of it; what goes on longer is not lost, only not waited for."""
_PAUSE, _LONGEST_PAUSE = 0.02, 0.25  # seconds between two looks


class Supervisor:
    """Owned by the process that runs the services, and ends before them. Its methods are orders of operators: one at a time, each done as often as it is asked."""

    def __init__(self, places: Places, tables: Tables, services: Services) -> None:
        self.places = places
        self.tables = tables
        self.services = services
        self.roster = Roster(places.state / "roster.json")
        self._lock = asyncio.Lock()
        self._said: dict[str, dict[int, Any]] = {}  # what is asserted of each server, by its handles
        self._next = 1
        self._handle: Any = None

    async def begin(self) -> list[str]:
        """Have all that is on the roster run, and what the configuration says is to start by itself; in words, what could not be begun."""
        self._handle = await self.services.space.open(name="supervisor")
        troubles: list[str] = []
        async with self._lock:
            try:
                self._preload(troubles)
            except BadArgument as error:  # what runs goes on, whatever somebody has written into a file
                troubles.append(error.message)
            for row in list(self.roster.rows.values()):
                try:
                    await self._apply(row)
                except Broken as error:
                    troubles.append(f"{row.id}: {error.message}")
        return troubles

    def _preload(self, troubles: list[str]) -> None:
        sources = self.tables.sources()
        wanted: list[Row] = []
        for id, table in self.tables.named(sources, "servers").items():
            if table.get("start"):
                wanted.append(Row(id, table.get("role", "")))
        for prefix, table in self.tables.named(sources, "workers").items():
            if table.get("start", True) and not self.roster.group(prefix):
                wanted += [
                    self._worker(prefix, number, table.get("role", "")) for number in range(table.get("number", 1))
                ]
        for row in wanted:
            if row.id in self.roster.rows:  # it was started or stopped by command: that goes before
                continue
            try:
                row.settings = self._settings(row)
                row.role = plain(row.settings).get("role", "")
                self.roster.rows[row.id] = row
            except Broken as error:
                troubles.append(f"{row.id}: {error.message}")
        self.roster.keep()

    def _worker(self, prefix: str, number: int, role: str, own: Mapping[str, Any] | None = None) -> Row:
        return Row(f"{prefix}-{number}", role, prefix, number, own=dict(own or {}))

    def _settings(self, row: Row, tables: Mapping[str, Any] | None = None) -> Effective:
        found = effective(self.tables.sources(tables), row.id, row.role, row.group, row.own)
        self._description(row, found)  # raises what would go wrong
        return found

    # --- orders -------------------------------------------------------------------------------------

    async def start(
        self, role: str, id: str, own: Mapping[str, Any] | None = None, tables: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Start a server of a role, or (with role "") the one that its own table describes. `own`: settings for this one; `tables`: a configuration that came with the order, weaker than what is here.

        One that was stopped starts with the settings of now. Raises `Conflict` where it runs with other ones.
        """
        async with self._lock:
            row = self._enrolled(Row(check_id(id), role, own=_own(own)), tables)
            self.roster.keep()
            await self._apply(row)
        return (await self._settled([row]))[0]

    async def workers(
        self,
        role: str,
        prefix: str,
        number: int,
        own: Mapping[str, Any] | None = None,
        tables: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Have a group of exactly so many workers, PREFIX-0 to PREFIX-n: those that are too many stop, the others go on."""
        check_name("group of workers", prefix)
        if type(number) is not int or not 0 <= number <= MOST_WORKERS:
            raise BadArgument(f"a group has from 0 to {MOST_WORKERS} workers, not {str(number)[:40]}")
        async with self._lock:
            there = self.roster.group(prefix)
            role = role or (there[0].role if there else "")
            if there and role != there[0].role:
                raise Conflict(
                    f"workers {prefix} have the role {there[0].role!r}, not {role!r}: stop and forget them first"
                )
            given = _own(own) if own is not None or not there else there[0].own
            kept = [self._enrolled(self._worker(prefix, each, role, given), tables) for each in range(number)]
            leaving = [row for row in there if (row.number or 0) >= number]
            for row in leaving:
                del self.roster.rows[row.id]
            self.roster.keep()
            for row in list(self.roster.rows.values()):  # others may need the group as it is now
                await self._apply(row)
            for row in leaving:
                await self._unsay(row)
        await self._gone(leaving)
        return await self._settled(kept)

    def _enrolled(self, row: Row, tables: Mapping[str, Any] | None) -> Row:
        """The row of a server that is to run, as it was or anew."""
        there = self.roster.rows.get(row.id)
        if there is None and len(self.roster.rows) >= MOST_SERVERS:
            raise LimitExceeded(f"{MOST_SERVERS} servers are on the roster already: stop and forget some")
        if there is not None and not row.own:
            row.own = there.own
        row.settings = self._settings(row, tables)
        row.role = plain(row.settings).get("role", "")
        if there is not None and not there.held:
            if plain(there.settings) != plain(row.settings) and not row.group:
                raise Conflict(
                    f"server {row.id} runs with other settings: restart it to have it take these, or stop it first"
                )
            return there
        self.roster.rows[row.id] = row
        return row

    async def stop(self, names: Sequence[str] = (), role: str = "", *, forget: bool = False) -> list[dict[str, Any]]:
        """Stop servers by their ids, groups by their prefix, or all of a role; they stay down, over restarts too. With `forget` nothing is kept of them."""
        async with self._lock:
            rows = self.roster.meant(names, role)
            for row in rows:
                row.held = True
                if forget:
                    del self.roster.rows[row.id]
            self.roster.keep()
            for row in rows:
                await (self._unsay(row) if forget else self._apply(row))
        await self._gone(rows)
        return await self._views(rows)

    async def restart(
        self, names: Sequence[str] = (), role: str = "", tables: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Restart them, with the settings of now; one that was stopped is started."""
        async with self._lock:
            rows = self.roster.meant(names, role)
            for row in rows:
                row.settings, row.held = self._settings(row, tables), False
            self.roster.keep()
            for row in rows:
                await self._unsay(row)
            await self._gone(rows)
            for row in rows:
                await self._apply(row)
        return await self._settled(rows)

    async def update(
        self, section: str, name: str, table: Mapping[str, Any], *, replace: bool = False, restart: bool = False
    ) -> dict[str, Any]:
        """Change what is set of a table of the configuration (see `Tables.update`); with `restart` the servers that it speaks of take it now."""
        set_now = self.tables.update(section, name, table, replace=replace)
        rows = [row for row in self.roster.rows.values() if not row.held and _speaks_of(section, name, row)]
        if restart and rows:
            await self.restart([row.id for row in rows])
        return {"set": set_now, "restarted": [row.id for row in rows] if restart else []}

    # --- looks --------------------------------------------------------------------------------------

    async def listing(self, role: str = "") -> list[dict[str, Any]]:
        """All servers that are on the roster, or those of a role: id, role, group, state, pid, note, and whether they run with the settings of now."""
        rows = [
            row for row in self.roster.rows.values() if not role or role in (row.role, *roles_of(plain(row.settings)))
        ]
        return await self._views(sorted(rows, key=lambda row: (row.group or row.id, row.number or 0)))

    def config(self, id: str, tables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The settings of a server as they would be now, each with where it is from, and whether it runs with them: {"id", "settings": {name: {"value", "from"}}, "current"}."""
        row = self.roster.rows.get(check_id(id), Row(id))
        found = effective(self.tables.sources(tables), id, row.role, row.group, row.own)
        shown = {name: {"value": value, "from": place} for name, (value, place) in sorted(found.items())}
        current = id in self.roster.rows and plain(found) == plain(row.settings)
        return {"id": id, "settings": shown, "current": current, "listed": id in self.roster.rows}

    async def _views(self, rows: Iterable[Row]) -> list[dict[str, Any]]:
        listed = {each["name"]: each for each in await self.services.listing()}
        return [state_of(row, listed) for row in rows]

    # --- what is said to the services -----------------------------------------------------------------

    def _description(self, row: Row, settings: Effective) -> list[Any]:
        """What describes it, in the dataspace of services."""
        values = plain(settings)
        config = process_of(row.id, values, self.places, row.number)
        process_config(config, "log", row.id)
        name = Daemon(row.service)
        said: list[Any] = [Tagged("daemon", [row.service, config])]
        for setting, kind in (("needs", DependsOn), ("after", StartsAfter)):
            for other in values.get(setting, []):
                others = [each for each in self._members(other) if each != row.service]
                said += [kind(name, ServiceState(Daemon(each), READY)) for each in others]
        return said

    def _members(self, name: str) -> list[str]:
        """The daemons of a server, or of all workers of a group."""
        return [row.service for row in self.roster.group(name)] or [Row(name).service]

    async def _apply(self, row: Row) -> None:
        """Have said of it what is to be said now. One that is held is known, too: others may wait for it."""
        self.places.work.mkdir(mode=0o700, exist_ok=True)
        name = Daemon(row.service)
        wish = [*self._description(row, row.settings), HoldService(name) if row.held else RequireService(name)]
        said = self._said.setdefault(row.id, {})
        gone = [handle for handle, value in said.items() if value not in wish]
        new = [value for value in wish if value not in said.values()]
        events: list[list[Any]] = [["retract", handle] for handle in gone]
        for handle in gone:
            del said[handle]
        for value in new:
            events.append(["assert", self._next, value])
            said[self._next] = value
            self._next += 1
        if events:
            await self._handle.turn(events)

    async def _unsay(self, row: Row) -> None:
        said = self._said.pop(row.id, {})
        if said:
            await self._handle.turn([["retract", handle] for handle in said])

    # --- what comes of it -----------------------------------------------------------------------------

    async def _settled(self, rows: list[Row]) -> list[dict[str, Any]]:
        """Their states, once each runs or has failed; after a while as they are then."""

        def settled(view: dict[str, Any]) -> bool:
            return view["state"] in ("ready", "complete", "failed", "stopped", "blocked")

        return await self._until(rows, settled)

    async def _gone(self, rows: list[Row]) -> None:
        await self._until(rows, lambda view: not view["pid"])

    async def _until(self, rows: list[Row], good: Any) -> list[dict[str, Any]]:
        pause, deadline = _PAUSE, asyncio.get_running_loop().time() + PATIENCE
        while True:
            views = await self._views(rows)
            if all(map(good, views)) or asyncio.get_running_loop().time() > deadline:
                return views
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)


def _own(own: Mapping[str, Any] | None) -> dict[str, Any]:
    return check_table("servers", own or {}, "what was said with the start")


def _speaks_of(section: str, name: str, row: Row) -> bool:
    return section == "defaults" or name == {"roles": row.role, "servers": row.id, "workers": row.group}[section]
