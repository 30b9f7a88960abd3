"""Netlayers: how nodes reach each other. The only layer that opens sockets.

`memory`, `unix` and `tls` prove both ends' keys before a message passes; `tcp-testing-only` proves nothing and is
for interoperability tests. What a netlayer is: `Netlayer`, `Channel`, `Receiver`.
"""

from remit.net._admission import Admission
from remit.net._channel import Channel, Netlayer, Receiver
from remit.net._hello import Hello
from remit.net._identity import NodeKey, designator_of, proves, public_of
from remit.net._memory import MemoryNetlayer, MemoryNetwork
from remit.net._memory_channel import Journey
from remit.net._tcp import TcpTestingNetlayer
from remit.net._tls import TlsNetlayer
from remit.net._unix import UnixNetlayer

__all__ = [
    "Admission",
    "Channel",
    "Hello",
    "Journey",
    "MemoryNetlayer",
    "MemoryNetwork",
    "Netlayer",
    "NodeKey",
    "Receiver",
    "TcpTestingNetlayer",
    "TlsNetlayer",
    "UnixNetlayer",
    "designator_of",
    "proves",
    "public_of",
]
