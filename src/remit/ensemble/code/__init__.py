"""Loading code into running servers: a module and what it imports, as a bundle whose parts are known by their digests, signed by who sends it.

    Bundle.of("shop.handlers").signed(key)  ──offer──►  what the server lacks  ──put──►  executed, or everything as it was

A bundle is made without executing any of it. Versions are kept by the server, and it can go back to them; living objects are brought over to newer classes
by the classes' own `_upgrade`.
"""

from __future__ import annotations

from remit.ensemble.code._bundle import PRESENT, Bundle
from remit.ensemble.code._code import Code
from remit.ensemble.code._manifest import Manifest, digest_of, signed
from remit.ensemble.code._part import Loading, make_load, restore_code, send_bundle, send_library
from remit.ensemble.code._records import Loaded, Version

__all__ = [
    "PRESENT",
    "Bundle",
    "Code",
    "Loaded",
    "Loading",
    "Manifest",
    "Version",
    "digest_of",
    "make_load",
    "restore_code",
    "send_bundle",
    "send_library",
    "signed",
]
