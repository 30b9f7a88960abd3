"""Programs with their own `main` as servers: `run_server`, and `current_server` inside of it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
from typing import TYPE_CHECKING, Any

from remit.ensemble._serve import serve
from remit.errors import Misuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from remit.ensemble._ids import ServerId
    from remit.ensemble._server import Server

__all__ = ["being", "current_server", "run_server"]

_current: contextvars.ContextVar[Server] = contextvars.ContextVar("remit.server")
_latest: list[Server] = []  # of this process, newest last: for threads that nobody gave a context


@contextlib.contextmanager
def being(server: Server) -> Iterator[None]:
    """`current_server` is this one, for code that is executed here without a `main` around it."""
    token = _current.set(server)
    _latest.append(server)
    try:
        yield
    finally:
        _latest.remove(server)
        _current.reset(token)


def current_server() -> Server:
    """The server that this code runs in: for a `main`, for what it calls, and for code that is loaded into it. Raises `Misuse` outside."""
    found = _current.get(None)
    if found is None and _latest:
        found = _latest[-1]
    if found is None:
        raise Misuse("this code runs in no server: start it with run_server, or with: remit server run ID MODULE")
    return found


async def run_server(id: str | ServerId, main: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Be a server while `main(*arguments)` runs; its result. `options` are those of `serve`.

    A plain function runs in a thread of its own, a coroutine in the server's loop. When the server is told to shut down, a coroutine is cancelled,
    and waited for; a function is not told and not waited for: what has something to finish is a coroutine.
    """
    async with serve(id, **options) as server:
        return await run_main(server, main, arguments)


async def run_main(server: Server, main: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """`main` as the program of a server, until it returns or the server is told to shut down (then None)."""
    with being(server):
        if inspect.iscoroutinefunction(main):
            work: asyncio.Future[Any] = asyncio.ensure_future(main(*arguments))
        else:
            work = in_thread(main, arguments)
        told = asyncio.ensure_future(server.stopping.wait())
        try:
            await asyncio.wait([work, told], return_when=asyncio.FIRST_COMPLETED)
            return _result(work) if work.done() else None
        finally:
            for each in (work, told):
                each.cancel()
            await asyncio.gather(work, told, return_exceptions=True)


def _result(work: asyncio.Future[Any]) -> Any:
    try:
        return work.result()
    except Ended as error:
        raise error.cause from None


def in_thread(main: Callable[..., Any], arguments: tuple[Any, ...]) -> asyncio.Future[Any]:
    """A function in a thread that the process does not wait for at its end: one that serves for ever has no other end."""
    import threading

    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def settle(set_: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            set_(value)

    def run() -> None:
        try:
            value = context.run(main, *arguments)
        except BaseException as error:  # noqa: BLE001  # SystemExit, too: it is main's word on how the process ends
            _hop(loop, settle, future.set_exception, error if isinstance(error, Exception) else Ended(error))
        else:
            _hop(loop, settle, future.set_result, value)

    threading.Thread(target=run, name="remit-server-main", daemon=True).start()
    return future


class Ended(Exception):  # no error, perhaps
    """A `main` in a thread ended by `SystemExit` or the like, which a future does not carry."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(repr(cause))
        self.cause = cause


def _hop(loop: asyncio.AbstractEventLoop, work: Callable[..., None], *arguments: Any) -> None:
    """From the thread to the loop; a loop that is closed has nobody left to tell."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(work, *arguments)
