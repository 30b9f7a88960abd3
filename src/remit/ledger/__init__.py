"""The kept state of a planner: what was applied last, by whom, what it is called where it is, and who may change it now. A driver of `remit.graph`."""

from __future__ import annotations

from remit.ledger._journal import LedgerJournal
from remit.ledger._ledger import EXPIRY, SqliteLedger, open_ledger
from remit.ledger._lock import Lock
from remit.ledger._rows import Run

__all__ = ["EXPIRY", "LedgerJournal", "Lock", "Run", "SqliteLedger", "open_ledger"]
