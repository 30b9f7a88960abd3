"""Serving with uvicorn, on real sockets."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

import httpx
import pytest

from remit.app.api import HttpClient, serve_http
from remit.errors import BadArgument, Conflict, Unreachable
from tests.app.api.servers import TOKEN, Server, running

pytest.importorskip("uvicorn", reason="the extra remit[serve] is not installed")


def test_calls_over_a_socket() -> None:
    """Many calls at once, one after the other, and after the end nobody is there, and nothing was sent."""

    async def test() -> None:
        async with running() as (_, door):
            async with serve_http(door) as url, HttpClient(Server, url, TOKEN) as server:
                assert url.startswith("http://127.0.0.1:"), "loopback, unless another place is named (A25)"
                results = await asyncio.gather(*(server.text(str(number)) for number in range(50)))
                assert results == [str(number) for number in range(50)]
                assert await server.in_path("a/b?c", 1, "ö") == ["a/b?c", 1, "ö"]
                assert await server.in_path("", 1) == ["", 1, ""]
                assert await server.same({"a": [None]}) == {"a": [None]}
            async with HttpClient(Server, url, TOKEN) as server:
                with pytest.raises(Unreachable, match="nothing was sent"):
                    await server.text("x")

    asyncio.run(test())


def test_an_orderly_end() -> None:
    """A call that is under way when serving ends is finished; its caller gets the result."""
    arrived, go = asyncio.Event(), asyncio.Event()

    class Slow:
        async def call(self, method: str, args: Any, kwargs: Any) -> Any:
            arrived.set()
            await go.wait()
            return kwargs["value"]

    async def test() -> None:
        async with running() as (_, door):
            door.open(TOKEN, Slow())
            async with serve_http(door) as url:
                client = HttpClient(Server, url, TOKEN)
                server = await client.__aenter__()
                call = asyncio.ensure_future(server.same("late"))
                await arrived.wait()
                asyncio.get_running_loop().call_later(0.05, go.set)
            assert await call == "late"
            await client.__aexit__(None, None, None)

    asyncio.run(test())


def test_what_does_not_end_is_cut_off() -> None:
    """Serving ends within its time, whatever a call does."""

    class Stuck:
        async def call(self, method: str, args: Any, kwargs: Any) -> Any:
            await asyncio.Event().wait()

    async def test() -> None:
        async with running() as (_, door):
            door.open(TOKEN, Stuck())
            async with serve_http(door, grace=1) as url:
                client = HttpClient(Server, url, TOKEN)
                server = await client.__aenter__()
                call = asyncio.ensure_future(server.same("x"))
                while not call.done() and not client._wiring._http._transport._pool.connections:
                    await asyncio.sleep(0)
                await asyncio.sleep(0.05)
            with pytest.raises(Exception):  # noqa: B017  # lost, in whatever way
                await call
            await client.__aexit__(None, None, None)

    asyncio.run(test())


def test_places_to_listen() -> None:
    """A port that is in use, and a place that is none, are told with what to do; nothing is served then."""

    async def test() -> None:
        async with running() as (_, door):
            with socket.create_server(("127.0.0.1", 0)) as taken:
                port = taken.getsockname()[1]
                with pytest.raises(Conflict, match=rf"127.0.0.1:{port} cannot be listened at.*in use.*ss -ltnp"):
                    async with serve_http(door, f"127.0.0.1:{port}"):
                        pass
            for place in ("here", "127.0.0.1:", "127.0.0.1:99999"):
                with pytest.raises(BadArgument, match="no place to listen"):
                    async with serve_http(door, place):
                        pass

    asyncio.run(test())


def test_bytes_that_are_no_request() -> None:
    """What is no HTTP is answered as that, and others go on; headers without end are cut off."""

    async def test() -> None:
        async with running() as (_, door), serve_http(door) as url:
            port = int(url.rpartition(":")[2])
            for bytes_ in (b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 200_000):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(bytes_)
                with suppress(ConnectionResetError):  # it does not wait for the rest
                    assert b" 400 " in await asyncio.wait_for(reader.read(), 10)
                writer.close()
            async with httpx.AsyncClient(headers={"authorization": f"Bearer {TOKEN.text}"}) as client:
                assert (await client.get(f"{url}/text?text=x")).json() == "x"

                async def endless() -> Any:
                    while True:
                        yield b" " * 65536

                with suppress(httpx.ReadError, httpx.WriteError):
                    answer = await client.post(
                        f"{url}/same", content=endless(), headers={"content-type": "application/json"}
                    )
                    assert answer.status_code == 413
                answer = await client.post(
                    f"{url}/same", content=b" " * 3_000_000, headers={"content-type": "application/json"}
                )
                assert answer.status_code == 413

    asyncio.run(test())
