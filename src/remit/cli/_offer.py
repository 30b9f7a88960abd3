"""`remit offer` and `remit offers`."""

from __future__ import annotations

from typing import Any

import click

from remit.cli._connect import ask_boss
from remit.cli._main import Settings
from remit.cli._show import say, show_json, table

__all__ = ["offer", "offers"]


@click.command()
@click.argument("service", metavar="MACHINE.NAME")
@click.option(
    "--kind",
    required=True,
    help="The kind of object, as its @actor class names it; the machine's agent must know the class.",
)
@click.option("--interface", default="", help="The name of the interface that it keeps.")
@click.option("--description", default="", help="For people.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def offer(settings: Settings, service: str, kind: str, interface: str, description: str, as_json: bool) -> None:
    """Have a machine make an object of a KIND, keep it, and offer it as MACHINE.NAME."""
    made = ask_boss(settings, lambda boss: boss.offer(service, kind, interface, description))
    if as_json:
        show_json(made)
    else:
        say(f"{made['service']} is offered{' as ' + made['interface'] if made['interface'] else ''}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def offers(settings: Settings, as_json: bool) -> None:
    """List what machines offer."""
    found: list[dict[str, Any]] = ask_boss(settings, lambda boss: boss.offers())
    if as_json:
        show_json(found)
        return
    rows = [
        (
            o["service"],
            o["interface"],
            o["kind"] or "a program's",
            "up" if o["up"] else "down",
            ", ".join(o["supports"]),
        )
        for o in found
    ]
    table(
        ("SERVICE", "INTERFACE", "KIND", "STATE", "CAN BE NARROWED BY"),
        rows,
        "no machine offers anything; see: remit offer --help",
    )
