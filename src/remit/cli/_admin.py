"""`remit admin …`: who may do what with the servers of an ensemble. docs/ensembles.md is the manual."""

from __future__ import annotations

from typing import Final

import click

from remit.cli._main import Lazy

__all__ = ["admin"]

COMMANDS: Final = {
    "audit": ("_admin_grants", "audit", "Show who used what of a server."),
    "authorize": ("_admin_grants", "authorize", "Give parts of a server to another server."),
    "cookie": ("_admin_make", "cookie", "Make the ensemble's cookie, the way to become a member."),
    "expel": ("_server_release", "expel", "Put the key of a server out of the ensemble."),
    "expelled": ("_server_release", "expelled", "List the keys that were put out of it."),
    "domain": ("_admin_domain", "domain", "Show or set the domain of names that have none."),
    "key": ("_admin_make", "key", "Make the administrators' key, or show it."),
    "list": ("_admin_grants", "list_command", "List the grants of a server, or of all."),
    "pardon": ("_server_release", "pardon", "Let a key that was expelled come again."),
    "release": ("_server_release", "release", "Let another key have the id of a server."),
    "retract": ("_admin_grants", "retract", "Take parts of a server back, or all of them."),
}


@click.group(cls=Lazy, table=COMMANDS)
def admin() -> None:
    """Who is in an ensemble, and who may do what with its servers."""
