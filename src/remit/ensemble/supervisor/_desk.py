"""What operators may ask of a host that supervises: one device behind the part `exec`, with everything that it is asked to do in the audit log.

Whose order it is, the part says, not the order: an order goes no further than the reference that it came through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from inspect import isawaitable
from pathlib import Path
from typing import Any, Final

from remit.ensemble.supervisor._follow import Follower, check_lines, tail
from remit.ensemble.supervisor._programs import Programs
from remit.ensemble.supervisor._roster import no_server
from remit.ensemble.supervisor._settings import check_id
from remit.ensemble.supervisor._supervisor import Supervisor
from remit.ensemble.supervisor._uploads import Uploads
from remit.ensemble.supervisor._versions import Versions
from remit.errors import BadArgument, Broken, LimitExceeded, Missing, StoreError
from remit.vat import Ref

__all__ = ["ORDERS", "Desk"]

Audit = Callable[[str, str, str], Any]
ORDERS: Final[dict[str, bool]] = {
    **dict.fromkeys(("start", "workers", "stop", "restart", "update", "configure"), True),
    **dict.fromkeys(("servers", "config", "configuration", "log", "versions", "programs", "output"), False),
    **dict.fromkeys(("begin_upload", "finish_upload", "cancel_upload", "rollback", "forget_version"), True),
    **dict.fromkeys(("run", "signal", "end", "rerun"), True),
    **dict.fromkeys(("put", "wait"), False),
}
"""What can be asked, and whether it is written down: what changes something is; of an upload its beginning and its end."""
_FOLLOWING: Final = 256  # logs that are followed at one time
_METHODS: Final = {"versions": "_list_versions", "programs": "_list_programs"}
_SECRET: Final = ("environment",)  # settings whose values are not for the audit log


class Desk:
    """Owned by the process of the supervisor. `audit(who, part, what)` raises where a use cannot be written down: then nothing is done."""

    def __init__(
        self, supervisor: Supervisor, programs: Programs, versions: Versions, uploads: Uploads, audit: Audit
    ) -> None:
        self._supervisor = supervisor
        self._programs = programs
        self._versions = versions
        self._uploads = uploads
        self._audit = audit
        self._following: dict[int, asyncio.Task[None]] = {}
        self._next = 1
        self._uploading = asyncio.Lock()

    async def ask(self, who: str, order: str, arguments: list[Any], options: Mapping[str, Any]) -> Any:
        """One order of whoever this is. What changes something is in the audit log before it is done."""
        if order not in ORDERS:
            raise BadArgument(
                f"{str(order)[:60]!r} is nothing that a supervisor can be asked; there are: {', '.join(sorted(ORDERS))}"
            )
        if ORDERS[order]:
            noted = self._audit(who, "exec", _words(order, arguments, options))
            if isawaitable(noted):
                await noted
        try:
            work: Callable[..., Awaitable[Any]] = getattr(self, _METHODS.get(order, f"_{order}"))
            return await (work(who, *arguments, **options) if order == "run" else work(*arguments, **options))
        except TypeError as error:
            if "argument" in str(error) and f"_{order}()" in str(error):
                raise BadArgument(f"{order}: {str(error).partition('() ')[2]}") from None
            raise

    # --- servers ------------------------------------------------------------------------------------

    async def _start(self, role: str, id: str, own: Any = None, tables: Any = None) -> Any:
        return await self._supervisor.start(role, id, own, tables)

    async def _workers(self, role: str, prefix: str, number: int, own: Any = None, tables: Any = None) -> Any:
        return await self._supervisor.workers(role, prefix, number, own, tables)

    async def _stop(self, names: list[str], role: str = "", forget: bool = False) -> Any:
        return await self._supervisor.stop(names, role, forget=forget)

    async def _restart(self, names: list[str], role: str = "", tables: Any = None) -> Any:
        return await self._supervisor.restart(names, role, tables)

    async def _servers(self, role: str = "") -> Any:
        return await self._supervisor.listing(role)

    async def _config(self, id: str, tables: Any = None) -> Any:
        return self._supervisor.config(id, tables)

    async def _configuration(self) -> Any:
        return [{"from": where, "tables": dict(tables)} for where, tables in self._supervisor.tables.sources()]

    async def _update(self, section: str, name: str, table: Any, replace: bool = False, restart: bool = False) -> Any:
        return await self._supervisor.update(section, name, table, replace=replace, restart=restart)

    async def _configure(self, tables: Any, replace: bool = False) -> Any:
        return self._supervisor.tables.update_all(tables, replace=replace)

    # --- logs ---------------------------------------------------------------------------------------

    async def _log(self, id: str, lines: int = 50) -> Any:
        return await asyncio.to_thread(tail, self._log_of(id), lines)

    async def _output(self, process: str, lines: int = 1000) -> Any:
        return await asyncio.to_thread(tail, self._programs.log_of(process), lines)

    def _log_of(self, id: str) -> Path:
        """The file of a server's output: of one that is on the roster, so that no name leads anywhere else."""
        row = self._supervisor.roster.rows.get(check_id(id))
        if row is None:
            raise no_server(id, self._supervisor.roster.rows)
        return self._supervisor.services.log_file(row.service)

    def follow(self, what: str, name: str, sink: Ref[Any], lines: int = 50) -> int:
        """Have the last lines of a server's log (`log`) or a program's output (`output`) told to `sink(lines)`, and all that come, until the sink is gone or `unfollow`.

        A program's output ends: then `sink(None)` is told.
        """
        if len(self._following) >= _FOLLOWING:
            raise LimitExceeded(f"{_FOLLOWING} logs are followed at once already")
        if what == "log":
            path, over = self._log_of(name), lambda: False
        elif what == "output":
            path, over = self._programs.log_of(name), lambda: self._programs.is_over(name)
        else:
            raise BadArgument(f"{str(what)[:60]!r} cannot be followed: log or output can")
        check_lines(lines)
        number, self._next = self._next, self._next + 1
        task = self._following[number] = asyncio.ensure_future(_told(Follower(path, sink, over), sink, lines))
        task.add_done_callback(lambda _: self._following.pop(number, None))
        return number

    def unfollow(self, number: int) -> None:
        """No more of it is told."""
        task = self._following.get(number)
        if task is not None:
            task.cancel()

    # --- uploads ------------------------------------------------------------------------------------

    async def _begin_upload(self, kind: str, name: str, digest: str, size: int) -> Any:
        return await self._in_turn(self._uploads.begin, kind, name, digest, size)

    async def _put(self, upload: str, offset: int, data: bytes) -> Any:
        return await self._in_turn(self._uploads.put, upload, offset, data)

    async def _finish_upload(self, upload: str, switch: bool = True) -> Any:
        return await self._in_turn(lambda: self._uploads.finish(upload, switch=switch))

    async def _cancel_upload(self, upload: str) -> Any:
        return await self._in_turn(self._uploads.cancel, upload)

    async def _list_versions(self, kind: str = "", name: str = "") -> Any:
        return await self._in_turn(self._versions.listing, kind, name)

    async def _rollback(self, kind: str, name: str, version: str = "") -> Any:
        return await self._in_turn(self._versions.rollback, kind, name, version)

    async def _forget_version(self, kind: str, name: str, version: str) -> Any:
        return await self._in_turn(self._versions.forget, kind, name, version)

    async def _in_turn(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """In a thread, since it waits for the disk; one at a time."""
        async with self._uploading:
            try:
                return await asyncio.to_thread(work, *arguments)
            except OSError as error:
                raise StoreError(f"the upload cannot be kept: {error.strerror}; free some room, and go on") from None

    # --- programs -----------------------------------------------------------------------------------

    async def _run(self, who: str, argv: list[str], options: Any = None) -> Any:
        return await self._programs.run(argv, options, who)

    async def _list_programs(self) -> Any:
        return self._programs.listing()

    async def _signal(self, process: str, number: int) -> Any:
        return await self._programs.signal(process, number)

    async def _end(self, process: str) -> Any:
        return await self._programs.stop(process)

    async def _rerun(self, process: str) -> Any:
        return await self._programs.restart(process)

    async def _wait(self, process: str, seconds: float = 60.0) -> Any:
        return await self._programs.wait(process, seconds)

    async def close(self) -> None:
        """End what is being followed. The programs and servers are the services' to end."""
        for task in list(self._following.values()):
            task.cancel()
        await asyncio.gather(*self._following.values(), return_exceptions=True)


async def _told(follower: Follower, sink: Ref[Any], lines: int) -> None:
    with suppress(Broken, Missing):  # the listener is gone, or its right to listen
        await follower.run(lines)
        await sink(None)


def _words(order: str, arguments: list[Any], options: Mapping[str, Any]) -> str:
    """An order for the audit log, without what is nobody's business."""

    def shown(value: Any) -> Any:
        if isinstance(value, bytes):
            return f"{len(value)} bytes"
        if isinstance(value, Mapping):
            return {
                key: sorted(each) if key in _SECRET and isinstance(each, Mapping) else shown(each)
                for key, each in value.items()
            }
        if isinstance(value, list | tuple):
            return [shown(each) for each in value]
        return value

    words = [order, *(str(shown(each)) for each in arguments if each not in ("", None))]
    return " ".join([*words, *(f"{name}={shown(each)}" for name, each in options.items() if each)])
