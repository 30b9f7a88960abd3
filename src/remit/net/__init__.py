"""Netlayers: how nodes reach each other. The only layer that opens sockets.

`memory`, `unix` and `tls` prove both ends' keys before a message passes; `tcp-testing-only` proves nothing and is
for interoperability tests. What a netlayer is: `Netlayer`, `Channel`, `Receiver`.
"""

from remit.net._channel import Channel, Netlayer, Receiver
from remit.net._hello import Hello
from remit.net._identity import NodeKey, designator_of, proves, public_of

__all__ = ["Channel", "Hello", "Netlayer", "NodeKey", "Receiver", "designator_of", "proves", "public_of"]
