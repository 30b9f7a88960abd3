"""Where a boss is asked for its metrics: `GET /metrics`, and `GET /healthz` for those who only want to know that it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

from remit.errors import BadArgument
from remit.net import EXPOSITION_TYPE

__all__ = ["metrics_server"]

PATIENCE: Final = 10.0  # seconds for a question, and for a client to ask it


class _Server(ThreadingHTTPServer):
    """One small thread for each question; none of them outlives the process."""

    daemon_threads = True
    text: Callable[[], str]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone needs no traceback in the boss's log."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE
    server_version, sys_version = "remit", ""

    def do_GET(self) -> None:  # the library's name for it
        path = self.path.partition("?")[0]
        if path not in ("/metrics", "/healthz"):
            self._answer(HTTPStatus.NOT_FOUND, "there is /metrics, and /healthz\n")
            return
        try:
            text = self.server.text()
        except Exception as error:  # noqa: BLE001  # whatever it is, the boss does not answer
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, f"the boss does not answer: {type(error).__name__}\n")
            return
        self._answer(HTTPStatus.OK, text if path == "/metrics" else "ok\n")

    def _answer(self, status: HTTPStatus, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header(
            "Content-Type", EXPOSITION_TYPE if self.path.startswith("/metrics") else "text/plain; charset=utf-8"
        )
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Questions are not worth a line each."""


@asynccontextmanager
async def metrics_server(place: tuple[str, int], text: Callable[[], Awaitable[str]]) -> AsyncIterator[tuple[str, int]]:
    """Answer there for as long as this lasts; gives host and port. `text` is awaited in this loop. `BadArgument` where nobody can listen."""
    loop = asyncio.get_running_loop()

    async def ask() -> str:
        async with asyncio.timeout(PATIENCE):
            return await text()

    def answer() -> str:
        future: Future[str] = asyncio.run_coroutine_threadsafe(ask(), loop)
        return future.result(PATIENCE + 1)

    try:
        server = _Server(place, _Handler)
    except OSError as error:
        raise BadArgument(f"metrics cannot be served at {place[0]}:{place[1]}: {error.strerror}") from None
    server.text = answer
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_address[0], server.server_address[1]  # type: ignore[misc]  # a host is a str here
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
