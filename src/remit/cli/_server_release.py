"""`remit admin release`, `expel` and `pardon`: orders to the registry."""

from __future__ import annotations

from typing import Any

import click

from remit.cli._exit import FAILED
from remit.cli._main import Settings
from remit.cli._passphrase import passphrase_options
from remit.cli._server_ask import ask_control, home_option
from remit.cli._show import as_json_option, say, show_json, table
from remit.cli._times import at
from remit.ensemble import Expelled, Home
from remit.errors import BadArgument
from remit.net import public_of

__all__ = ["expel", "expelled", "pardon", "release"]

PART = "registry"


@click.command()
@click.argument("id")
@home_option
@passphrase_options
@click.pass_context
def release(ctx: click.Context, id: str, home: str | None) -> int:
    """Let another key have ID: for a server whose directory is lost. Only on the registry's host, by its user, or with the administrators' key."""
    settings: Settings = ctx.obj
    whole = Home.find(home).id_of(id).text

    async def question(control: Any) -> Any:
        return await (await control.part(PART)).release(whole)

    was = ask_control(settings, home, None, PART, question, [PART])
    say(f"{whole} is released: the next key that registers it has it" if was else f"{whole} was nobody's")
    return 0 if was else FAILED


@click.command()
@click.argument("id")
@click.option("--reason", default="", metavar="TEXT", help="Why; whoever is refused for it is told.")
@home_option
@passphrase_options
@click.pass_obj
def expel(settings: Settings, id: str, reason: str, home: str | None) -> None:
    """Put the key of server ID out of the ensemble: its servers are gone, what it has open at others ends, and it does not come in again.

    Who has the cookie may come with another key: make another cookie, too (remit admin cookie --force).
    """
    whole = Home.find(home).id_of(id).text

    async def question(control: Any) -> Any:
        return await (await control.part(PART)).expel(whole, reason)

    gone = ask_control(settings, home, None, PART, question, [PART])
    say(f"the key of {whole} is out of the ensemble; gone: {', '.join(gone) or 'no server of it was there'}")


@click.command()
@click.argument("id", metavar="ID|KEY")
@home_option
@passphrase_options
@click.pass_context
def pardon(ctx: click.Context, id: str, home: str | None) -> int:
    """Let a key that was expelled come again."""
    settings: Settings = ctx.obj
    try:
        public_of(named := id)
    except BadArgument:
        named = Home.find(home).id_of(id).text

    async def question(control: Any) -> Any:
        return await (await control.part(PART)).pardon(named)

    was = ask_control(settings, home, None, PART, question, [PART])
    say(f"the key of {named} may come again" if was else f"{named} was not expelled: remit admin expelled")
    return 0 if was else FAILED


@click.command()
@home_option
@passphrase_options
@as_json_option
@click.pass_obj
def expelled(settings: Settings, home: str | None, as_json: bool) -> None:
    """List the keys that were expelled, by whom, when and why."""

    async def question(control: Any) -> Any:
        return await (await control.part(PART)).expelled()

    found: dict[str, Expelled] = ask_control(settings, home, None, PART, question, [PART])
    if as_json:
        show_json(
            [{"key": key, "id": each.id, "by": each.by, "why": each.why, "at": each.at} for key, each in found.items()]
        )
        return
    rows = [(each.id, each.by.split(" (")[0], at(each.at), each.why or "-", key) for key, each in sorted(found.items())]
    table(("ID", "BY", "AT", "WHY", "KEY"), rows, "nobody is expelled")
