"""`remit server actors`, `connections`, `env` and `stack`."""

from __future__ import annotations

from typing import Any

import click

from remit.cli._main import Settings
from remit.cli._server_ask import ask_control, ensemble_options
from remit.cli._show import as_json_option, say, show_json, table, tell

__all__ = ["actors", "connections", "env", "stack"]


def _ask(settings: Settings, id: str | None, home: str | None, reference: str | None, *questions: str) -> list[Any]:
    """Ask the part `inspect` of a server."""

    async def question(control: Any) -> list[Any]:
        part = await control.part("inspect")
        return [await getattr(part, each)() for each in questions]

    return ask_control(settings, home, reference, id, question, ["inspect"])


@click.command()
@click.argument("id", required=False)
@ensemble_options
@as_json_option
@click.pass_obj
def actors(settings: Settings, id: str | None, home: str | None, reference: str | None, as_json: bool) -> None:
    """List the actors that server ID has under names."""
    (found,) = _ask(settings, id, home, reference, "actors")
    if as_json:
        show_json(found)
    else:
        table(("ACTOR", "KIND"), [(each["name"], each["kind"]) for each in found], "no actor has a name")


@click.command()
@click.argument("id", required=False)
@ensemble_options
@as_json_option
@click.pass_obj
def connections(settings: Settings, id: str | None, home: str | None, reference: str | None, as_json: bool) -> None:
    """List the nodes that server ID is in session with: servers by their ids, others by their keys."""
    (found,) = _ask(settings, id, home, reference, "connections")
    if as_json:
        show_json(found)
        return
    rows = [
        (
            ", ".join(each["ids"]) or each["peer"][:12] or "(no key)",
            each["transport"],
            " ".join(f"{name}:{hint}" for name, hint in sorted(each["addresses"].items())) or "-",
        )
        for each in found
    ]
    table(("PEER", "OVER", "ADDRESSES"), rows, "there are no connections")


@click.command()
@click.argument("id", required=False)
@ensemble_options
@as_json_option
@click.pass_obj
def env(settings: Settings, id: str | None, home: str | None, reference: str | None, as_json: bool) -> None:
    """Show the process of server ID: Python, versions, paths, and its environment. Values that look like secrets are not shown."""
    (found,) = _ask(settings, id, home, reference, "env")
    if as_json:
        show_json(found)
        return
    for name in ("python", "executable", "remit", "system", "pid", "user", "directory"):
        tell(f"{name}: {found[name]}")
    tell(f"arguments: {' '.join(found['arguments'])}")
    for each in found["path"]:
        tell(f"path: {each}")
    for name, value in found["variables"].items():
        tell(f"{name}={value}")


@click.command()
@click.argument("id", required=False)
@ensemble_options
@as_json_option
@click.pass_obj
def stack(settings: Settings, id: str | None, home: str | None, reference: str | None, as_json: bool) -> None:
    """Show where the threads and tasks of server ID are now. Nothing of it stops meanwhile."""
    threads, tasks = _ask(settings, id, home, reference, "stack", "tasks")
    if as_json:
        show_json({"threads": threads, "tasks": tasks})
        return
    for each in threads:
        say(f"thread {each['thread']}{' (daemon)' if each['daemon'] else ''}")
        tell(each["stack"].rstrip(), lines=True)
    for each in tasks:
        say(f"task {each['name']}: {each['doing']}")
        tell(each["stack"].rstrip(), lines=True)
