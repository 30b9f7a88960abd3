"""What is kept of a vat, and the stores that keep it."""

from __future__ import annotations

from remit.durable._files import check_private, open_state_dir, read_secret_file, sync_dir, write_secret_file
from remit.durable._lock import FileLock
from remit.durable._loose import Loose
from remit.durable._mail import Undelivered, Waiting
from remit.durable._memory import MemoryStore
from remit.durable._outbox import Outbox, durably
from remit.durable._rows import Batch, Snapshot, Store
from remit.durable._sealed import seal, unseal
from remit.durable._sqlite import SqliteStore
from remit.durable._sqlite_errors import translated as sqlite_error
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
