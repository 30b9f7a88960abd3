"""Administration: who may use which part of a server's control object, for how long, and what is written down of it.

Start at `_steward.py`, which lends parts of the control object and takes them back; `_table.py` (grants) and `_unlock.py` (the administrators' word) are
what it goes by, `_guest.py` is what its clients hold. `_key.py` keeps the administrators' key, `_audit.py` what was used.

Names are loaded when they are used, so that a command that asks one question loads no steward.
"""

from __future__ import annotations

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from remit.ensemble.admin._audit import AuditLog, read_audit
    from remit.ensemble.admin._files import StewardFiles
    from remit.ensemble.admin._guest import Giver, Guest, Lease
    from remit.ensemble.admin._key import AdminKey, admin_public, check_passphrase
    from remit.ensemble.admin._steward import SENSITIVE, Steward, Use, Workshop
    from remit.ensemble.admin._table import ADMIN, ITSELF, LOCAL, Grant, GrantTable, check_part
    from remit.ensemble.admin._unlock import LEASE, LONGEST, Challenge, Unlock, answer, check_unlock

_WHERE = {
    "ADMIN": "_table",
    "ITSELF": "_table",
    "LEASE": "_unlock",
    "LOCAL": "_table",
    "LONGEST": "_unlock",
    "SENSITIVE": "_steward",
    "AdminKey": "_key",
    "AuditLog": "_audit",
    "Challenge": "_unlock",
    "Giver": "_guest",
    "Grant": "_table",
    "GrantTable": "_table",
    "Guest": "_guest",
    "Lease": "_guest",
    "Steward": "_steward",
    "StewardFiles": "_files",
    "Unlock": "_unlock",
    "Use": "_steward",
    "Workshop": "_steward",
    "admin_public": "_key",
    "answer": "_unlock",
    "check_part": "_table",
    "check_passphrase": "_key",
    "check_unlock": "_unlock",
    "read_audit": "_audit",
}

__all__ = [
    "ADMIN",
    "ITSELF",
    "LEASE",
    "LOCAL",
    "LONGEST",
    "SENSITIVE",
    "AdminKey",
    "AuditLog",
    "Challenge",
    "Giver",
    "Grant",
    "GrantTable",
    "Guest",
    "Lease",
    "Steward",
    "StewardFiles",
    "Unlock",
    "Use",
    "Workshop",
    "admin_public",
    "answer",
    "check_part",
    "check_passphrase",
    "check_unlock",
    "read_audit",
]


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(_importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    return found
