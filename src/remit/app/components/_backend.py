"""Which backend keeps what a component keeps, where it runs."""

from __future__ import annotations

from remit.app._persona import Host
from remit.app.store import StoreBackend, backend_for

__all__ = ["backend_of"]


def backend_of(host: Host) -> StoreBackend:
    """A backend for the component of this host, as its target's settings say; not open yet."""
    return backend_for(host.settings.get("store", {"kind": "memory"}), host.directory, host.name)
