"""`remit server …`: run, find and manage servers. docs/ensembles.md is the manual. Each command's module is imported when it is run."""

from __future__ import annotations

from typing import Final

import click

from remit.cli._main import Lazy

__all__ = ["server"]

COMMANDS: Final = {
    "config": ("_server_config", "config", "Show what servers are like, each setting with where it is from."),
    "configure": ("_server_config", "configure", "Change settings of roles and servers on a host."),
    "eval": ("_server_eval", "eval_command", "Evaluate a piece of Python in a server."),
    "exec": ("_server_exec", "exec_command", "Run a program on a host."),
    "forget": ("_server_load", "forget", "Load a module no more when the server starts."),
    "kill": ("_server_exec", "kill", "End a program that was run on a host, or send it a signal."),
    "actors": ("_server_inspect", "actors", "List the actors that a server has under names."),
    "connections": ("_server_inspect", "connections", "List the nodes that a server is in session with."),
    "env": ("_server_inspect", "env", "Show a server's process: Python, paths, environment."),
    "logs": ("_server_logs", "logs", "Show a server's log, and follow it."),
    "shutdown": ("_server_shutdown", "shutdown", "Shut down an actor, a server, or all of them and the registry."),
    "stack": ("_server_inspect", "stack", "Show where a server's threads and tasks are now."),
    "list": ("_server_look", "list_command", "List the servers that are there now."),
    "load": ("_server_load", "load", "Load a module into a server that runs."),
    "look": ("_server_turns", "look", "Show an object in a server, as it is or as it was after a turn."),
    "lookup": ("_server_look", "lookup", "Look a server up by its id, or servers by a role."),
    "output": ("_server_exec", "output", "Show what a server or a program has written, and follow it."),
    "ping": ("_server_ping", "ping", "Ask a server, or an actor in it, whether it is alive."),
    "processes": ("_server_start", "processes", "List what a host is to run, and how it is."),
    "repl": ("_server_repl", "repl", "Work in a server: Python, line by line."),
    "rerun": ("_server_exec", "rerun", "Run a program again that was run on a host."),
    "restart": ("_server_start", "restart", "Restart servers that a host runs."),
    "rollback": ("_server_load", "rollback", "Go back to an earlier version of a loaded module."),
    "run": ("_server_run", "run", "Run a module's main as a server of the ensemble."),
    "start": ("_server_start", "start", "Have a host run a server by its role."),
    "stop": ("_server_start", "stop", "Stop servers that a host runs."),
    "supervise": ("_server_supervise", "supervise", "Run the servers of this host."),
    "turns": ("_server_turns", "turns", "Keep a server's recent turns, list them, and draw who called whom."),
    "upload": ("_server_upload", "upload", "Bring a program, an environment or files to a host."),
    "uploads": ("_server_upload", "uploads", "List what was uploaded to a host, with its versions."),
    "use": ("_server_upload", "use", "Put another version of what was uploaded to use, or go back to the one before."),
    "versions": ("_server_load", "versions", "List what was loaded into a server."),
    "workers": ("_server_start", "workers", "Have a host run a number of workers."),
}


@click.group(cls=Lazy, table=COMMANDS)
def server() -> None:
    """Servers of an ensemble: long-running programs that are found by id or role.

    ID is a name (web1), or a name with its domain (web1@/shop). The ensemble is that of --home, $REMIT_ENSEMBLE, or the user's own.
    """
