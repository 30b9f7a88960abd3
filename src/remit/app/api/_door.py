"""The HTTP side of an `ApiServer`: an ASGI application. Who has the token of an edge can call what that edge allows.

    token ──► whose edge ──► path and method ──► arguments, as annotated ──► the edge's gate ──► JSON
     401           403            404, 405             400, 413, 415, 422          as it says

Every target answers calls by the same gates, so the results, the refusals and the errors are the same here.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl, unquote

from remit.app.api._endpoint import Endpoint, endpoints_of
from remit.app.api._errors import status_of, written
from remit.app.api._openapi import openapi
from remit.app.store import from_json, to_json
from remit.errors import BadArgument, Broken, Missing, NoSuchMethod, NotPassable, Refused, RemitError
from remit.values import Secret, passable

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

__all__ = ["BODY", "Answering", "Door", "door_of"]

BODY: Final = 1 << 20
"""Bytes of a request's body, at most: a frame of the network (`Limits.frame`)."""

DISCARDED: Final = 8 * BODY  # of a body that is too large, so that its sender hears of it
PATIENCE: Final = 30.0  # seconds for a body to come in
_JSON: Final = "application/json"


class Answering(Protocol):
    """One way in: what is allowed, and the calls. A `remit.app` gate is one."""

    async def call(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result, as a copy; raises `Broken` only."""


class Failure(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, error: Broken, **headers: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Door:
    """An ASGI application over the endpoints of one server. It has no state but the ways in; it ends with whoever serves it.

    `ways` are the gates by their tokens: `Secret`s that only the holder of that edge has. `close(token)` takes one back at once.
    """

    def __init__(self, title: str, endpoints: dict[str, Endpoint], ways: Mapping[Secret, Answering]) -> None:
        self.title = title
        self._endpoints = endpoints
        self._ways = {_digest(token.text): way for token, way in ways.items()}

    def open(self, token: Secret, way: Answering) -> None:
        """One more way in."""
        self._ways[_digest(token.text)] = way

    def close(self, token: Secret) -> None:
        """Take a way back: calls that come later are refused."""
        self._ways.pop(_digest(token.text), None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.requests import Request

        if scope["type"] != "http":
            raise RuntimeError("the door of an ApiServer speaks HTTP only")
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except Failure as failure:
            response = _response(failure.status, to_json(written(failure.error)), failure.headers)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        way = self._way(request)
        segments = [unquote(each) for each in _raw_path(request).split("/")[1:]]
        if segments == ["openapi.json"] and request.method in ("GET", "HEAD"):
            return _response(200, json.dumps(self._document(way)).encode())
        endpoint, found = self._find(request.method, segments)
        try:
            result = await way.call(endpoint.name, (), endpoint.fit(await _arguments(request, endpoint, found)))
        except Broken as error:
            raise Failure(status_of(error), error) from None
        try:
            return _response(200, to_json(result))
        except RemitError as error:
            words = f"the result of {endpoint.name}() cannot be sent: {getattr(error, 'message', error)}"
            raise Failure(500, Broken.of("LimitExceeded", words)) from None

    def _way(self, request: Request) -> Answering:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        way = self._ways.get(_digest(token.strip())) if scheme.lower() == "bearer" else None
        if way is None:
            text = "this server answers those who have a token: send the header Authorization: Bearer … with the one of your edge"
            raise Failure(401, Refused(text), www_authenticate="Bearer")
        return way

    def _find(self, verb: str, segments: list[str]) -> tuple[Endpoint, dict[str, str]]:
        verb = "GET" if verb == "HEAD" else verb
        others = set()
        best: tuple[int, Endpoint, dict[str, str]] | None = None
        for endpoint in self._endpoints.values():
            found = endpoint.match(segments)
            if found is None:
                continue
            if endpoint.verb != verb:
                others.add(endpoint.verb)
            elif best is None or len(found) < best[0]:  # /customers/new before /customers/{id}
                best = len(found), endpoint, found
        if best is not None:
            return best[1], best[2]
        shown = f"{verb} /{'/'.join(segments)}"[:200]
        if others:
            allowed = ", ".join(sorted(others))
            raise Failure(405, NoSuchMethod(f"there is no {shown}; at this path there is {allowed}"), allow=allowed)
        raise Failure(404, Missing(f"there is nothing at {shown}; GET /openapi.json says what there is"))

    def _document(self, way: Answering) -> dict[str, Any]:
        allows = getattr(way, "allows", None)
        return openapi(self.title, self._endpoints, allows or (lambda _: True))


def door_of(persona: Any, tokens: Mapping[str, Secret]) -> Door:
    """The door of the server that runs in a persona (`remit.app.Persona`), with the tokens of its edges by their ids. Raises `Missing` for an edge that does not lead to it."""
    for edge in tokens:
        if edge not in persona.gates:
            raise Missing(
                f"no edge {edge!r} leads to {persona.id}; there are: {', '.join(sorted(persona.gates)) or 'none'}"
            )
    return Door(
        persona.id, endpoints_of(type(persona.body)), {token: persona.gates[edge] for edge, token in tokens.items()}
    )


async def _arguments(request: Request, endpoint: Endpoint, found: dict[str, str]) -> dict[str, Any]:
    """What the request says, by name; not yet checked against annotations."""
    arguments = {name: endpoint.parameters[name].read(text) for name, text in found.items()}
    for name, text in (
        parse_qsl(request.url.query, keep_blank_values=True, max_num_fields=1000, errors="strict")
        if request.url.query
        else ()
    ):
        parameter = endpoint.parameters.get(name)
        if parameter is None or parameter.place != "query":
            names = [each.name for each in endpoint.parameters.values() if each.place == "query"]
            raise BadArgument(
                f"{endpoint.name} takes no {name!r:.80} in its query; it takes: {', '.join(names) or 'none'}"
            )
        if name in arguments:
            raise BadArgument(f"{endpoint.name} was given {name!r} twice: a list is written as JSON, {name}=[…]")
        arguments[name] = parameter.read(text)
    if any(each.place == "body" for each in endpoint.parameters.values()):
        arguments |= await _body(request, endpoint)
    try:
        return passable(arguments)  # type: ignore[no-any-return]
    except NotPassable as error:
        raise BadArgument(f"{endpoint.name}: {error}") from None


async def _body(request: Request, endpoint: Endpoint) -> dict[str, Any]:
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > DISCARDED:
        raise _too_large()
    text, size = bytearray(), 0
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                size += len(chunk)
                if size > DISCARDED:  # the connection ends; who sends on will not hear why
                    raise _too_large()
                if size <= BODY:
                    text += chunk
    except TimeoutError:
        raise Failure(408, Broken(f"the body of the request has not come within {PATIENCE:g} s")) from None
    if size > BODY:
        raise _too_large()
    if not text:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON:
        raise Failure(
            415, BadArgument(f"the body is JSON: send the header Content-Type: {_JSON}, not {kind[:80] or 'none'}")
        )
    try:
        value = from_json(bytes(text))
    except (RemitError, RecursionError) as error:
        raise Failure(400, BadArgument(f"the body cannot be read: {error}")) from None
    if type(value) is not dict:
        raise BadArgument(f"the body is an object of {endpoint.name}'s arguments by name, not {type(value).__name__}")
    for name in value:
        if name in endpoint.parameters and endpoint.parameters[name].place != "body":
            raise BadArgument(
                f"{name!r} of {endpoint.name} is not in the body, but in the {endpoint.parameters[name].place}"
            )
    return value


def _too_large() -> Failure:
    return Failure(
        413, Broken.of("LimitExceeded", f"the body of a request has at most {BODY} bytes"), connection="close"
    )


def _raw_path(request: Request) -> str:
    """The path as it was sent: a slash in an argument is none of the path's."""
    raw = request.scope.get("raw_path")
    return raw.decode("latin-1").partition("?")[0] if raw else str(request.scope["path"])


def _response(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    from starlette.responses import Response

    more = {"cache-control": "no-store", "x-content-type-options": "nosniff", **(headers or {})}
    return Response(body, status, more, _JSON)


def _digest(token: str) -> bytes:
    """What is compared, and kept: where the time of a comparison tells something, it tells nothing of the token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
