"""Which backend keeps what a component keeps, where it runs."""

from __future__ import annotations

from remit.app._persona import Host
from remit.app.store import MemoryBackend, SqliteBackend, StoreBackend

__all__ = ["backend_of"]


def backend_of(host: Host) -> StoreBackend:
    """A backend for the component of this host, as its target's settings say; not open yet."""
    settings = host.settings.get("store", {"kind": "memory"})
    if settings["kind"] == "sqlite" and host.directory is not None:
        return SqliteBackend(host.directory / "store.sqlite")
    return MemoryBackend()
