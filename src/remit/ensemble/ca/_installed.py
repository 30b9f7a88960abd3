"""The chain in a server's directory: read by its server, written by `install_chain`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from remit.durable import read_secret_file
from remit.errors import Missing

__all__ = ["CHAIN", "MOST", "read_installed"]

CHAIN: Final = "certificate.pem"
"""Its name."""
MOST: Final = 16 << 10
"""Bytes of a chain: two certificates have about 1500."""


def read_installed(directory: Path) -> bytes | None:
    """The chain in a server's directory, in PEM, or None where it has none."""
    try:
        return read_secret_file(directory / CHAIN, limit=MOST)
    except Missing:
        return None
