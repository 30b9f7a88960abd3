"""`remit server config|configure`: what servers are like, and where each setting is from."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import click

from remit.cli._main import Settings
from remit.cli._server_ask_exec import ask_exec, on_option
from remit.cli._server_start import settings_of, tables_of
from remit.cli._show import as_json_option, say, show_json, table

__all__ = ["config", "configure"]


@click.command()
@click.argument("id", required=False)
@on_option
@as_json_option
@click.pass_obj
def config(settings: Settings, id: str | None, on: str | None, home: str | None, as_json: bool) -> None:
    """Show the settings of server ID, each with where it is from; without ID all tables of the host, the weakest first."""
    if id is None:
        whole = ask_exec(settings, home, on, lambda part: part.configuration())
        if as_json:
            show_json(whole)
            return
        rows = [
            (name if section == "defaults" else f"{section}.{name}", key, _shown(value), each["from"])
            for each in whole
            for section, tables in each["tables"].items()
            for name, settings_ in ({"defaults": tables} if section == "defaults" else tables).items()
            for key, value in settings_.items()
        ]
        table(
            ("TABLE", "SETTING", "VALUE", "FROM"), rows, "no role is described yet; see: remit server configure --help"
        )
        return
    tables = tables_of(settings)
    found = ask_exec(settings, home, on, lambda part: part.config(id, tables))
    if as_json:
        show_json(found)
        return
    table(
        ("SETTING", "VALUE", "FROM"),
        [(name, _shown(each["value"]), each["from"]) for name, each in found["settings"].items()],
    )
    if found["listed"] and not found["current"]:
        say(f"{id} runs with other settings; to have it take these: remit server restart {id}")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@click.command()
@click.argument("place", metavar="TABLE", required=False)
@click.argument("pairs", nargs=-1, metavar="[NAME=VALUE]...")
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False),
    help="A whole configuration, as config.toml is, and no TABLE.",
)
@click.option("--replace", is_flag=True, help="Keep nothing of what was set by command before.")
@click.option("--restart", is_flag=True, help="Restart the servers that it speaks of.")
@on_option
@as_json_option
@click.pass_obj
def configure(
    settings: Settings,
    place: str | None,
    pairs: tuple[str, ...],
    file: str | None,
    replace: bool,
    restart: bool,
    on: str | None,
    home: str | None,
    as_json: bool,
) -> None:
    """Change settings on a host: TABLE is defaults, roles.NAME, servers.ID or workers.PREFIX.

    What is set so goes before what stands in config.toml. Servers take it up when they are restarted.
    """
    if (place is None) == (file is None):
        raise click.UsageError("name a TABLE with its settings, or give --file")
    if file is not None:
        if restart:
            raise click.UsageError("--restart goes with one TABLE: restart servers by their names, or by --role")
        whole = tomllib.loads(Path(file).read_text())
        found = ask_exec(settings, home, on, lambda part: part.configure(whole, replace))
    else:
        section, _, name = str(place).partition(".")
        made = settings_of(pairs)
        found = ask_exec(settings, home, on, lambda part: part.update(section, name, made, replace, restart))
    if as_json:
        show_json(found)
        return
    say("the configuration was changed" if file else f"{place} was changed")
    for id in found.get("restarted", []) if not file else []:
        say(f"{id} was restarted")
