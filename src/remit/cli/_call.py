"""`remit call`."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from remit.cli._arguments import argument
from remit.cli._connect import ask_boss
from remit.cli._main import Settings
from remit.cli._show import as_json_option, say, show_json
from remit.values import printable
from remit.vat import Ref, send

__all__ = ["call_command"]

FOLLOWED: Final = 600.0  # seconds for which machines follow a call, and what it has led to


@click.command("call")
@click.argument("target", metavar="MACHINE.NAME|boss")
@click.argument("method")
@click.argument("arguments", nargs=-1)
@click.option("--trace", "traced", is_flag=True, help="Follow the call on all machines; remit trace shows it.")
@as_json_option
@click.pass_obj
def call_command(
    settings: Settings, target: str, method: str, arguments: tuple[str, ...], traced: bool, as_json: bool
) -> None:
    """Call METHOD of what is bound as MACHINE.NAME (or of the boss), with that binding's authority.

    Each argument is JSON where it can be read as such, else text; '-' takes one from standard input, '@FILE' from a file.
    Text is printed as it is (on a terminal with control characters spelled out), everything else as JSON; nothing where nothing comes back.
    """
    machine, dot, name = target.partition(".")
    if not dot and target != "boss":
        raise click.BadParameter(f"{target!r} is neither MACHINE.NAME nor boss", param_hint="MACHINE.NAME|boss")
    given = [argument(text) for text in arguments]

    async def question(boss: Ref[Any]) -> Any:
        if traced:
            return await _followed(boss, machine if dot else "", name, method, given)
        ref = boss.machine(machine).binding(name) if dot else boss
        return await send(ref, method, *given)

    result = ask_boss(settings, question)
    if as_json or not (result is None or isinstance(result, str)):
        show_json(result)
    elif result is not None:
        # color=True: click would take escapes out of what another program reads
        click.echo(printable(result, lines=True) if sys.stdout.isatty() else result, color=True)


async def _followed(boss: Ref[Any], machine: str, name: str, method: str, given: list[Any]) -> Any:
    """The call, and the way to what is called, under an id that the boss has all machines follow for a while."""
    from remit.net import tracing_of  # for this option only

    tracer = tracing_of(boss)
    trace = tracer.fresh()
    watched = await boss.watch(trace, FOLLOWED)
    for absent in watched["missing"]:
        say(f"machine {absent['machine']} could not be asked to follow it: {absent['error']}")
    ref = boss
    if machine:
        ref = tracer.ask(trace, tracer.ask(trace, boss, "machine", machine), "binding", name)
    try:
        return await tracer.ask(trace, ref, method, *given)
    finally:
        say(f"see: remit trace {trace}")
