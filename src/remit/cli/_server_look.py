"""`remit server list` and `lookup`."""

from __future__ import annotations

from typing import Any

import click

from remit.cli._main import Settings
from remit.cli._server_ask import ask_console, home_option
from remit.cli._show import as_json_option, show_json, table
from remit.cli._times import ago
from remit.ensemble import Console, ServerEntry
from remit.net import designator_of

__all__ = ["list_command", "lookup"]


@click.command("list")
@click.option("--domain", default="/", show_default=True, metavar="DOMAIN", help="Those of a domain and below it.")
@home_option
@as_json_option
@click.pass_obj
def list_command(settings: Settings, domain: str, home: str | None, as_json: bool) -> None:
    """List the servers that are there now."""

    async def question(console: Console) -> tuple[list[ServerEntry], str]:
        return await console.directory.entries(domain), console.home.domain()

    _show(
        *ask_console(settings, home, question),
        as_json,
        "there are no servers; start one with: remit server run ID MODULE",
    )


@click.command()
@click.argument("name")
@click.option("--role", is_flag=True, help="NAME is a role: show all servers that have it.")
@click.option(
    "--domain", default="/", show_default=True, metavar="DOMAIN", help="Of a role, those of a domain and below it."
)
@home_option
@as_json_option
@click.pass_obj
def lookup(settings: Settings, name: str, role: bool, domain: str, home: str | None, as_json: bool) -> None:
    """Look up the server with id NAME, or with --role those that have the role NAME."""

    async def question(console: Console) -> tuple[list[ServerEntry], str]:
        found = await console.directory.with_role(name, domain) if role else [await console.entry(name)]
        return found, console.home.domain()

    _show(*ask_console(settings, home, question), as_json, f"no server has the role {name}")


def _show(entries: list[ServerEntry], domain: str, as_json: bool, empty: str) -> None:
    if as_json:
        show_json([_plain(entry) for entry in entries])
        return
    from remit.ensemble import ServerId  # as people of this domain write them

    rows = [
        (ServerId.parse(each.id).shown(domain), ",".join(each.roles), _places(each), ago(each.since))
        for each in entries
    ]
    table(("SERVER", "ROLES", "ADDRESSES", "SINCE"), rows, empty)


def _places(entry: ServerEntry) -> str:
    return " ".join(
        f"{name}:{hint}" for name, hint in sorted(entry.address.hints.items(), key=lambda item: item[0] != "unix")
    )


def _plain(entry: ServerEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "roles": list(entry.roles),
        "addresses": dict(entry.address.hints),
        "key": designator_of(entry.key),
        "since": entry.since,
        "info": dict(entry.info),
    }
