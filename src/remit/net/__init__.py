"""Nodes and netlayers: how objects of different processes reach each other. The only layer that opens sockets.

`Node` joins a key, a vat, netlayers and CapTP sessions; `Network` is what objects see of it. `memory`, `unix` and `tls` prove
both ends' keys before a message passes; so does `websocket` between nodes, and it serves foreign OCapN peers, too;
`tcp-testing-only` proves nothing and is for interoperability tests. What a
netlayer is: `Netlayer`, `Channel`, `Receiver`. Other protocols over sockets build on the same parts: `StreamNetlayer` listens under admission
control and dials, `Framing` and `Frames` cut streams into messages, a `Proof` runs before the first, `SessionAccount` says when a peer is not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING as _TYPE_CHECKING

from remit._lazy import lazily as _lazily

if _TYPE_CHECKING:
    from remit.net._account import SessionAccount
    from remit.net._address_book import AddressBook, SignedAddress, sign_address
    from remit.net._admission import Admission
    from remit.net._bulk import Bulk
    from remit.net._bulks import Bulks
    from remit.net._channel import Channel, Netlayer, Receiver
    from remit.net._dialling import dialling
    from remit.net._ends import End, Joint, Meter
    from remit.net._handshake import Proof
    from remit.net._hello import Hello
    from remit.net._identity import NodeKey, designator_of, proves, public_of
    from remit.net._live import Live, live_ref
    from remit.net._log import TurnLog
    from remit.net._loop import run, told_to_stop
    from remit.net._memory import MemoryNetlayer, MemoryNetwork
    from remit.net._memory_channel import Journey
    from remit.net._metrics import EXPOSITION_TYPE, Family, exposition
    from remit.net._network import Network
    from remit.net._node import Guide, Node
    from remit.net._once import ask_once
    from remit.net._pool import Pool
    from remit.net._recall import Recall
    from remit.net._socket_end import SocketEnd
    from remit.net._socketfile import SocketFile
    from remit.net._stream import Framing
    from remit.net._streams import StreamNetlayer
    from remit.net._succession import HEIR, Succession, heir_of, sign_succession
    from remit.net._tcp import TcpTestingNetlayer
    from remit.net._tls import TlsNetlayer, listening_socket
    from remit.net._trace import Tracer, tracing_of
    from remit.net._unix import UnixNetlayer, connect_unix, process_of
    from remit.net._websocket import WebSocketNetlayer
    from remit.net._websocket_frames import Frames

__all__ = [
    "EXPOSITION_TYPE",
    "HEIR",
    "AddressBook",
    "Admission",
    "Bulk",
    "Bulks",
    "Channel",
    "End",
    "Family",
    "Frames",
    "Framing",
    "Guide",
    "Hello",
    "Joint",
    "Journey",
    "Live",
    "MemoryNetlayer",
    "MemoryNetwork",
    "Meter",
    "Netlayer",
    "Network",
    "Node",
    "NodeKey",
    "Pool",
    "Proof",
    "Recall",
    "Receiver",
    "SessionAccount",
    "SignedAddress",
    "SocketEnd",
    "SocketFile",
    "StreamNetlayer",
    "Succession",
    "TcpTestingNetlayer",
    "TlsNetlayer",
    "Tracer",
    "TurnLog",
    "UnixNetlayer",
    "WebSocketNetlayer",
    "ask_once",
    "connect_unix",
    "designator_of",
    "dialling",
    "exposition",
    "heir_of",
    "listening_socket",
    "live_ref",
    "process_of",
    "proves",
    "public_of",
    "run",
    "sign_address",
    "sign_succession",
    "told_to_stop",
    "tracing_of",
]

__getattr__ = _lazily(
    __name__,
    {
        "_account": "SessionAccount",
        "_address_book": "AddressBook SignedAddress sign_address",
        "_admission": "Admission",
        "_bulk": "Bulk",
        "_bulks": "Bulks",
        "_channel": "Channel Netlayer Receiver",
        "_dialling": "dialling",
        "_ends": "End Joint Meter",
        "_handshake": "Proof",
        "_hello": "Hello",
        "_identity": "NodeKey designator_of proves public_of",
        "_live": "Live live_ref",
        "_log": "TurnLog",
        "_loop": "run told_to_stop",
        "_memory": "MemoryNetlayer MemoryNetwork",
        "_memory_channel": "Journey",
        "_metrics": "EXPOSITION_TYPE Family exposition",
        "_network": "Network",
        "_node": "Guide Node",
        "_once": "ask_once",
        "_pool": "Pool",
        "_recall": "Recall",
        "_socket_end": "SocketEnd",
        "_socketfile": "SocketFile",
        "_stream": "Framing",
        "_streams": "StreamNetlayer",
        "_succession": "HEIR Succession heir_of sign_succession",
        "_tcp": "TcpTestingNetlayer",
        "_tls": "TlsNetlayer listening_socket",
        "_trace": "Tracer tracing_of",
        "_unix": "UnixNetlayer connect_unix process_of",
        "_websocket": "WebSocketNetlayer",
        "_websocket_frames": "Frames",
    },
)
