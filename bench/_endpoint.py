"""A server with one endpoint, held in the same process, and called over HTTP by way of a uvicorn on loopback in a process of its own.

`python -m bench._endpoint` is that process: it prints its URL, and ends when its input is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from remit import record
from remit.app import ApiServer, App, Worker, endpoint
from remit.app.api import HttpClient, door_of, serve_http
from remit.app.targets import InProcess
from remit.values import Secret

TOKEN = Secret("a token of the bench")


@record("remit.bench.customer", known=True)
class Customer:
    id: str
    name: str


class Server(ApiServer):
    @endpoint("POST")
    async def greet(self, customer: Customer, times: int = 1) -> Customer:
        return Customer(customer.id, customer.name * times)


class Client(Worker):
    server: Server

    async def run(self) -> None:
        pass


def program() -> App:
    app = App("bench")
    Client(app / "client", server=Server(app / "server"))
    return app


async def opened(stack: contextlib.AsyncExitStack) -> tuple[dict[str, Callable[[], Awaitable[Any]]], dict[str, str]]:
    """The call in each way, and why one is missing."""
    running = await stack.enter_async_context(InProcess(program()))
    near = running.personas["bench/client"].body.server
    calls: dict[str, Callable[[], Awaitable[Any]]] = {"Remit, in process": lambda: near.greet(Customer("1", "Ada"), 2)}
    try:
        import httpx  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        return calls, {"Remit, over HTTP to uvicorn": "uvicorn and httpx are not installed"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench._endpoint", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )

    async def end() -> None:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()

    stack.push_async_callback(end)
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    far: Any = await stack.enter_async_context(HttpClient(Server, url, TOKEN))
    calls["Remit, over HTTP to uvicorn"] = lambda: far.greet(Customer("1", "Ada"), 2)
    return calls, {}


async def main() -> None:
    async with (
        InProcess(program()) as running,
        serve_http(door_of(running.personas["bench/server"], {"bench/client/server": TOKEN})) as url,
    ):
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
