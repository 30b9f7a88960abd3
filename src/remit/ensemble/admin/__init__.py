"""Administration: who may use which part of a server's control object, for how long, and what is written down of it.

Start at `_steward.py`, which lends parts of the control object and takes them back; `_table.py` (grants) and `_unlock.py` (the administrators' word) are
what it goes by, `_guest.py` is what its clients hold. `_key.py` keeps the administrators' key, `_audit.py` what was used.
"""

from __future__ import annotations

from remit.ensemble.admin._audit import AuditLog, read_audit
from remit.ensemble.admin._files import StewardFiles
from remit.ensemble.admin._guest import Giver, Guest, Lease
from remit.ensemble.admin._key import AdminKey, admin_public, check_passphrase
from remit.ensemble.admin._steward import SENSITIVE, Steward, Use, Workshop
from remit.ensemble.admin._table import ADMIN, ITSELF, LOCAL, Grant, GrantTable, check_part
from remit.ensemble.admin._unlock import LEASE, LONGEST, Challenge, Unlock, answer, check_unlock

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
