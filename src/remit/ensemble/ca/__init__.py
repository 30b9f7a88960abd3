"""Certificates, for ensembles that want them: an authority, short-lived certificates for servers, and a revocation list that is checked.

Start at `_certificate.py`, which says what a certificate proves; `_authority.py` makes them.
"""

from __future__ import annotations

from remit.ensemble.ca._authority import Authority, Issued, file_of, read_issued, read_root
from remit.ensemble.ca._certificate import Certified, Revocations, check_chain, names_of, read_chain
from remit.ensemble.ca._make import make_request, read_request
from remit.ensemble.ca._shown import install_chain, read_installed, request_of

__all__ = [
    "Authority",
    "Certified",
    "Issued",
    "Revocations",
    "check_chain",
    "file_of",
    "install_chain",
    "make_request",
    "names_of",
    "read_chain",
    "read_installed",
    "read_issued",
    "read_request",
    "read_root",
    "request_of",
]
