"""`remit invite`, `remit invitations`, `remit uninvite`: attenuated ways in to the boss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from remit.cli._connect import ask_boss
from remit.cli._main import Settings
from remit.cli._show import as_json_option, say, show_json, table
from remit.cli._times import ago, at, moment
from remit.durable import write_secret_file
from remit.values import SturdyRef
from remit.vat import Ref

__all__ = ["invitations", "invite", "uninvite"]


@click.command()
@click.argument("name")
@click.option(
    "--only",
    required=True,
    metavar="PART,…",
    help="What it allows: status, logs, services, trace, alarms, bind, offer, machines, plan, up, inspect, supervise, control.",
)
@click.option("--for", "until", metavar="TIME", callback=moment, help="When it ends: 8h, 7d, a date [default: never].")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="The file for it [default: NAME.ref].")
@as_json_option
@click.pass_obj
def invite(settings: Settings, name: str, only: str, until: float | None, out: Path | None, as_json: bool) -> None:
    """Write a reference to a part of the boss's authority into a file, for a person or a job called NAME.

    Whoever has the file can do what the parts allow, with: remit --boss FILE COMMAND.
    """
    parts = [part.strip() for part in only.split(",") if part.strip()]
    path = out or Path(f"{name}.ref")

    async def question(boss: Ref[Any]) -> None:
        made: SturdyRef = await boss.invite(name, parts, until)
        try:
            write_secret_file(path, (made.uri() + "\n").encode())
        except BaseException:  # nobody has it now, and nobody shall find a name that is taken
            await boss.uninvite(name)
            raise

    ask_boss(settings, question)
    if as_json:
        show_json({"name": name, "parts": sorted(set(parts)), "until": until, "file": str(path)})
    else:
        say(f"{path} is a way in for {name} ({', '.join(sorted(set(parts)))}){f', until {at(until)}' if until else ''}")
        say(f"to use it: remit --boss {path} status; to take it back: remit uninvite {name}")


@click.command()
@as_json_option
@click.pass_obj
def invitations(settings: Settings, as_json: bool) -> None:
    """List who has a way in to the boss, to which parts and until when."""
    found = ask_boss(settings, lambda boss: boss.invitations())
    if as_json:
        show_json(found)
        return
    rows = [
        (
            each["name"],
            ", ".join(each["parts"]),
            ago(each["created"]),
            at(each["until"]) if each["until"] else "",
        )
        for each in found
    ]
    table(
        ("NAME", "PARTS", "CREATED", "UNTIL"),
        rows,
        "nobody was invited; to invite: remit invite NAME --only PART",
    )


@click.command()
@click.argument("name")
@as_json_option
@click.pass_obj
def uninvite(settings: Settings, name: str, as_json: bool) -> None:
    """Take the invitation NAME back: its file is worth nothing any more, and what is under way with it breaks."""
    ask_boss(settings, lambda boss: boss.uninvite(name))
    if as_json:
        show_json({"name": name, "state": "gone"})
    else:
        say(f"the invitation {name} has ended")
