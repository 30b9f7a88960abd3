"""`remit server logs`."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from remit.cli._main import Settings
from remit.cli._server_ask import ask_server, ensemble_options
from remit.cli._show import as_json_option, show_json, tell
from remit.ensemble import Console
from remit.vat import Ref, actor

__all__ = ["logs"]

LOOK = 2.0  # seconds between looks whether a log is still there to be followed


@actor(kind="remit.cli.log-sink", version=1, passing=True)
class Sink:
    """What a followed log is told to. `printer` is a device."""

    printer: Ref[Any]

    def __call__(self, lines: list[str]) -> Any:
        return self.printer(lines)


class Printer:
    """The device that prints lines."""

    def __call__(self, lines: list[str]) -> None:
        for line in lines:
            tell(str(line))


@click.command()
@click.argument("id", required=False)
@click.option(
    "-n", "--lines", type=click.IntRange(0, 10_000), default=100, show_default=True, help="How many of the last lines."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is logged, until ctrl-C or the server's end.")
@ensemble_options
@as_json_option
@click.pass_obj
def logs(
    settings: Settings,
    id: str | None,
    lines: int,
    follow: bool,
    home: str | None,
    reference: str | None,
    as_json: bool,
) -> None:
    """Show the last lines that server ID has logged, and with -f those that come."""
    if follow and as_json:
        raise click.UsageError("--follow writes lines as they come: leave --json out")

    async def question(console: Console, control: Any) -> list[str]:
        part = await control.part("logs")
        if not follow:
            found: list[str] = await part.tail(lines)
            return found
        await part.follow(_sink(console), lines)
        while True:  # until the server, or the right to its log, is gone
            await asyncio.sleep(LOOK)
            await part.tail(0)

    found = ask_server(settings, home, reference, id, question, ["logs"], patient=follow)
    if as_json:
        show_json(found)
    else:
        for line in found:
            tell(line)


def _sink(console: Console) -> Ref[Any]:
    vat = console.node.vat
    return vat.spawn(Sink, vat.device("printer", Printer()))
