"""A typed client for a class of servers, over HTTP: the same methods, results and errors as of a server that was passed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from difflib import get_close_matches
from types import TracebackType
from typing import Any, Final, Generic, TypeVar, cast
from urllib.parse import quote

from remit.app.api._endpoint import Endpoint, endpoints_of
from remit.app.api._errors import error_of
from remit.app.store import from_json, to_json
from remit.errors import BadArgument, Misuse, NoSuchMethod, ProtocolError, RemitError, Uncertain, Unreachable
from remit.values import Secret, passable_args

__all__ = ["HttpClient", "HttpWiring"]

T = TypeVar("T")
PATIENCE: Final = 60.0  # seconds for one call
CONNECT: Final = 10.0  # seconds for a connection
LINE: Final = 1 << 15  # characters of a path with its query: servers take 64 KiB with all headers
ANSWER: Final = 1 << 21  # bytes of an answer


class HttpWiring:
    """Calls to one server, over connections that are kept. It is a `Wiring`, so a component can hold a server by it. Owned by whoever made it, until `close`."""

    def __init__(
        self,
        url: str,
        token: Secret,
        endpoints: dict[str, Endpoint],
        *,
        patience: float = PATIENCE,
        transport: Any = None,
    ) -> None:
        try:
            import httpx
        except ImportError:
            raise Misuse("calls over HTTP need httpx, which is not installed: pip install 'remit[serve]'") from None
        self._url = url.rstrip("/")
        self._endpoints = endpoints
        self._httpx = httpx
        self._http = httpx.AsyncClient(
            headers={"authorization": f"Bearer {token.text}"}, timeout=httpx.Timeout(patience, connect=CONNECT), trust_env=False, follow_redirects=False,
            transport=transport,
        )  # fmt: skip

    async def call(self, edge: str, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See `Wiring.call`."""
        endpoint = self._endpoints.get(method)
        if endpoint is None:
            raise NoSuchMethod(
                f"{method!r} is no endpoint: over HTTP there are {', '.join(sorted(self._endpoints)) or 'none'}"
            )
        try:
            bound = endpoint.signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise BadArgument(f"{method}(): {error}") from None
        status, text = await self._ask(endpoint, *_request(endpoint, endpoint.fit(bound)))
        try:
            value = from_json(text)
        except RemitError:
            value = None
            status = status if status != 200 else 502
        if status != 200:
            raise error_of(value, status)
        try:
            return endpoint.result.fit(value)
        except BadArgument as error:
            raise ProtocolError(
                f"{self._url} gave what {method}() does not give: {error.message}; it is another version of the server"
            ) from None

    async def _ask(self, endpoint: Endpoint, path: str, body: bytes | None) -> tuple[int, bytes]:
        httpx = self._httpx
        where = f"{endpoint.name}() of {self._url}"
        headers = {"content-type": "application/json"} if body is not None else {}
        try:
            async with self._http.stream(
                endpoint.verb, f"{self._url}{path}", content=body, headers=headers
            ) as response:
                text = bytearray()
                async for chunk in response.aiter_bytes():
                    text += chunk
                    if len(text) > ANSWER:
                        raise ProtocolError(f"{where}: the answer has more than {ANSWER} bytes")
                return response.status_code, bytes(text)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unreachable(
                f"{where}: nobody answers there ({error or type(error).__name__}); nothing was sent"
            ) from None
        except (httpx.HTTPError, httpx.StreamError) as error:
            words = f"{where}: the connection was lost, or too slow ({error or type(error).__name__})"
            raise (
                Unreachable(f"{words}; it only reads")
                if endpoint.verb == "GET"
                else Uncertain(f"{words}: it may have been done")
            ) from None
        except httpx.InvalidURL as error:
            raise BadArgument(f"{self._url!r} is no URL of a server: {error}") from None

    async def close(self) -> None:
        """End the connections."""
        await self._http.aclose()


def _request(endpoint: Endpoint, arguments: dict[str, Any]) -> tuple[str, bytes | None]:
    """Path with query, and body."""
    path, query, body = endpoint.path, [], {}
    for name, value in arguments.items():
        parameter = endpoint.parameters[name]
        if parameter.place == "body":
            body[name] = value
        elif parameter.place == "path":
            path = path.replace(f"{{{name}}}", quote(parameter.written(value), safe="").replace(".", "%2E"))
        elif not (parameter.is_text and value is None):
            query.append(f"{name}={quote(parameter.written(value), safe='')}")
    line = f"{path}?{'&'.join(query)}" if query else path
    if len(line) > LINE:
        raise BadArgument(
            f"the arguments of {endpoint.name}() are too long for a {endpoint.verb}, {len(line)} characters of {LINE}: make it a POST endpoint"
        )
    return line, to_json(body) if any(each.place == "body" for each in endpoint.parameters.values()) else None


class HttpClient(Generic[T]):
    """`async with HttpClient(CustomerServer, url, token) as server: await server.get_customer("1")`. Typed as the class; ends with the block.

    It has the endpoints of the class and nothing else. Errors are those of the server's end; `Unreachable` where nothing was sent, `Uncertain` where it may have been done.
    """

    def __init__(
        self, cls: type[T], url: str, token: Secret, *, patience: float = PATIENCE, transport: Any = None
    ) -> None:
        self._cls = cls
        self._wiring = HttpWiring(url, token, endpoints_of(cls), patience=patience, transport=transport)

    async def __aenter__(self) -> T:
        return cast("T", _Held(self._cls, self._wiring))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._wiring.close()

    def __repr__(self) -> str:
        return f"<HttpClient of {self._cls.__name__}>"


class _Held:
    """The server, as who calls it over HTTP has it."""

    __slots__ = ("_cls", "_wiring")

    def __init__(self, cls: type, wiring: HttpWiring) -> None:
        self._cls = cls
        self._wiring = wiring

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        wiring = self._wiring
        if name not in wiring._endpoints:
            if name.startswith("__"):
                raise AttributeError(name)
            near = get_close_matches(name, wiring._endpoints, 1)
            raise NoSuchMethod(
                f"{self._cls.__name__} has no endpoint {name!r}{f'; did you mean {near[0]!r}?' if near else ''}"
            )

        async def call(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = passable_args(args, kwargs)
            return await wiring.call("http", name, args, kwargs)

        return call

    def __repr__(self) -> str:
        return f"<{self._cls.__name__} over HTTP>"
