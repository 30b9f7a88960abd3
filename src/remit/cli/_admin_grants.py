"""`remit admin authorize`, `retract`, `list` and `audit`: who may use which part of a server, and who did."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from remit.cli._exit import PARTLY
from remit.cli._main import Settings
from remit.cli._passphrase import passphrase_options
from remit.cli._server_ask import admin_key, ask_console, ask_control, ensemble_options, home_option
from remit.cli._show import as_json_option, say, show_json, table, tell
from remit.cli._times import at, moment
from remit.ensemble import Console, Home
from remit.ensemble.admin import ADMIN
from remit.errors import BadArgument, Broken, Refused, RemitError
from remit.net import designator_of, public_of

__all__ = ["audit", "authorize", "list_command", "retract"]

TOGETHER = 16
"""Servers that are asked at once."""


@click.command()
@click.argument("id")
@click.argument("grantee")
@click.argument("parts", nargs=-1, required=True, metavar="PART...")
@click.option(
    "--until",
    callback=moment,
    metavar="WHEN",
    help="When it ends: 90s, 2h or 7d from now, or a date [default: when it is retracted].",
)
@home_option
@passphrase_options
@as_json_option
@click.pass_obj
def authorize(
    settings: Settings,
    id: str,
    grantee: str,
    parts: tuple[str, ...],
    until: float | None,
    home: str | None,
    as_json: bool,
) -> None:
    """Let server GRANTEE use these parts of server ID, besides those that it may use already.

    The grant is to GRANTEE's key, as the registry knows it now; a key (52 letters) may be given instead of an id. It lasts over restarts of both.
    """
    found = ask_console(settings, home, lambda console: _grantee(console, grantee))

    async def question(control: Any) -> Any:
        giver = await control.part(ADMIN)
        return await giver.authorize(*found, list(parts), until)

    grants = ask_control(settings, home, None, id, question, [ADMIN, *parts])
    if as_json:
        show_json([_plain(id, each) for each in grants])
    else:
        end = "" if until is None else f" until {at(until)}"
        say(f"{found[1]} (key {found[0]}) may use {', '.join(sorted(set(parts)))} of {id}{end}")


@click.command()
@click.argument("id")
@click.argument("grantee")
@click.argument("parts", nargs=-1, metavar="[PART]...")
@ensemble_options
@as_json_option
@click.pass_obj
def retract(
    settings: Settings,
    id: str,
    grantee: str,
    parts: tuple[str, ...],
    home: str | None,
    reference: str | None,
    as_json: bool,
) -> None:
    """Take these parts of server ID back from GRANTEE, or all of them. What it has open ends at once, and what it has given on."""
    named = grantee if _is_key(grantee) else Home.find(home).id_of(grantee).text

    async def question(control: Any) -> Any:
        return await (await control.part(ADMIN)).retract(named, list(parts))

    gone = ask_control(settings, home, reference, id, question, [ADMIN])
    if as_json:
        show_json([_plain(id, each) for each in gone])
    else:
        for each in gone:
            say(f"{each.shown} may not use {each.part} of {id} any more")


@click.command("list")
@click.argument("id", required=False)
@home_option
@passphrase_options
@as_json_option
@click.pass_context
def list_command(ctx: click.Context, id: str | None, home: str | None, as_json: bool) -> int:
    """List the grants of server ID, or of all servers that are there."""
    settings: Settings = ctx.obj
    if id is not None:
        told: dict[str, Any] = {id: ask_control(settings, home, None, id, _grants, [ADMIN])}
    else:
        told = ask_console(settings, home, lambda console: _of_all(console, None))
        if any(isinstance(each, Refused) for each in told.values()) and (key := admin_key(settings, home)) is not None:
            told = ask_console(settings, home, lambda console: _of_all(console, key))
    silent = {name: each for name, each in told.items() if isinstance(each, Exception)}
    rows = [(name, each) for name in sorted(told) if name not in silent for each in told[name]]
    if as_json:
        show_json([_plain(name, each) for name, each in rows])
    else:
        shown = [
            (name, each.shown, each.part, "-" if each.expires is None else at(each.expires), each.by[:12], each.key)
            for name, each in rows
        ]
        table(("SERVER", "GRANTEE", "PART", "UNTIL", "BY", "KEY"), shown, "nothing is granted")
    for name, error in sorted(silent.items()):
        say(f"{name}: {error}")
    return PARTLY if silent else 0


@click.command()
@click.argument("id", required=False)
@click.option(
    "--lines", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many of the last uses."
)
@ensemble_options
@as_json_option
@click.pass_obj
def audit(
    settings: Settings, id: str | None, lines: int, home: str | None, reference: str | None, as_json: bool
) -> None:
    """Show the last uses of server ID's sensitive parts: when, who, which, for what."""

    async def question(control: Any) -> Any:
        return await (await control.part(ADMIN)).uses(lines)

    uses = ask_control(settings, home, reference, id, question, [ADMIN])
    if as_json:
        show_json(uses)
    else:
        for use in uses:
            tell(f"{at(use['at'])}  {use['who']}  {use['part']}  {use['what']}")


async def _grants(control: Any) -> Any:
    return await (await control.part(ADMIN)).grants()


async def _grantee(console: Console, grantee: str) -> tuple[str, str]:
    """The key and the id of a grantee, which is named by either."""
    if _is_key(grantee):
        return grantee, grantee
    entry = await console.entry(grantee)
    return designator_of(entry.key), entry.id


def _is_key(grantee: str) -> bool:
    try:
        public_of(grantee)
    except BadArgument:
        return False
    return True


async def _of_all(console: Console, key: Any) -> dict[str, Any]:
    """The grants of each server that is there, or why they are not known."""
    entries = await console.directory.entries()
    gate = asyncio.Semaphore(TOGETHER)

    async def ask(id: str) -> Any:
        async with gate:
            try:
                return await _grants(await console.control(id, [ADMIN], unlock=key))
            except (Broken, RemitError) as error:
                return error

    return dict(
        zip([each.id for each in entries], await asyncio.gather(*(ask(each.id) for each in entries)), strict=True)
    )


def _plain(server: str, grant: Any) -> dict[str, Any]:
    return {
        "server": server,
        "grantee": grant.shown,
        "key": grant.key,
        "part": grant.part,
        "expires": grant.expires,
        "by": grant.by,
        "at": grant.at,
    }
