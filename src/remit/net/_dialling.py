"""The netlayers by which a process that does not listen reaches others."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from remit.net._tls import TlsNetlayer
from remit.net._unix import UnixNetlayer
from remit.net._websocket import WebSocketNetlayer

if TYPE_CHECKING:
    from collections.abc import Container

    from remit.net._channel import Netlayer
    from remit.net._identity import NodeKey

__all__ = ["dialling"]


def dialling(key: NodeKey, *, but: Container[str] = ()) -> list[Netlayer]:
    """One netlayer of each kind that nodes of our own are dialled by here, without those that there are already.

    `websocket` is among them where its extra, `remit[websocket]`, is installed. Give them to `Node.use`.
    """
    made: list[Netlayer] = [UnixNetlayer(key), TlsNetlayer(key)]
    if find_spec("websockets") is not None:
        made.append(WebSocketNetlayer(key))
    return [netlayer for netlayer in made if netlayer.transport not in but]
