"""Which backend keeps a store, as data: what targets say of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remit.app.store._backend import StoreBackend
from remit.app.store._memory import MemoryBackend
from remit.durable import read_secret_file
from remit.errors import Misuse
from remit.values import Secret

__all__ = ["backend_for", "schema_for"]


def backend_for(settings: Mapping[str, Any], directory: Path | None, name: str) -> StoreBackend:
    """The backend for a component with this physical name, which keeps its files in this directory; not open yet.

    {"kind": "memory"}
    {"kind": "sqlite"}                              store.sqlite in the directory
    {"kind": "postgres", "connection": PATH}        the owner's libpq address, in a file of mode 0600; the schema is named by the component
    """
    match settings.get("kind"):
        case "memory":
            return MemoryBackend()
        case "sqlite":
            from remit.app.store._sqlite import SqliteBackend

            if directory is None:
                raise Misuse(f"the store {name} is to be kept in a file, and its target gives it no directory")
            return SqliteBackend(directory / "store.sqlite")
        case "postgres":
            from remit.app.store._postgres import PostgresBackend

            text = read_secret_file(settings["connection"]).decode().strip()
            return PostgresBackend(Secret(text), schema_for(name))
    raise Misuse(f"the store {name} is to be kept by {settings.get('kind')!r}: memory, sqlite or postgres")


def schema_for(name: str) -> str:
    """The schema of PostgreSQL for a component with this physical name."""
    return name.replace("-", "_")
