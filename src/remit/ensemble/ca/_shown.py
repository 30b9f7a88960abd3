"""What a server needs for a certificate: its request, and the file that the answer goes to."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from remit.durable import read_secret_file, write_secret_file
from remit.ensemble.ca._certificate import read_chain
from remit.ensemble.ca._installed import CHAIN
from remit.ensemble.ca._make import make_request
from remit.errors import Missing, StoreCorrupt

__all__ = ["install_chain", "request_of"]


def request_of(directory: Path, id: str) -> bytes:
    """A request for the server with this whole id and directory, signed with its node key. `Missing` where it has never run."""
    path = directory / "key.pem"
    try:
        key = load_pem_private_key(read_secret_file(path), None)
    except Missing:
        raise Missing(f"{id} has no key yet ({path}): it makes one when it runs for the first time") from None
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise StoreCorrupt(f"{path} does not hold a node's key (an Ed25519 key in PEM): restore it from a copy")
    return make_request(id, key)


def install_chain(directory: Path, pem: bytes) -> Path:
    """Put a chain where its server looks for it; one that runs takes it by itself. Gives the file."""
    read_chain(pem)
    path = directory / CHAIN
    write_secret_file(path, pem, replace=True)
    return path
