"""The OCapN session engine: bytes in, bytes and vat messages out. No I/O, no clock, no randomness of its own.

Start with `_session.py` (a session's life), then `_outgoing.py` and `_incoming.py` (the operations), `_exports.py` and
`_imports.py` (the tables), `_descriptors.py` and `_bootstrap.py` (references and handoffs), `_meeting.py` (crossed hellos).
"""

from __future__ import annotations

from typing import TYPE_CHECKING as _TYPE_CHECKING

from remit._lazy import lazily as _lazily

if _TYPE_CHECKING:
    from remit.captp._crypto import SessionKey, Verify, session_id, side_id, signature_bytes, signature_value
    from remit.captp._dialect import DIALECTS, OCAPN_1_0, SUITE_2026_02, VERSION, Dialect, dialect
    from remit.captp._home import Home, Tracer
    from remit.captp._meeting import CROSSED, Meeting
    from remit.captp._once import Once
    from remit.captp._session import Session

__all__ = [
    "CROSSED",
    "DIALECTS",
    "OCAPN_1_0",
    "SUITE_2026_02",
    "VERSION",
    "Dialect",
    "Home",
    "Meeting",
    "Once",
    "Session",
    "SessionKey",
    "Tracer",
    "Verify",
    "dialect",
    "session_id",
    "side_id",
    "signature_bytes",
    "signature_value",
]

__getattr__ = _lazily(
    __name__,
    {
        "_crypto": "SessionKey Verify session_id side_id signature_bytes signature_value",
        "_dialect": "DIALECTS OCAPN_1_0 SUITE_2026_02 VERSION Dialect dialect",
        "_home": "Home Tracer",
        "_meeting": "CROSSED Meeting",
        "_once": "Once",
        "_session": "Session",
    },
)
