"""What keeps the values of stores here: SQLite files, or a PostgreSQL that was named once and is remembered, since the values are there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remit.app._graph import AppGraph
from remit.app.store import problem_at
from remit.app.targets._target import Problem
from remit.app.targets.processes._layout import Layout, read, write
from remit.durable import read_secret_file
from remit.errors import RemitError
from remit.values import Secret

__all__ = ["KEEPS", "forget_settings", "keep_settings", "release_store", "store_problems", "store_settings"]

OPTION = "postgres"
NAME = "store.json"
KEEPS = ("store", "queue")  # kinds of components that keep values


def store_settings(layout: Layout, options: Mapping[str, str]) -> dict[str, Any]:
    """The settings of `remit.app.store.backend_for`: what is remembered, else what the options say, else SQLite."""
    if OPTION in options:
        return {"kind": "postgres", "connection": str(Path(options[OPTION]).absolute())}
    return read(layout.state / NAME) or {"kind": "sqlite"}


def store_problems(layout: Layout, graph: AppGraph, settings: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the settings: a file that cannot be read, or another place than where the values are."""
    stores = [node.id for node in graph.nodes if node.kind in KEEPS]
    if not stores:
        return []
    before = read(layout.state / NAME)
    if before and before["kind"] != settings["kind"]:
        text = f"its values are kept by {before['kind']}, and --set {OPTION} would begin anew: take it down with its data first (remit down --data), or leave the option out"
        return [Problem(stores[0], text)]
    if settings["kind"] == "postgres":
        try:
            connection = Secret(read_secret_file(settings["connection"]).decode().strip())
        except (RemitError, OSError, UnicodeError) as error:
            return [Problem(stores[0], f"the file with the address of PostgreSQL cannot be read: {error}")]
        if problem := problem_at(connection):
            return [Problem(stores[0], f"{problem} (its address is in {settings['connection']})")]
    return []


def keep_settings(layout: Layout, settings: Mapping[str, Any]) -> None:
    """Remember them: called before the first value is kept."""
    if read(layout.state / NAME) != settings:
        write(layout.state / NAME, dict(settings))


def forget_settings(layout: Layout) -> None:
    """When nothing is kept any more."""
    (layout.state / NAME).unlink(missing_ok=True)


async def release_store(settings: Mapping[str, Any], name: str, directory: Path, *, data: bool) -> None:
    """When a store is taken down: in PostgreSQL nobody has a login to it any more, and with `data` its schema is removed."""
    if settings["kind"] == "postgres":
        from remit.app.components._store_direct import release_store

        await release_store(settings, name, directory, data=data)
