"""Administration: who may use which part of a server's control object, for how long, and what is written down of it.

Start at `_table.py` (grants) and `_unlock.py` (the administrators' word); `_key.py` keeps their key, `_audit.py` what was used.
"""

from __future__ import annotations

from remit.ensemble.admin._audit import AuditLog, read_audit
from remit.ensemble.admin._key import AdminKey, admin_public
from remit.ensemble.admin._table import ADMIN, LOCAL, Grant, GrantTable
from remit.ensemble.admin._unlock import LEASE, LONGEST, Challenge, Unlock, answer, check_unlock

__all__ = [
    "ADMIN",
    "LEASE",
    "LOCAL",
    "LONGEST",
    "AdminKey",
    "AuditLog",
    "Challenge",
    "Grant",
    "GrantTable",
    "Unlock",
    "admin_public",
    "answer",
    "check_unlock",
    "read_audit",
]
