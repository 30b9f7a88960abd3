"""Serving a door with uvicorn, on a socket of its own, in the running event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final

from remit.app.api._door import Door
from remit.errors import BadArgument, Conflict, Misuse

__all__ = ["serve_http"]

GRACE: Final = 10  # seconds for calls that are under way when it ends
MOST: Final = 1000  # connections and calls at one time; more are answered with 503
IDLE: Final = 30  # seconds that a connection without a request is kept


@asynccontextmanager
async def serve_http(door: Door, listen: str = "127.0.0.1:0", *, grace: int = GRACE) -> AsyncIterator[str]:
    """Serve the door at `host:port` (port 0: any that is free) while this lasts; gives the URL.

    At the end no new connection is taken, what is under way is finished within `grace` seconds, and the rest is cut off. What goes over other machines' networks needs TLS:
    put a proxy that has it before this. Raises `Conflict` for a port that is in use.
    """
    try:
        import uvicorn
    except ImportError:
        raise Misuse(
            "serving over HTTP needs starlette and uvicorn, which are not installed: pip install 'remit[serve]'"
        ) from None

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Signals are the process's own affair."""
            yield

    listening = _listen(listen)
    config = uvicorn.Config(
        door, log_config=None, access_log=False, lifespan="off", ws="none", server_header=False, date_header=True, limit_concurrency=MOST,
        timeout_keep_alive=IDLE, timeout_graceful_shutdown=grace, proxy_headers=False, http="h11", h11_max_incomplete_event_size=1 << 16,
    )  # fmt: skip
    server = Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]), name=f"http {listen}")
    try:
        while not server.started:
            if task.done():
                await task
                raise Conflict(f"nothing can be served at {listen}")
            await asyncio.sleep(0.001)
        host, port = listening.getsockname()[:2]
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        server.should_exit = True
        await _ended(task, grace)
        listening.close()


async def _ended(task: asyncio.Task[Any], grace: int) -> None:
    """Until the server has ended; what stays is cut off."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(task), grace + 5)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _listen(listen: str) -> socket.socket:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise BadArgument(f"{listen!r} is no place to listen: write host:port, such as 127.0.0.1:8080")
    host = host.strip("[]")
    # By its protocol: asyncio sends without delay on those alone (TCP_NODELAY), and an answer in two parts would wait for 40 ms.
    listening = socket.socket(
        socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
    )
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, int(port)))
        listening.listen(256)
    except OSError as error:
        listening.close()
        raise Conflict(
            f"{listen} cannot be listened at: {error.strerror or error}; end what uses it (ss -ltnp), or choose another port"
        ) from None
    return listening
