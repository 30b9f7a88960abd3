"""`remit ca …`: certificates for the servers of an ensemble, for those who want them. docs/ensembles.md is the manual."""

from __future__ import annotations

from typing import Final

import click

from remit.cli._main import Lazy

__all__ = ["ca"]

COMMANDS: Final = {
    "init": ("_ca_make", "init", "Make an authority, under a passphrase."),
    "issue": ("_ca_make", "issue", "Certify a server: its id, its key, and parts that it may use."),
    "list": ("_ca_look", "list_command", "List certificates, their ends, and what was revoked."),
    "renew": ("_ca_make", "renew", "Renew the certificates that end soon, and the revocation list."),
    "request": ("_ca_look", "request", "Ask for a certificate, on the host of a server."),
    "revoke": ("_ca_make", "revoke", "Revoke certificates: their holders are out within seconds."),
}


@click.group(cls=Lazy, table=COMMANDS)
def ca() -> None:
    """Certificates for servers of an ensemble: its authority is in this home (ca/), other hosts get ca/root.pem."""
