"""`remit service …`: the services that a machine runs."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from remit.cli._connect import ask_boss, ask_reference
from remit.cli._exit import FAILED
from remit.cli._main import Settings, Suggesting
from remit.cli._pages import every_machine
from remit.cli._show import as_json_option, document, say, show_json, table, tell
from remit.vat import Ref

__all__ = ["service"]

T = TypeVar("T")
LOOKS: Final = {"list": "services", "why": "why", "logs": "logs"}  # what only looks, and the boss's method for it


class Where:
    """Whose services: those of a machine of the boss's, or of the machine with this state directory."""

    def __init__(self, settings: Settings, machine: str | None, hob: str | None) -> None:
        self.settings = settings
        self.machine = machine
        self.hob = hob

    def ask(self, verb: str, *arguments: Any) -> Any:
        """The answer of the machine."""
        file = self._control()
        if file is not None:
            return ask_reference(self.settings, file, lambda control: control.service(verb, list(arguments)))
        return ask_boss(self.settings, self._by_boss(verb, arguments))

    def measure(self) -> Any:
        """The services, and what waits at the machine's node (`Boss.burdens`)."""
        file = self._control()
        if file is None:
            return ask_boss(self.settings, self._measured)

        async def measured(control: Ref[Any]) -> Any:
            from remit.machines import burden_view

            return await control.service("list", []), [burden_view("machine", await control.burden(), {})]

        return ask_reference(self.settings, file, measured)

    async def _measured(self, boss: Ref[Any]) -> Any:
        name = await self._name(boss)
        return await boss.services(name), await boss.burdens(name)

    def _control(self) -> Path | None:
        """The file that leads to the machine itself, where one is meant."""
        hob = self.hob or (os.environ.get("REMIT_HOB") if self.machine is None else None)
        if hob is None:
            return None
        path = Path(hob).expanduser().absolute()
        return path / "control.ref" if path.is_dir() else path.parent / "control.ref"

    async def _name(self, boss: Ref[Any]) -> str:
        if self.machine is not None:
            return self.machine
        machines: list[str] = [each["name"] for each in await every_machine(boss)]
        if len(machines) != 1:
            raise click.UsageError(f"which machine? Give --machine NAME; there are: {', '.join(machines) or 'none'}")
        return machines[0]

    def _by_boss(self, verb: str, arguments: tuple[Any, ...]) -> Callable[[Ref[Any]], Awaitable[Any]]:
        async def question(boss: Ref[Any]) -> Any:
            name = await self._name(boss)
            if verb in LOOKS:  # somebody who was invited to look may not give orders
                return await getattr(boss, LOOKS[verb])(name, *arguments)
            return await boss.service(name, verb, list(arguments))

        return question


@click.group(cls=Suggesting)
@click.option("--machine", metavar="NAME", help="The machine, by way of the boss [default: the only one].")
@click.option(
    "--hob", metavar="DIRECTORY", help="The machine by its state directory, without the boss [default: $REMIT_HOB]."
)
@click.pass_context
def service(ctx: click.Context, machine: str | None, hob: str | None) -> None:
    """List, start, stop and explain the services of a machine."""
    ctx.obj = Where(ctx.obj, machine, hob)


@service.command("list")
@as_json_option
@click.pass_obj
def list_services(where: Where, as_json: bool) -> None:
    """List the services with their states."""
    found = where.ask("list")
    if as_json:
        show_json(found)
        return
    rows = [(row["name"], _state(row), _pids(row), _note(row)) for row in found["services"]]
    table(("SERVICE", "STATE", "PROCESS", "NOTE"), rows, f"there are no services; describe some in {found['files']}")
    for fault in found["faults"]:
        say(f"not in force: {fault}")


def _state(row: dict[str, Any]) -> str:
    """One word for all states."""
    states = set(row["states"])
    if row["held"]:
        return "held"
    for state in ("ready", "complete", "failed", "started"):
        if state in states:
            return state
    if not row["wanted"]:
        return "off"
    return "blocked" if row["problem"] else "waiting"


def _pids(row: dict[str, Any]) -> str:
    return ", ".join(str(each["pid"]) for each in row["processes"] if each["pid"])


def _note(row: dict[str, Any]) -> str:
    """What is in its way, or what its processes say."""
    if row["problem"]:
        return str(row["problem"])
    if row["waits"]:
        return f"waits for {', '.join(row['waits'])}"
    return "; ".join(each["text"] for each in row["processes"] if each["text"] not in ("runs", ""))


def _ordered(where: Where, verb: str, name: str, as_json: bool, done: str) -> None:
    where.ask(verb, name)
    if as_json:
        show_json({"service": name, "done": verb})
    else:
        say(f"{name} {done}")


@service.command()
@click.argument("name")
@as_json_option
@click.pass_obj
def start(where: Where, name: str, as_json: bool) -> None:
    """Want service NAME, what it needs first; also after restarts of the machine."""
    _ordered(where, "start", name, as_json, "is wanted")


@service.command()
@click.argument("name")
@as_json_option
@click.pass_obj
def stop(where: Where, name: str, as_json: bool) -> None:
    """Stop service NAME, what needs it first, and keep them down until it is started."""
    _ordered(where, "stop", name, as_json, "is held")


@service.command()
@click.argument("name")
@as_json_option
@click.pass_obj
def restart(where: Where, name: str, as_json: bool) -> None:
    """Stop service NAME and start it again: a daemon's processes, or whatever else it is, what needs it first."""
    _ordered(where, "restart", name, as_json, "is being restarted")


@service.command()
@click.argument("name")
@as_json_option
@click.pass_obj
def why(where: Where, name: str, as_json: bool) -> None:
    """Say why service NAME is not up: what it waits for, down to the cause, and what to do."""
    chain = where.ask("why", name)
    if as_json:
        show_json(chain)
        return
    for depth, link in enumerate(chain):
        tell(f"{'  ' * depth}{link['service']} {link['text']}")
    if chain and chain[-1]["remedy"]:
        say(f"to do: {chain[-1]['remedy']}")


@service.command()
@click.argument("name", required=False, default="")
@click.option("-n", "--lines", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many lines.")
@as_json_option
@click.pass_obj
def logs(where: Where, name: str, lines: int, as_json: bool) -> None:
    """Show the last lines of the log of service NAME; "exec": of what was run on demand; without a name, of what was said to the log."""
    found = where.ask("logs", name, lines)
    if as_json:
        show_json(found)
        return
    for line in found:
        tell(line)


@service.command()
@click.pass_obj
def metrics(where: Where) -> None:
    """Show the services' states, and what waits at the machine's node, as Prometheus reads them."""
    from remit.machines import burden_families, service_families
    from remit.net import exposition

    listing, burdens = where.measure()
    document(exposition([*service_families(listing), *burden_families(burdens)]))


@service.command()
@click.argument("directory", required=False)
@as_json_option
@click.pass_obj
def check(where: Where, directory: str | None, as_json: bool) -> int:
    """Check the files in DIRECTORY, without running anything; without it, those of the machine. Exit code 1 where something is wrong."""
    if directory is None:
        found = where.ask("check")
    else:
        from remit.services import check_directory  # no machine is needed for it

        found = check_directory(directory)
    if as_json:
        show_json(found)
    else:
        for line in found:
            tell(line)
        if not found:
            say("nothing is wrong")
    return FAILED if found else 0
