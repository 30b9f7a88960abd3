"""Which drivers there are: those that come with Remit, and those of modules that a machine's agent was told to load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any, ClassVar, Final, Protocol

from remit.credentials._driver import Driver
from remit.credentials._owner import Owner

__all__ = ["DriverClass", "driver_classes", "find_driver"]

OURS: Final = ("http", "postgres", "redis", "tcp")


class DriverClass(Protocol):
    """A class of drivers: its `kind`, by which offers name it, and how one is made."""

    kind: ClassVar[str]

    def __call__(self, owner: Owner) -> Driver:
        """A driver for the service of this owner. `BadArgument` for options that it does not know."""


def driver_classes(modules: Iterable[ModuleType]) -> dict[str, Any]:
    """The driver classes that these modules define, by kind: classes with a text `kind`, and `grant`, `retire`, `revoke`, `observe`."""
    found = {}
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__ and _is_driver(value):
                found[value.kind] = value  # type: ignore[attr-defined]
    return found


def find_driver(kind: str, others: Mapping[str, Any] | None = None) -> Any:
    """The driver class of this kind, or None. Its client library is imported when it is used."""
    if others and kind in others:
        return others[kind]
    if kind == "postgres":
        from remit.credentials._postgres import Postgres

        return Postgres
    if kind == "redis":
        from remit.credentials._redis import Redis

        return Redis
    if kind == "http":
        from remit.credentials._http import Http

        return Http
    if kind == "tcp":
        from remit.credentials._tcp import Tcp

        return Tcp
    return None


def _is_driver(cls: type) -> bool:
    steps = ("describe", "check", "grant", "retire", "revoke", "observe", "close")
    return type(getattr(cls, "kind", None)) is str and all(callable(getattr(cls, step, None)) for step in steps)
