"""A server with endpoints of all kinds, and how tests reach it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx

from remit import record
from remit.app import ApiServer, App, Worker, endpoint
from remit.app.api import Door, HttpClient, door_of
from remit.app.targets import InProcess
from remit.errors import Conflict, Missing, Uncertain
from remit.values import Secret

TOKEN = Secret("the-token-of-the-whole-edge")
NARROW = Secret("the-token-of-the-narrow-edge")


@record("tests.api.tag")
class Tag:
    name: str
    weight: float = 1.0


@record("tests.api.customer")
class Customer:
    """Somebody who buys."""

    id: str
    name: str
    tags: list[Tag] | None = None


class Server(ApiServer):
    @endpoint("GET")
    async def text(self, text: str) -> str:
        """What it was given.

        All of it.
        """
        return text

    @endpoint("GET")
    async def optional(self, a: str | None = None, b: int = 7, c: list[str] | None = None, d: bool = True) -> list[Any]:
        return [a, b, c, d]

    @endpoint("GET", "/customers/{id}/of/{number}")
    async def in_path(self, id: str, number: int, more: str = "") -> list[Any]:
        return [id, number, more]

    @endpoint("GET", "/customers/new/of/now")
    async def new(self) -> str:
        return "new"

    @endpoint("POST")
    async def same(self, value: Any = None) -> Any:
        return value

    @endpoint("POST")
    async def bind(self, customer: Customer, factor: float = 1.0) -> list[Customer]:
        return [customer, Customer(customer.id, f"{customer.name}{factor!r}")]

    @endpoint("PUT", "/customers/{id}")
    async def put(self, id: str, customer: Customer, mode: Literal["new", "old"] = "new") -> None:
        self.__dict__.setdefault("_kept", {})[id] = customer

    @endpoint("DELETE", "/customers/{id}")
    async def delete(self, id: str, *, hard: bool = False) -> bool:
        return hard

    @endpoint("POST")
    async def fail(self, kind: str) -> None:
        raise {
            "missing": Missing("no such customer"),
            "conflict": Conflict("it is there already"),
            "uncertain": Uncertain("who knows"),
            "other": ValueError("a secret detail"),
        }[kind]

    @endpoint("POST")
    async def lie(self) -> int:
        return "text"  # type: ignore[return-value]

    @endpoint("POST")
    async def large(self, size: int) -> str:
        return "x" * size


class Holder(Worker):
    whole: Server
    narrow: Server

    async def run(self) -> None:
        pass


def program() -> App:
    app = App("api")
    server = Server(app / "server")
    Holder(app / "holder", whole=server, narrow=server.only("text", "optional"))
    return app


@asynccontextmanager
async def running() -> AsyncIterator[tuple[InProcess, Door]]:
    """The application in this process, and the door of its server, with a token for each edge."""
    async with InProcess(program()) as app:
        yield app, door_of(app.personas["api/server"], {"api/holder/whole": TOKEN, "api/holder/narrow": NARROW})


@asynccontextmanager
async def calling(token: Secret = TOKEN) -> AsyncIterator[Server]:
    """The typed client, without a socket."""
    async with (
        running() as (_, door),
        HttpClient(Server, "http://server", token, transport=httpx.ASGITransport(door)) as server,
    ):
        yield server


@asynccontextmanager
async def asking(token: Secret | None = TOKEN) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody else's client."""
    headers = {} if token is None else {"authorization": f"Bearer {token.text}"}
    async with (
        running() as (_, door),
        httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://server", headers=headers) as client,
    ):
        yield client


def in_process(app: InProcess) -> Any:
    """The server, as the component holds it that was given it."""
    return app.personas["api/holder"].body.whole
