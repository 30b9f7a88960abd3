"""`remit server …`: run, find and manage servers. docs/ensembles.md is the manual. Each command's module is imported when it is run."""

from __future__ import annotations

from typing import Final

import click

from remit.cli._main import Lazy

__all__ = ["server"]

COMMANDS: Final = {
    "list": ("_server_look", "list_command", "List the servers that are there now."),
    "forget": ("_server_load", "forget", "Load a module no more when the server starts."),
    "load": ("_server_load", "load", "Load a module into a server that runs."),
    "lookup": ("_server_look", "lookup", "Look a server up by its id, or servers by a role."),
    "ping": ("_server_ping", "ping", "Ask a server, or an actor in it, whether it is alive."),
    "rollback": ("_server_load", "rollback", "Go back to an earlier version of a loaded module."),
    "run": ("_server_run", "run", "Run a module's main as a server of the ensemble."),
    "versions": ("_server_load", "versions", "List what was loaded into a server."),
}


@click.group(cls=Lazy, table=COMMANDS)
def server() -> None:
    """Servers of an ensemble: long-running programs that are found by id or role.

    ID is a name (web1), or a name with its domain (web1@/shop). The ensemble is that of --home, $REMIT_ENSEMBLE, or the user's own.
    """
