"""The key-value store of applications, on memory, SQLite and PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING as _TYPE_CHECKING

from remit._lazy import lazily as _lazily
from remit.app.store._backend import MISSING, PAGE, Seen, StoreBackend, modify
from remit.app.store._form import LARGEST, from_json, to_json
from remit.app.store._index import Entry, Found, Index, IndexView, index
from remit.app.store._memory import MemoryBackend, MemoryTables
from remit.app.store._names import KEY_SIZE
from remit.app.store._settings import backend_for, schema_for

if _TYPE_CHECKING:
    from remit.app.store._postgres import PostgresBackend
    from remit.app.store._postgres_edges import PostgresEdges
    from remit.app.store._postgres_link import problem_at
    from remit.app.store._sqlite import SqliteBackend

__all__ = [
    "KEY_SIZE",
    "LARGEST",
    "MISSING",
    "PAGE",
    "Entry",
    "Found",
    "Index",
    "IndexView",
    "MemoryBackend",
    "MemoryTables",
    "PostgresBackend",
    "PostgresEdges",
    "Seen",
    "SqliteBackend",
    "StoreBackend",
    "backend_for",
    "from_json",
    "index",
    "modify",
    "problem_at",
    "schema_for",
    "to_json",
]

__getattr__ = _lazily(
    __name__,
    {
        "_postgres": "PostgresBackend",
        "_postgres_edges": "PostgresEdges",
        "_postgres_link": "problem_at",
        "_sqlite": "SqliteBackend",
    },
)
