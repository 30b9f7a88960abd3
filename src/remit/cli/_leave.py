"""`remit machine leave` and `remit leave`: Remit taken off a machine, with what runs there left running."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import click

from remit.cli._connect import ask_boss, ask_reference
from remit.cli._edges import how_much
from remit.cli._exit import TimedOut
from remit.cli._main import Settings
from remit.cli._show import as_json_option, say, show_json
from remit.errors import BadArgument
from remit.vat import Ref

__all__ = ["leave", "leave_machine"]

PATIENCE = 300.0  # seconds for the agent to be taken off
POLL = 0.1


def _options(command: Any) -> Any:
    keep = click.option(
        "--keep-credentials",
        "keep",
        is_flag=True,
        help="Leave accounts at services, and credentials that are laid out, as they are.",
    )
    return keep(click.option("--yes", is_flag=True, help="Do not ask.")(as_json_option(command)))


@click.command("leave")
@click.argument("name")
@_options
@click.pass_obj
def leave_machine(settings: Settings, name: str, keep: bool, yes: bool, as_json: bool) -> None:
    """Take Remit off machine NAME, and leave what runs there running."""

    async def question(boss: Ref[Any]) -> dict[str, Any]:
        seen = dict(await boss.show(name))
        seen["services"] = []
        if seen["state"] == "active":
            try:
                seen["services"] = await boss.service(name, "running")
            except BadArgument:  # an agent of before this question
                seen["services"] = ["those that it runs"]
        return seen

    seen = ask_boss(settings, question)
    _say_what_happens(seen, keep)
    _confirm(name, yes)
    patient = Settings(settings.config, settings.boss, max(settings.timeout, PATIENCE), settings.debug)
    left: str = ask_boss(patient, lambda boss: boss.leave_machine(name, keep))
    _told(name, left, as_json)


def _say_what_happens(seen: dict[str, Any], keep: bool) -> None:
    """All of it, before anybody is asked."""
    name = seen["name"]
    if seen["services"]:
        say(f"These go on, and nobody starts them again when they end: {', '.join(seen['services'])}.")
    edges = [*seen["holds"], *(edge for edge in seen["grants"] if edge not in seen["holds"])]
    word = (
        "is forgotten; an account and files that were made for it stay, and are yours to remove; a tunnel ends"
        if keep
        else "is REVOKED"
    )
    for edge in edges:
        say(f"{edge['target']} -> {edge['service']} ({how_much(edge)}) {word}.")
    kept = [offer["service"] for offer in seen["offers"]]
    if kept:
        say(f"No longer offered, with what the agent kept of them: {', '.join(kept)}.")
    say(
        f"The agent of {name} is taken off, with its directory and what keeps it running. Everything else there stays as it is."
    )


def _confirm(name: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"nobody can be asked here whether machine {name} is to leave: give --yes if it is meant"
        )
    if not click.confirm(f"Have machine {name} leave?", err=True):
        raise click.ClickException(f"machine {name} was left as it is")


def _told(name: str, left: str, as_json: bool) -> None:
    if as_json:
        show_json({"name": name, "state": "gone", "left": left})
    else:
        say(f"machine {name} is no machine of this boss any more{f'; left there: {left}' if left else ''}")


@click.command()
@click.option("--hob", metavar="DIRECTORY", help="The machine's state directory [default: $REMIT_HOB].")
@click.option(
    "--alone", is_flag=True, help="Without the boss, which cannot be reached: accounts at services stay as they are."
)
@_options
@click.pass_obj
def leave(settings: Settings, hob: str | None, alone: bool, keep: bool, yes: bool, as_json: bool) -> None:
    """Take Remit off this machine, and leave what runs here running. For its own operator; the boss is told."""
    given = hob or os.environ.get("REMIT_HOB")
    if not given:
        raise click.UsageError("which machine is this? Name its state directory with --hob, or set $REMIT_HOB")
    directory = Path(given).expanduser().absolute()
    try:
        label = json.loads((directory / "label.json").read_bytes())
    except (OSError, ValueError):
        raise click.ClickException(f"{directory} is no machine's state directory that one can leave") from None
    name = str(label["name"])
    if alone:
        say(f"The boss is told nothing: it will show machine {name} as silent, until somebody destroys it there.")
    word = "stay" if keep or alone else "are REVOKED"
    say(f"The agent of {name} is taken off. Services go on; bindings end; accounts that were made for bindings {word}.")
    _confirm(name, yes)
    if alone:
        left = asyncio.run(_alone(directory, str(label["owner"])))
    else:
        ask_reference(settings, directory / "control.ref", lambda control: control.leave(keep))
        left = _wait(settings, directory)
    _told(name, left, as_json)


def _wait(settings: Settings, directory: Path) -> str:
    """Until the boss has had the agent taken off."""
    end = time.monotonic() + max(settings.timeout, PATIENCE / 5)
    while (directory / "label.json").exists():
        if time.monotonic() > end:
            raise TimedOut(
                f"the boss has been asked, and the agent in {directory} is still there: see remit machine list at the boss, "
                "or, where that cannot be reached: remit leave --alone"
            )
        time.sleep(POLL)
    return f"what was in use (in {directory})" if directory.exists() else ""


async def _alone(directory: Path, owner: str) -> str:
    from remit.machines import leave_alone  # only this needs providers

    return await leave_alone(directory, owner)
