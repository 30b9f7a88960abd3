"""Endpoints over HTTP: the same values, refusals and errors as where the server is passed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import httpx
import pytest

from remit.app import ApiServer, endpoint
from remit.app.api import BODY, HttpClient, Shape, door_of, endpoints_of, openapi
from remit.errors import (
    BadArgument,
    Broken,
    Conflict,
    Missing,
    Misuse,
    NoSuchMethod,
    NotAllowed,
    NotPassable,
    Refused,
    Uncertain,
    Unreachable,
)
from remit.values import NULL, Secret, Symbol, same
from tests.app.api.servers import NARROW, Customer, Server, Tag, asking, calling, in_process, running
from tests.strategies import Point

pytest.importorskip("httpx", reason="the extra remit[serve] is not installed")

FALSY = [False, 0, 0.0, "", None, [], {}, NULL, b""]
VALUES = [
    *FALSY,
    True,
    1,
    1.0,
    "text",
    2**70,
    float("inf"),
    Symbol("s"),
    b"\0\xff",
    {"$": 1, "a": [None]},
    Customer("1", "x", [Tag("t")]),
    [Tag("a", 2.5)],
]


def both(test: Any) -> None:
    """Run a test with the server in the same process, and over HTTP."""

    async def main() -> None:
        async with running() as (app, _):
            await test(in_process(app))
        async with calling() as server:
            await test(server)

    asyncio.run(main())


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_results_come_back_by_kind(value: Any) -> None:
    """Every result comes back as it is, falsy ones included: false, 0, "" and None are not {} (A9)."""

    async def test(server: Server) -> None:
        assert same(await server.same(value), value)

    both(test)


@pytest.mark.parametrize(
    "text", ["1", "", " ", "a b&c=d#?%", "null", "true", '"', "größer 😀", "a\0b", "../..", "x" * 5000]
)
def test_a_get_endpoint_with_a_text(text: str) -> None:
    """A GET endpoint gets the text that it was called with (A8: it got {})."""

    async def test(server: Server) -> None:
        assert await server.text(text) == text
        assert await server.in_path(text, 5) == [text, 5, ""]

    both(test)


def test_optional_arguments() -> None:
    """What is left out has its default; None, false, 0 and empty lists are what they are."""

    async def test(server: Server) -> None:
        assert await server.optional() == [None, 7, None, True]
        assert await server.optional("", 0, [], False) == ["", 0, [], False]
        assert await server.optional(None, c=["a", ""]) == [None, 7, ["a", ""], True]
        assert await server.in_path("/", number=-1, more="m") == ["/", -1, "m"]
        assert await server.delete(".", hard=True) is True
        assert await server.new() == "new"

    both(test)


def test_arguments_are_what_annotations_say() -> None:
    """Records and lists of them arrive as such; an int is a float where one is asked for, here as there; anything else is refused before the call (A27)."""

    async def test(server: Any) -> None:
        ada = Customer("1", "Ada", [Tag("a", 2)])
        assert await server.bind(ada, 2) == [Customer("1", "Ada", [Tag("a", 2)]), Customer("1", "Ada2.0")]
        assert await server.bind({"id": "1", "name": "x", "tags": [{"name": "t"}]}) == [
            Customer("1", "x", [Tag("t")]),
            Customer("1", "x1.0"),
        ]
        for words, call in (
            (r"bind\(\), argument 'customer': Expected Customer, got str", lambda: server.bind("x")),
            (r"missing the field 'name'", lambda: server.bind({"id": "1"})),
            (r"no field 'nam'", lambda: server.bind({"id": "1", "nam": "x"})),
            (r"Customer.id: Expected str, got int", lambda: server.bind({"id": 1, "name": "x"})),
            (r"argument 'number'.*Expected int, got (str|float)", lambda: server.in_path("x", 1.5)),
            (r"argument 'text'.*Expected str, got bytes", lambda: server.text(b"x")),
            (r"'mode': Invalid enum value 'odd'", lambda: server.put("1", ada, "odd")),
            (r"missing|required", lambda: server.text()),
            (r"unexpected|no argument", lambda: server.text("x", other=1)),
        ):
            with pytest.raises(BadArgument, match=words):
                await call()
        assert await server.put("1", ada, "old") is None
        with pytest.raises(NotPassable):
            await server.same(object())

    both(test)


def test_errors_are_the_same() -> None:
    """What the server raises is raised at the client: kind, words and id; what is the server's own affair stays in its log."""

    async def test(server: Server) -> None:
        for kind, cls in (("missing", Missing), ("conflict", Conflict), ("uncertain", Uncertain)):
            with pytest.raises(cls):
                await server.fail(kind)
        with pytest.raises(Broken) as caught:
            await server.fail("other")
        assert caught.value.kind == "ValueError" and caught.value.id.startswith("api.server.")
        with pytest.raises(Broken, match="gave what its annotation does not say") as caught:
            await server.lie()
        assert caught.value.kind == "Misuse"

    both(test)


def test_a_narrow_edge() -> None:
    """A token opens what its edge allows, and the document shows just that."""

    async def test() -> None:
        async with calling(NARROW) as server:
            assert await server.text("x") == "x"
            with pytest.raises(NotAllowed, match="outside of what this reference allows"):
                await server.same(1)
        async with calling(Secret("another")) as server:
            with pytest.raises(Refused, match="token"):
                await server.text("x")
        async with asking(NARROW) as client:
            assert sorted((await client.get("/openapi.json")).json()["paths"]) == ["/optional", "/text"]

    run(test())


def test_an_edge_that_is_none() -> None:
    """A token for an edge that does not lead to the server is refused, with those that do."""

    async def test() -> None:
        async with running() as (app, _):
            with pytest.raises(
                Missing,
                match="no edge 'api/holder/other' leads to api/server; there are: api/holder/narrow, api/holder/whole",
            ):
                door_of(app.personas["api/server"], {"api/holder/other": Secret("x")})

    run(test())


def test_a_token_that_is_taken_back() -> None:
    """It opens nothing any more, at once; others do."""

    async def test() -> None:
        async with (
            running() as (_, door),
            HttpClient(Server, "http://x", NARROW, transport=httpx.ASGITransport(door)) as server,
        ):
            assert await server.text("x") == "x"
            door.close(NARROW)
            with pytest.raises(Refused):
                await server.text("x")

    run(test())


STATUS: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/text?text=x", {}, 200, ""),
    ("HEAD", "/text?text=x", {}, 200, ""),
    ("GET", "/text", {}, 422, "BadArgument"),
    ("GET", "/text?text=a&text=b", {}, 422, "BadArgument"),
    ("GET", "/text?text=a&more=b", {}, 422, "BadArgument"),
    ("GET", "/optional?b=x", {}, 422, "BadArgument"),
    ("GET", '/optional?b=5&c=["a"]&d=false', {}, 200, ""),
    ("GET", "/nothing", {}, 404, "Missing"),
    ("GET", "/", {}, 404, "Missing"),
    ("GET", "/text/more", {}, 404, "Missing"),
    ("POST", "/text?text=x", {}, 405, "NoSuchMethod"),
    ("OPTIONS", "/customers/1", {}, 405, "NoSuchMethod"),
    ("POST", "/bind", {"json": {"customer": {"id": "1", "name": "x"}}}, 200, ""),
    ("POST", "/bind", {"json": {"customer": {"id": "1"}}}, 422, "BadArgument"),
    ("POST", "/bind", {"json": []}, 422, "BadArgument"),
    ("POST", "/bind", {"json": {"customer": None}}, 422, "BadArgument"),
    ("POST", "/bind", {}, 422, "BadArgument"),
    ("POST", "/same", {}, 200, ""),
    ("POST", "/same", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, "BadArgument"),
    (
        "POST",
        "/same",
        {"content": b'{"value":"\\ud800"}', "headers": {"content-type": "application/json"}},
        400,
        "BadArgument",
    ),
    (
        "POST",
        "/same",
        {"content": b'{"value":' + b"[" * 100 + b"]" * 100 + b"}", "headers": {"content-type": "application/json"}},
        422,
        "BadArgument",
    ),
    (
        "POST",
        "/same",
        {"content": b'{"value":{"$":"no.such"}}', "headers": {"content-type": "application/json"}},
        400,
        "BadArgument",
    ),
    (
        "POST",
        "/same",
        {"content": b"value=1", "headers": {"content-type": "application/x-www-form-urlencoded"}},
        415,
        "BadArgument",
    ),
    (
        "POST",
        "/same",
        {"content": b'{"value":"' + b"x" * BODY + b'"}', "headers": {"content-type": "application/json"}},
        413,
        "LimitExceeded",
    ),
    ("PUT", "/customers/1", {"json": {"id": "2", "customer": {"id": "1", "name": "x"}}}, 422, "BadArgument"),
    ("DELETE", "/customers/1?hard=1", {}, 422, "BadArgument"),
    ("POST", "/fail", {"json": {"kind": "missing"}}, 404, "Missing"),
    ("POST", "/fail", {"json": {"kind": "conflict"}}, 409, "Conflict"),
    ("POST", "/fail", {"json": {"kind": "uncertain"}}, 504, "Uncertain"),
    ("POST", "/fail", {"json": {"kind": "other"}}, 500, "ValueError"),
    ("POST", "/large", {"json": {"size": 1 << 20}}, 500, "LimitExceeded"),
]


@pytest.mark.parametrize(
    ("verb", "path", "more", "status", "kind"),
    STATUS,
    ids=[f"{each[0]} {each[1]} {each[3]} {each[4]}" for each in STATUS],
)
def test_what_others_are_told(verb: str, path: str, more: dict[str, Any], status: int, kind: str) -> None:
    """Any client gets the right status, and an error that says what and why."""

    async def test() -> None:
        async with asking() as client:
            answer = await client.request(verb, path, **more)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json"), answer.text
            if kind:
                error = answer.json()["error"]
                assert error["kind"] == kind and error["message"]
                assert "secret" not in answer.text or kind == "ValueError"
            if status == 405:
                assert answer.headers["allow"]

    run(test())


def test_nesting_without_end() -> None:
    """A body that is nested deeper than anything passes is refused, however deep that is."""

    async def test() -> None:
        async with asking() as client:
            for depth in (100, 5_000, 200_000):
                body = b'{"value":' + b"[" * depth + b"]" * depth + b"}"
                answer = await client.post("/same", content=body, headers={"content-type": "application/json"})
                assert answer.status_code in (400, 422) and answer.json()["error"]["kind"] == "BadArgument"

    run(test())


def test_without_a_token() -> None:
    """Without a token, or with one that is nobody's, there is nothing, not even what there is."""

    async def test() -> None:
        async with asking(None) as client:
            for headers in (
                {},
                {"authorization": "Basic x"},
                {"authorization": "Bearer "},
                {"authorization": "Bearer x"},
            ):
                for path in ("/text?text=x", "/openapi.json", "/nothing"):
                    answer = await client.get(path, headers=headers)
                    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"

    run(test())


def test_the_document() -> None:
    """The OpenAPI document is valid, and says of each endpoint what its annotations say."""
    from openapi_spec_validator import validate

    async def test() -> None:
        async with asking() as client:
            document = (await client.get("/openapi.json")).json()
        validate(document)
        assert document["openapi"] == "3.1.0"
        put = document["paths"]["/customers/{id}"]["put"]
        assert put["parameters"] == [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
        body = put["requestBody"]["content"]["application/json"]["schema"]
        assert body["properties"]["customer"] == {"$ref": "#/components/schemas/tests.api.customer"} and body[
            "required"
        ] == ["customer"]
        assert body["properties"]["mode"] == {"enum": ["new", "old"], "default": "new"}
        customer = document["components"]["schemas"]["tests.api.customer"]
        assert customer["required"] == ["id", "name"] and customer["description"] == "Somebody who buys."
        assert document["components"]["schemas"]["tests.api.tag"]["properties"]["weight"] == {
            "type": "number",
            "default": 1.0,
        }
        assert document["paths"]["/text"]["get"]["summary"] == "What it was given."
        assert document["paths"]["/optional"]["get"]["parameters"][0] == {
            "name": "a",
            "in": "query",
            "required": False,
            "schema": {"type": "string"},
        }

    run(test())


def test_other_documents() -> None:
    """Bytes, records that contain themselves, and endpoints without annotations are described as well."""
    from openapi_spec_validator import validate

    class Odd(ApiServer):
        @endpoint("POST")
        async def odd(
            self,
            data: bytes,
            maybe: bytes | None,
            point: Point,
            names: dict[str, list[int]],
            anything,
            both: int | str = 1,
        ):  # type: ignore[no-untyped-def]
            return data

    document = openapi("odd", endpoints_of(Odd))
    validate(json.loads(json.dumps(document)))
    properties = document["paths"]["/odd"]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert properties["data"]["required"] == ["$bytes"] and properties["anything"] == {}


def test_what_no_endpoint_can_be() -> None:
    """What HTTP cannot have is refused when the program starts, with the name."""

    class Two(ApiServer):
        @endpoint("GET", "/a/{x}")
        async def one(self, x: str) -> str:
            return x

        @endpoint("GET", "/a/{y}")
        async def two(self, y: str) -> str:
            return y

    class Wild(ApiServer):
        @endpoint("POST")
        async def wild(self, *args: str) -> None: ...

    class Unnamed(ApiServer):
        @endpoint("GET", "/a/{x}")
        async def unnamed(self, y: str) -> None: ...

    class Relative(ApiServer):
        @endpoint("GET", "a b")
        async def relative(self) -> None: ...

    class Object(ApiServer):
        @endpoint("POST")
        async def object(self, it: Shape) -> None: ...

    for cls, words in (
        (Two, "two endpoints at GET"),
        (Wild, r"\*args"),
        (Unnamed, "names 'x'"),
        (Relative, "is none"),
        (Object, "cannot be checked"),
    ):
        with pytest.raises(Misuse, match=words):
            endpoints_of(cls)


def test_a_client_of_ours() -> None:
    """It has the endpoints and nothing else, and shows no token."""

    async def test() -> None:
        async with calling() as server:
            with pytest.raises(NoSuchMethod, match="did you mean 'text'"):
                await server.texts("x")  # type: ignore[attr-defined]
            assert "token" not in repr(server)
            with pytest.raises(BadArgument, match="too long for a GET"):
                await server.text("ä" * 20_000)

    run(test())


def test_other_servers() -> None:
    """What is no answer of ours is told as what it is: not there, lost on the way, or something else."""

    async def test() -> None:
        def transport(answer: Any) -> httpx.MockTransport:
            return httpx.MockTransport(lambda request: answer(request))

        def lost(request: httpx.Request) -> httpx.Response:
            raise httpx.ReadTimeout("slow", request=request)

        for answer, verb, kind in (
            (lambda _: httpx.Response(502, text="<html>"), "same", Unreachable),
            (lambda _: httpx.Response(200, text="<html>"), "same", Unreachable),
            (lambda _: httpx.Response(302, headers={"location": "/"}), "same", Uncertain),
            (lambda _: httpx.Response(500, json={"error": "x"}), "same", Uncertain),
            (lost, "same", Uncertain),
            (lost, "text", Unreachable),
        ):
            async with HttpClient(Server, "http://x", Secret("t"), transport=transport(answer)) as server:
                with pytest.raises(kind):
                    await getattr(server, verb)("x")

    run(test())
