"""`remit call`."""

from __future__ import annotations

import sys
from typing import Any

import click

from remit.cli._arguments import argument
from remit.cli._connect import ask_boss
from remit.cli._main import Settings
from remit.cli._show import as_json_option, show_json
from remit.values import printable
from remit.vat import Ref, send

__all__ = ["call_command"]


@click.command("call")
@click.argument("target", metavar="MACHINE.NAME|boss")
@click.argument("method")
@click.argument("arguments", nargs=-1)
@as_json_option
@click.pass_obj
def call_command(settings: Settings, target: str, method: str, arguments: tuple[str, ...], as_json: bool) -> None:
    """Call METHOD of what is bound as MACHINE.NAME (or of the boss), with that binding's authority.

    Each argument is JSON where it can be read as such, else text; '-' takes one from standard input, '@FILE' from a file.
    Text is printed as it is (on a terminal with control characters spelled out), everything else as JSON; nothing where nothing comes back.
    """
    machine, dot, name = target.partition(".")
    if not dot and target != "boss":
        raise click.BadParameter(f"{target!r} is neither MACHINE.NAME nor boss", param_hint="MACHINE.NAME|boss")
    given = [argument(text) for text in arguments]

    async def question(boss: Ref[Any]) -> Any:
        ref = boss.machine(machine).binding(name) if dot else boss
        return await send(ref, method, *given)

    result = ask_boss(settings, question)
    if as_json or not (result is None or isinstance(result, str)):
        show_json(result)
    elif result is not None:
        # color=True: click would take escapes out of what another program reads
        click.echo(printable(result, lines=True) if sys.stdout.isatty() else result, color=True)
