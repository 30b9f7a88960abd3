"""`remit call`."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from remit.cli._connect import ask_boss
from remit.cli._main import Settings
from remit.cli._show import show_json
from remit.vat import Ref, send

__all__ = ["call_command"]


@click.command("call")
@click.argument("target", metavar="MACHINE.NAME|boss")
@click.argument("method")
@click.argument("arguments", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON (so does a result that is not text).")
@click.pass_obj
def call_command(settings: Settings, target: str, method: str, arguments: tuple[str, ...], as_json: bool) -> None:
    """Call METHOD of what is bound as MACHINE.NAME (or of the boss), with that binding's authority.

    Each argument is JSON where it can be read as such, else text; '-' takes one from standard input, '@FILE' from a file.
    """
    given = [_argument(text) for text in arguments]

    async def question(boss: Ref[Any]) -> Any:
        ref = boss
        if target != "boss":
            machine, dot, name = target.partition(".")
            if not dot:
                raise click.BadParameter(f"{target!r} is not MACHINE.NAME", param_hint="MACHINE.NAME")
            ref = boss.machine(machine).binding(name)
        return await send(ref, method, *given)

    result = ask_boss(settings, question)
    if isinstance(result, str) and not as_json:
        click.echo(result)
    else:
        show_json(result)


def _argument(text: str) -> Any:
    if text.startswith("ocapn://"):
        raise click.BadParameter(
            "a sturdyref is a secret and does not belong on a command line: use @FILE or -", param_hint="ARGUMENTS"
        )
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        with click.open_file(text[1:]) as file:
            text = file.read()
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
