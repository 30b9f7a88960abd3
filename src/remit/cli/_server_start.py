"""`remit server start|workers|stop|restart|processes`: what a host is to run."""

from __future__ import annotations

import tomllib
from typing import Any

import click

from remit.cli._exit import FAILED
from remit.cli._main import Settings
from remit.cli._server_ask_exec import ask_exec, on_option
from remit.cli._server_way import declared
from remit.cli._show import as_json_option, say, show_json, table

__all__ = ["processes", "restart", "setting_option", "settings_of", "start", "stop", "tables_of", "workers"]


def setting_option(command: Any) -> Any:
    """`--set`."""
    return click.option(
        "--set",
        "pairs",
        multiple=True,
        metavar="NAME=VALUE",
        help="A setting of its own, as in config.toml: --set restart=never --set 'listen=[\"127.0.0.1:0\"]'.",
    )(command)


def settings_of(pairs: tuple[str, ...]) -> dict[str, Any]:
    """`NAME=VALUE` as a table; a value is TOML where it can be read so, else text. `NAME.KEY=VALUE` is an entry of a table."""
    made: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise click.UsageError(f"{pair!r} is no setting: write NAME=VALUE")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        name, dot, key = name.partition(".")
        if dot:
            made.setdefault(name, {})[key] = text if name == "environment" and value is not False else value
        else:
            made[name] = value
    return made


def tables_of(settings: Settings) -> dict[str, Any] | None:
    """The roles and servers that remit.toml describes in its section `ensemble`, which go along with an order; None where there are none."""
    if not declared(settings):
        return None
    from remit.cli._config import load_config  # only where there is a file
    from remit.ensemble.supervisor import ours

    return ours(load_config(settings.config).ensemble) or None


def show_states(rows: list[dict[str, Any]], as_json: bool) -> int:
    """One line for each; the exit code says whether all are as they should be."""
    if as_json:
        show_json(rows)
    else:
        for row in rows:
            note = f" ({row['note']})" if row["note"] else ""
            say(f"{row['id']} is {row['state']}{note}")
    return FAILED if any(row["state"] in ("failed", "blocked") for row in rows) else 0


@click.command()
@click.argument("role")
@click.argument("id")
@setting_option
@on_option
@as_json_option
@click.pass_obj
def start(
    settings: Settings, role: str, id: str, pairs: tuple[str, ...], on: str | None, home: str | None, as_json: bool
) -> int:
    """Start server ID in the role ROLE; it stays wanted, over crashes and restarts of its host, until it is stopped.

    What a role is like stands in config.toml of the home, or in the section ensemble of remit.toml. Exit code 1 where it does not come up.
    """
    own, tables = settings_of(pairs), tables_of(settings)
    return show_states([ask_exec(settings, home, on, lambda part: part.start(role, id, own, tables))], as_json)


@click.command()
@click.argument("role")
@click.argument("prefix")
@click.argument("number", type=click.IntRange(0, 1000))
@setting_option
@on_option
@as_json_option
@click.pass_obj
def workers(
    settings: Settings,
    role: str,
    prefix: str,
    number: int,
    pairs: tuple[str, ...],
    on: str | None,
    home: str | None,
    as_json: bool,
) -> int:
    """Have NUMBER workers of the role ROLE, called PREFIX-0, PREFIX-1 and so on: those that are too many stop, the others go on."""
    own, tables = settings_of(pairs) if pairs else None, tables_of(settings)
    rows = ask_exec(settings, home, on, lambda part: part.workers(role, prefix, number, own, tables))
    if not rows and not as_json:
        say(f"there are no workers {prefix} any more")
    return show_states(rows, as_json)


def names_and_role(command: Any) -> Any:
    """Which servers are meant."""
    role = click.option("--role", default="", metavar="ROLE", help="All servers of a role.")
    return click.argument("names", nargs=-1, metavar="[ID|PREFIX]...")(role(command))


def _meant(names: tuple[str, ...], role: str) -> list[str]:
    if not names and not role:
        raise click.UsageError("name the servers: their ids, the prefixes of groups, or --role ROLE")
    return list(names)


@click.command()
@names_and_role
@click.option("--forget", is_flag=True, help="Keep nothing of them: they are not listed as stopped.")
@on_option
@as_json_option
@click.pass_obj
def stop(
    settings: Settings,
    names: tuple[str, ...],
    role: str,
    forget: bool,
    on: str | None,
    home: str | None,
    as_json: bool,
) -> int:
    """Stop servers, by their ids, whole groups by their prefix, or all of a role. They stay down until they are started."""
    meant = _meant(names, role)
    return show_states(ask_exec(settings, home, on, lambda part: part.stop(meant, role, forget)), as_json)


@click.command()
@names_and_role
@on_option
@as_json_option
@click.pass_obj
def restart(
    settings: Settings, names: tuple[str, ...], role: str, on: str | None, home: str | None, as_json: bool
) -> int:
    """Restart servers with the settings and versions of now."""
    meant, tables = _meant(names, role), tables_of(settings)
    return show_states(ask_exec(settings, home, on, lambda part: part.restart(meant, role, tables)), as_json)


@click.command()
@click.option("--role", default="", metavar="ROLE", help="Only servers of a role.")
@on_option
@as_json_option
@click.pass_obj
def processes(settings: Settings, role: str, on: str | None, home: str | None, as_json: bool) -> None:
    """List the servers that a host is to run and how they are, and the programs that were run there."""

    async def question(part: Any) -> dict[str, Any]:
        return {"servers": await part.servers(role), "programs": [] if role else await part.programs()}

    found = ask_exec(settings, home, on, question)
    if as_json:
        show_json(found)
        return
    rows = [(row["id"], row["role"], row["state"], row["pid"] or "", row["note"]) for row in found["servers"]]
    rows += [
        (each["process"], " ".join(each["argv"])[:60], each["state"], each["pid"] or "", each["end"])
        for each in found["programs"]
    ]
    table(("NAME", "ROLE", "STATE", "PROCESS", "NOTE"), rows, "nothing is to run; start a server: remit server start")
