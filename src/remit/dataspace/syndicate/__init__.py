"""The Syndicate protocol: dataspaces and other entities shared with peers of any kind and language.

`_session.py` is the protocol, pure: bytes in, bytes and events out. `_attenuated.py` and `_sturdy.py` narrow what peers get,
`_gatekeeper.py` hands it out. `connect` and `listen` are where sockets begin. docs/syndicate.md is for users.
"""

from remit.dataspace.syndicate._address import Address
from remit.dataspace.syndicate._attenuated import Alarm, attenuated, revocable
from remit.dataspace.syndicate._caveats import only, reject, rewrite, until
from remit.dataspace.syndicate._connect import Connecting, connect
from remit.dataspace.syndicate._gatekeeper import Gatekeeper
from remit.dataspace.syndicate._noise import public_key
from remit.dataspace.syndicate._opening import Answer, Request
from remit.dataspace.syndicate._pipes import Speaking, own_stdio, speak
from remit.dataspace.syndicate._records import bind_step, resolve
from remit.dataspace.syndicate._resolver import PathResolver
from remit.dataspace.syndicate._route import Route
from remit.dataspace.syndicate._serve import Debt, Server, gatekeeper, listen
from remit.dataspace.syndicate._session import Session
from remit.dataspace.syndicate._sturdy import SturdyRef

__all__ = [
    "Address",
    "Alarm",
    "Answer",
    "Connecting",
    "Debt",
    "Gatekeeper",
    "PathResolver",
    "Request",
    "Route",
    "Server",
    "Session",
    "Speaking",
    "SturdyRef",
    "attenuated",
    "bind_step",
    "connect",
    "gatekeeper",
    "listen",
    "only",
    "own_stdio",
    "public_key",
    "reject",
    "resolve",
    "revocable",
    "rewrite",
    "speak",
    "until",
]
