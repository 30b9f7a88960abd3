"""Servers with typed endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from remit.app._component import Component
from remit.app._interface import Work, exposed
from remit.errors import Misuse

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
    """A server: derive from it, and mark methods with `@endpoint`. It answers who was given it, and ends with its application."""

    kind = "api"

    def spec(self) -> dict[str, Any]:
        return {"runs": False}
