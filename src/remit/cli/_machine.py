"""`remit machine …`."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from remit.cli._connect import ask_boss
from remit.cli._main import Settings
from remit.cli._show import ago, say, show_json, table
from remit.errors import Unreachable
from remit.vat import Ref

__all__ = ["machine"]

POLL = 0.1  # seconds between looks while a machine comes


@click.group()
def machine() -> None:
    """Create, list, show, start and destroy machines."""


@machine.command()
@click.argument("name")
@click.option("--provider", default="process", show_default=True, help="Who makes it.")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="For the provider, or the machine's agent (classes, path).",
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the machine has enrolled.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def create(settings: Settings, name: str, provider: str, options: tuple[str, ...], wait: bool, as_json: bool) -> None:
    """Create machine NAME: it enrols itself with a one-use introduction."""

    async def question(boss: Ref[Any]) -> dict[str, Any]:
        await boss.create_machine(name, provider, _options(options))
        if not wait:
            return dict(await boss.show(name))
        return await _active(boss, name, settings.timeout)

    made = ask_boss(settings, question)
    if as_json:
        show_json(made)
    else:
        say(f"machine {name} is {made['state']}")


def _options(given: tuple[str, ...]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint="--option")
        options[key] = [*options.get(key, []), value] if key in ("classes", "path") else value
    return options


async def _active(boss: Ref[Any], name: str, seconds: float) -> dict[str, Any]:
    """Look until the machine has come; a machine that does not come says what it waits for."""
    try:
        async with asyncio.timeout(seconds * 0.9):
            while True:
                seen: dict[str, Any] = await boss.show(name)
                if seen["state"] == "active":
                    return seen
                await asyncio.sleep(POLL)
    except TimeoutError:
        seen = await boss.show(name)
        raise Unreachable(
            f"machine {name} did not enrol within {seconds:g} s: it is {seen['state']}, its provider sees "
            f"{seen['provider_sees']}{'; ' + seen['error'] if seen['error'] else ''}; {seen['remedy']}"
        ) from None


@machine.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_machines(settings: Settings, as_json: bool) -> None:
    """List all machines."""
    machines = ask_boss(settings, lambda boss: boss.list_machines())
    if as_json:
        show_json(machines)
    else:
        machine_table(machines)


def machine_table(machines: list[dict[str, Any]]) -> None:
    """Machines as a table."""
    rows = [
        (
            m["name"],
            m["state"],
            m["provider"],
            ago(m["created"]),
            ago(m["seen"]),
            "ALARM" if m["alarms"] else m["error"],
        )
        for m in machines
    ]
    table(
        ("MACHINE", "STATE", "PROVIDER", "CREATED", "SEEN", "NOTE"),
        rows,
        "there are no machines; make one with: remit machine create NAME",
    )


@machine.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def show(settings: Settings, name: str, as_json: bool) -> None:
    """Show machine NAME: its state, offers, and what it holds and grants."""
    seen = ask_boss(settings, lambda boss: boss.show(name))
    if as_json:
        show_json(seen)
        return
    for key in ("name", "id", "provider", "provider_sees", "state", "error", "remedy"):
        if seen[key]:
            click.echo(f"{key.replace('_', ' ')}: {seen[key]}")
    click.echo(f"created: {ago(seen['created'])}, seen: {ago(seen['seen'])}")
    for title, edges in (("holds", seen["holds"]), ("grants", seen["grants"])):
        for edge in edges:
            click.echo(f"{title}: {edge['target']} -> {edge['service']} ({edge['attenuation']}, {edge['state']})")
    for offer in seen["offers"]:
        click.echo(f"offers: {offer['service']} {offer['interface']}".rstrip())


@machine.command()
@click.argument("name")
@click.pass_obj
def start(settings: Settings, name: str) -> None:
    """Start machine NAME again, or ask again for one that is pending."""
    ask_boss(settings, lambda boss: boss.start_machine(name))
    say(f"machine {name} is started")


@machine.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def destroy(settings: Settings, name: str, yes: bool) -> None:
    """Destroy machine NAME: its edges first, then what its provider made."""
    if not yes:
        click.confirm(f"Destroy machine {name}, and all that it keeps?", abort=True, err=True)
    ask_boss(settings, lambda boss: boss.destroy_machine(name))
    say(f"machine {name} is gone")
