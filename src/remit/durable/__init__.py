"""What is kept of a vat, and the stores that keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING as _TYPE_CHECKING

from remit._lazy import lazily as _lazily
from remit.durable._sqlite_errors import translated as sqlite_error

if _TYPE_CHECKING:
    from remit.durable._files import check_private, open_state_dir, read_secret_file, sync_dir, write_secret_file
    from remit.durable._lock import FileLock
    from remit.durable._loose import Loose
    from remit.durable._mail import Undelivered, Waiting
    from remit.durable._memory import MemoryStore
    from remit.durable._outbox import Outbox, durably
    from remit.durable._rows import Batch, Snapshot, Store
    from remit.durable._sealed import seal, unseal
    from remit.durable._sqlite import SqliteStore
    from remit.durable._vat import DurableVat
    from remit.durable._writer import Writer

__all__ = [
    "Batch",
    "DurableVat",
    "FileLock",
    "Loose",
    "MemoryStore",
    "Outbox",
    "Snapshot",
    "SqliteStore",
    "Store",
    "Undelivered",
    "Waiting",
    "Writer",
    "check_private",
    "durably",
    "open_state_dir",
    "read_secret_file",
    "seal",
    "sqlite_error",
    "sync_dir",
    "unseal",
    "write_secret_file",
]

__getattr__ = _lazily(
    __name__,
    {
        "_files": "check_private open_state_dir read_secret_file sync_dir write_secret_file",
        "_lock": "FileLock",
        "_loose": "Loose",
        "_mail": "Undelivered Waiting",
        "_memory": "MemoryStore",
        "_outbox": "Outbox durably",
        "_rows": "Batch Snapshot Store",
        "_sealed": "seal unseal",
        "_sqlite": "SqliteStore",
        "_vat": "DurableVat",
        "_writer": "Writer",
    },
)
