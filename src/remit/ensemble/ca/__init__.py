"""Certificates, for ensembles that want them: an authority, short-lived certificates for servers, and a revocation list that is checked.

Start at `_certificate.py`, which says what a certificate proves; `_authority.py` makes them. Names are loaded when they are used: servers of
ensembles without certificates know nothing of X.509.
"""

from __future__ import annotations

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from remit.ensemble.ca._authority import Authority, Issued, file_of, read_issued, read_root
    from remit.ensemble.ca._certificate import Certified, Revocations, check_chain, names_of, read_chain
    from remit.ensemble.ca._checker import CertifiedNode, Checker
    from remit.ensemble.ca._installed import read_installed
    from remit.ensemble.ca._make import make_request, read_request
    from remit.ensemble.ca._shown import install_chain, request_of

_WHERE = {
    "Authority": "_authority",
    "Certified": "_certificate",
    "CertifiedNode": "_checker",
    "Checker": "_checker",
    "Issued": "_authority",
    "Revocations": "_certificate",
    "check_chain": "_certificate",
    "file_of": "_authority",
    "install_chain": "_shown",
    "make_request": "_make",
    "names_of": "_certificate",
    "read_chain": "_certificate",
    "read_installed": "_installed",
    "read_issued": "_authority",
    "read_request": "_make",
    "read_root": "_authority",
    "request_of": "_shown",
}

__all__ = [
    "Authority",
    "Certified",
    "CertifiedNode",
    "Checker",
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


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(_importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    return found
