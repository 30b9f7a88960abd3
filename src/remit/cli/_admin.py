"""`remit admin …`: who may do what with the servers of an ensemble. docs/ensembles.md is the manual."""

from __future__ import annotations

from typing import Final

import click

from remit.cli._main import Lazy

__all__ = ["admin"]

COMMANDS: Final = {
    "release": ("_server_release", "release", "Let another key have the id of a server."),
}


@click.group(cls=Lazy, table=COMMANDS)
def admin() -> None:
    """Who is in an ensemble, and who may do what with its servers."""
