"""`remit admin release`."""

from __future__ import annotations

import click

from remit.cli._exit import FAILED
from remit.cli._main import Settings
from remit.cli._server_ask import ask_console, home_option
from remit.cli._show import say
from remit.ensemble import Console

__all__ = ["release"]


@click.command()
@click.argument("id")
@home_option
@click.pass_context
def release(ctx: click.Context, id: str, home: str | None) -> None:
    """Let another key have ID: for a server whose directory is lost. Only on the registry's host, by its user."""
    settings: Settings = ctx.obj

    async def question(console: Console) -> tuple[str, bool]:
        whole = console.home.id_of(id).text
        desk = await (await console.control("registry")).part("registry")
        return whole, await desk.release(whole)

    whole, was = ask_console(settings, home, question)
    say(f"{whole} is released: the next key that registers it has it" if was else f"{whole} was nobody's")
    if not was:
        ctx.exit(FAILED)
