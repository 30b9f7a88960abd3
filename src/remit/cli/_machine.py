"""`remit machine …`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from remit.cli._arguments import pairs
from remit.cli._connect import ask_boss
from remit.cli._edges import how_much
from remit.cli._exit import TimedOut
from remit.cli._main import Settings, Suggesting
from remit.cli._show import as_json_option, progress, say, show_json, table, tell
from remit.cli._times import age, ago
from remit.vat import Ref

__all__ = ["machine", "machine_table"]

SILENT = 150.0  # seconds without a hello after which a machine is probably down; it says one each minute
POLL = 0.1  # seconds between looks while a machine comes
LOOK = 2.0  # seconds between questions to its provider meanwhile, which may have to ask far away


@click.group(cls=Suggesting)
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
    help="For the provider, or the machine's agent (classes=MODULE, path=DIR, each as often as needed).",
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the machine has enrolled.")
@as_json_option
@click.pass_obj
def create(settings: Settings, name: str, provider: str, options: tuple[str, ...], wait: bool, as_json: bool) -> None:
    """Create machine NAME: it enrols itself with a one-use introduction."""
    given = pairs(options)

    async def question(boss: Ref[Any]) -> dict[str, Any]:
        made = await boss.make_machine(name, provider, given)
        return await _active(boss, name, settings.timeout) if wait else dict(made)

    made = ask_boss(settings, question)
    if as_json:
        show_json(made)
    else:
        say(f"machine {name} is {made['state']}")
        if provider != "process":
            say(f"its provider sees: {made['provider_sees']}")


async def _active(boss: Ref[Any], name: str, seconds: float) -> dict[str, Any]:
    """Look until the machine has come; of one that does not come, say what it waits for."""
    seen: dict[str, Any] = {}
    begun = looked = asyncio.get_running_loop().time()
    try:
        with progress() as show:
            async with asyncio.timeout(seconds * 0.9):
                while seen.get("state") != "active":
                    now = asyncio.get_running_loop().time()
                    if not seen or now - looked > LOOK or await _state(boss, name) != seen["state"]:
                        seen, looked = dict(await boss.show(name)), now
                    waited = now - begun
                    show(
                        f"machine {name} is {seen['state']}, its provider sees: {seen['provider_sees']} ({waited:.0f} s)"
                    )
                    await asyncio.sleep(POLL if seen["state"] != "active" else 0)
    except TimeoutError:
        raise TimedOut(
            f"machine {name} did not enrol within {seconds:g} s: it is {seen.get('state')}, its provider sees "
            f"{seen.get('provider_sees')}{'; ' + seen['error'] if seen.get('error') else ''}. {seen.get('remedy', '')}"
        ) from None
    return seen


async def _state(boss: Ref[Any], name: str) -> str:
    machines: list[dict[str, Any]] = await boss.list_machines()
    return next((str(each["state"]) for each in machines if each["name"] == name), "gone")


@machine.command("list")
@as_json_option
@click.pass_obj
def list_machines(settings: Settings, as_json: bool) -> None:
    """List all machines."""
    machines = ask_boss(settings, lambda boss: boss.list_machines())
    if as_json:
        show_json(machines)
    else:
        machine_table(machines)


def _silence(machine: dict[str, Any]) -> str:
    """What to make of an active machine that has not said hello for longer than two of its minutes."""
    silent = machine["state"] == "active" and machine["seen"] is not None and age(machine["seen"]) > SILENT
    return f"silent; try: remit machine start {machine['name']}" if silent else ""


def _version(machine: dict[str, Any]) -> str:
    """The version of its agent, with the parcel that it runs out of."""
    return " ".join(each for each in (machine["version"], machine["parcel"]) if each)


def machine_table(machines: list[dict[str, Any]]) -> None:
    """Machines as a table."""
    rows = [
        (
            m["name"],
            m["state"],
            m["provider"],
            _version(m),
            ago(m["created"]),
            ago(m["seen"]),
            "ALARM" if m["alarms"] else m["error"] or _silence(m),
        )
        for m in machines
    ]
    table(
        ("MACHINE", "STATE", "PROVIDER", "VERSION", "CREATED", "SEEN", "NOTE"),
        rows,
        "there are no machines; make one with: remit machine create NAME",
    )


@machine.command()
@click.argument("name")
@as_json_option
@click.pass_obj
def show(settings: Settings, name: str, as_json: bool) -> None:
    """Show machine NAME: its state, offers, and what it holds and grants."""
    seen = ask_boss(settings, lambda boss: boss.show(name))
    if as_json:
        show_json(seen)
        return
    for key in ("name", "id", "provider", "provider_sees", "state", "error", "remedy"):
        if seen[key]:
            tell(f"{key.replace('_', ' ')}: {seen[key]}")
    if _version(seen):
        tell(f"version: {_version(seen)}")
    tell(f"created: {ago(seen['created'])}, seen: {ago(seen['seen'])}")
    for title, edges in (("holds", seen["holds"]), ("grants", seen["grants"])):
        for edge in edges:
            tell(f"{title}: {edge['target']} -> {edge['service']} ({how_much(edge)}, {edge['state']})")
    for offer in seen["offers"]:
        tell(f"offers: {offer['service']} {offer['interface']}".rstrip())


@machine.command()
@click.argument("name")
@as_json_option
@click.pass_obj
def start(settings: Settings, name: str, as_json: bool) -> None:
    """Start machine NAME again, or ask again for one that is pending. Nothing happens to one that runs."""

    async def question(boss: Ref[Any]) -> Any:
        await boss.start_machine(name)
        return await boss.show(name)

    seen = ask_boss(settings, question)
    if as_json:
        show_json(seen)
    else:
        say(f"machine {name} is started; its provider sees: {seen['provider_sees']}")


@machine.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json_option
@click.pass_obj
def destroy(settings: Settings, name: str, yes: bool, as_json: bool) -> None:
    """Destroy machine NAME and all that it keeps: its edges first, then what its provider made."""
    if not yes:
        _confirm(name)
    ask_boss(settings, lambda boss: boss.destroy_machine(name))
    if as_json:
        show_json({"name": name, "state": "gone"})
    else:
        say(f"machine {name} is gone")


def _confirm(name: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(f"nobody can be asked here whether to destroy machine {name}: give --yes if it is meant")
    if not click.confirm(f"Destroy machine {name}, and all that it keeps?", err=True):
        raise click.ClickException(f"machine {name} was left as it is")
