"""`remit machine …`."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import click

from remit.cli._adopt import adopt
from remit.cli._arguments import pairs
from remit.cli._coming import active
from remit.cli._connect import ask_boss
from remit.cli._edges import how_much
from remit.cli._exit import FAILED
from remit.cli._leave import leave_machine
from remit.cli._main import Settings, Suggesting
from remit.cli._pages import every_machine
from remit.cli._show import as_json_option, say, show_json, table, tell
from remit.cli._times import age, ago
from remit.vat import Ref

__all__ = ["machine", "machine_table"]

WELL = ("upgraded", "unchanged")
SILENT = 150.0  # seconds without a hello after which a machine is probably down; it says one each minute


@click.group(cls=Suggesting)
def machine() -> None:
    """Create, adopt, list, show, start, upgrade, let go and destroy machines."""


machine.add_command(adopt)
machine.add_command(leave_machine)


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
        return await active(boss, name, settings.timeout) if wait else dict(made)

    made = ask_boss(settings, question)
    if as_json:
        show_json(made)
    else:
        say(f"machine {name} is {made['state']}")
        if provider != "process":
            say(f"its provider sees: {made['provider_sees']}")


@machine.command("list")
@as_json_option
@click.pass_obj
def list_machines(settings: Settings, as_json: bool) -> None:
    """List all machines."""
    machines = ask_boss(settings, every_machine)
    if as_json:
        show_json(machines)
    else:
        machine_table(machines)


def _silence(machine: dict[str, Any]) -> str:
    """What to make of an active machine that has not said hello for longer than two of its minutes."""
    silent = machine["state"] == "active" and machine["seen"] is not None and age(machine["seen"]) > SILENT
    return f"silent; try: remit machine start {machine['name']}" if silent else ""


def _version(machine: dict[str, Any]) -> str:
    """The version of its agent, with the parcel that it runs out of, as far as the boss says it."""
    return " ".join(each for each in (machine.get("version"), machine.get("parcel")) if each)


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


@machine.command()
@click.argument("names", nargs=-1)
@click.option("--all", "everyone", is_flag=True, help="All that are active.")
@click.option(
    "--to", "digest", default="", metavar="DIGEST", help="A parcel that the boss has kept [default: its own version]."
)
@click.option(
    "--patience",
    type=click.FloatRange(1, 1200),
    default=120.0,
    show_default=True,
    help="Seconds for each to come back.",
)
@as_json_option
@click.pass_obj
def upgrade(
    settings: Settings, names: tuple[str, ...], everyone: bool, digest: str, patience: float, as_json: bool
) -> int:
    """Put the boss's version of the agent on machines, one after another.

    Each has to come back, answer, and offer what it did; else what ran before is started again, and the others are left as they are. Services go on
    meanwhile.
    """
    if bool(names) == everyone:
        raise click.UsageError("name the machines, or give --all")
    waiting = Settings(settings.config, settings.boss, max(settings.timeout, 3 * patience + 300), settings.debug)
    done: list[dict[str, Any]] = []
    for name in names or [each["name"] for each in ask_boss(settings, _active_ones)]:
        done.append(ask_boss(waiting, _upgraded(name, digest, patience)))
        if not as_json:
            say(_came_of_it(done[-1]))
        if done[-1]["state"] not in WELL:
            break
    if as_json:
        show_json(done)
    return 0 if all(one["state"] in WELL for one in done) else FAILED


def _upgraded(name: str, digest: str, patience: float) -> Callable[[Ref[Any]], Awaitable[dict[str, Any]]]:
    async def question(boss: Ref[Any]) -> dict[str, Any]:
        return dict(await boss.upgrade_machine(name, digest, patience))

    return question


async def _active_ones(boss: Ref[Any]) -> list[dict[str, Any]]:
    return [each for each in await every_machine(boss) if each["state"] == "active"]


def _came_of_it(one: dict[str, Any]) -> str:
    name, what = one["machine"], f"{one['version']} {one['parcel']}"
    if one["state"] == "unchanged":
        return f"machine {name} has {what} already"
    if one["state"] == "upgraded":
        return f"machine {name} is upgraded to {what}"
    if one["state"] == "restored":
        return f"machine {name} was not upgraded, and runs what it ran before: {one['error']}. No others were tried"
    return f"machine {name} is LOST: {one['error']}. Look at its agent.log, then: remit machine start {name}"


def _confirm(name: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(f"nobody can be asked here whether to destroy machine {name}: give --yes if it is meant")
    if not click.confirm(f"Destroy machine {name}, and all that it keeps?", err=True):
        raise click.ClickException(f"machine {name} was left as it is")
