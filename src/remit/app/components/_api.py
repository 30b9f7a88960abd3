"""Servers with typed endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from remit.app._component import Component
from remit.app._interface import Work, exposed
from remit.app.api import endpoints_of
from remit.errors import BadArgument, Misuse

__all__ = ["ApiServer", "endpoint"]

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def endpoint(
    method: str = "POST", path: str = "", *, keys: tuple[str, ...] = ()
) -> Callable[[Callable[Concatenate[S, P], Work[R]]], Callable[Concatenate[S, P], Work[R]]]:
    """Mark an `async def` method of an `ApiServer` as one of its endpoints: whoever was given the server can call it, typed as it is written.

    A `GET` only reads, and passes `read_only()`. `path` is where it is over HTTP (without: its name).
    """
    if method not in METHODS:
        raise Misuse(f"an endpoint's method is one of {', '.join(METHODS)}, not {method!r}: write @endpoint('GET')")
    return exposed(reads=method == "GET", keys=keys, http={"method": method, "path": path})


class ApiServer(Component):
    """A server: derive from it, and mark methods with `@endpoint`. It answers who was given it, and ends with its application.

    Arguments and results are what the methods' annotations say, on every target: an integer is made a float where that is asked for, an object with a record's fields the record, and what does not
    fit is refused (`BadArgument`) before the method is called. Over HTTP it is served by `remit.app.api`.
    """

    kind = "api"

    def spec(self) -> dict[str, Any]:
        return {"runs": False}

    def check(self) -> None:
        endpoints_of(type(self))

    async def start(self, host: Any) -> None:
        if host.settings.get("http"):
            from remit.app.components._http_side import serve_beside

            self.__dict__["_http"] = await serve_beside(self, host)

    async def stop(self) -> None:
        if served := self.__dict__.pop("_http", None):
            await served.aclose()

    async def answer(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        endpoint = endpoints_of(type(self)).get(method)
        if endpoint is None:
            return await super().answer(method, args, kwargs)
        result = await getattr(self, method)(**endpoint.fit(endpoint.signature.bind(*args, **kwargs).arguments))
        try:
            return endpoint.result.fit(result)
        except BadArgument as error:
            raise Misuse(
                f"{type(self).__name__}.{method}() gave what its annotation does not say: {error.message}"
            ) from None
