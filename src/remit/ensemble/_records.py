"""What passes between registry, servers and consoles."""

from __future__ import annotations

from typing import Any

from remit.net import SignedAddress
from remit.values import SturdyRef, record

__all__ = ["ServerEntry"]


@record("remit.server")
class ServerEntry:
    """One server that is there now: an assertion in the registry's dataspace, for as long as the server's session lasts.

    `id` is the whole id. `address` is the server's own word on where it is, signed with its `key`; `door` is where whoever is in the
    ensemble knocks. `since`: seconds since the epoch. `info`: what the server says of itself.
    """

    id: str
    roles: list[str]
    address: SignedAddress
    door: SturdyRef
    key: bytes
    since: float
    info: dict[str, Any]
