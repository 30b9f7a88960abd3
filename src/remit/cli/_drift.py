"""`remit drift`: where what there is differs from what was applied, with two choices for each difference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from remit.cli._config import read_config
from remit.cli._connect import ask_boss
from remit.cli._declared import Declared, declared
from remit.cli._exit import CHANGES, PARTLY, BadConfig
from remit.cli._main import Settings
from remit.cli._mending import Found, adopt, find, restore
from remit.cli._project import opened, world_of
from remit.cli._show import as_json_option, say, show_json, table, tell
from remit.cli._times import ago
from remit.errors import Missing
from remit.graph import Graph, Known, Late, Step, data
from remit.vat import Ref

__all__ = ["drift_command", "project_or_none"]


def project_or_none(settings: Settings) -> Declared | None:
    """What is declared; None where nothing is."""
    source = read_config(settings.config)
    declares = source.path is not None and (source.config.machines or source.config.plan.project)
    return declared(settings.config) if declares else None


@click.command("drift")
@click.argument("machines", nargs=-1, metavar="[MACHINE]...")
@click.option("--restore", "restored", multiple=True, metavar="ID", help="Make this as it was applied; 'all' does all.")
@click.option("--adopt", "adopted", multiple=True, metavar="ID", help="Have the state follow what there is.")
@click.option("--detailed-exitcode", is_flag=True, help=f"End with {CHANGES} where something differs.")
@as_json_option
@click.pass_obj
def drift_command(
    settings: Settings,
    machines: tuple[str, ...],
    restored: tuple[str, ...],
    adopted: tuple[str, ...],
    detailed_exitcode: bool,
    as_json: bool,
) -> None:
    """Look where what there is differs from what was applied last, inside machines and services, too. Nothing is put right unless --restore or --adopt
    names it.
    """
    project = project_or_none(settings)
    if restored or adopted:
        if project is None:
            raise BadConfig("there is no state to go by: nothing is declared in remit.toml; see docs/plan.md")
        _choose(settings, project, restored, adopted)
        return
    found = ask_boss(settings, lambda boss: _find(boss, project, machines))
    if as_json:
        show_json({"findings": data(found.findings), "notes": found.notes, "violations": data(found.violations)})
    else:
        _show(found)
    if detailed_exitcode and (found.findings or found.violations):
        raise click.exceptions.Exit(CHANGES)


async def _find(boss: Ref[Any], project: Declared | None, machines: Sequence[str]) -> Found:
    if project is None:
        nothing = Declared(Graph(), Path(), Path())
        return await find(boss, world_of(boss, nothing), Known(), (), machines)
    with opened(project) as ledger:
        known = ledger.known()
    return await find(boss, world_of(boss, project), known, project.graph.policies, machines)


def _show(found: Found) -> None:
    for each in found.findings:
        since = f", first seen {ago(each.since)}" if each.since else ""
        tell(f"{each.id}  {each.key.replace('/', '.')}  {each.what}: {each.text}{since}")
        for choice in ("restore", "adopt"):
            how = f"--{choice} {each.id}" if choice in each.can else f"{choice}:"
            tell(f"        {how:<18}{getattr(each, choice)}")
    if found.violations:
        table(["POLICY", "VIOLATED BY WHAT THERE IS"], [(each.policy, each.text) for each in found.violations])
    for note in found.notes:
        say(note)
    if not found.findings and not found.violations:
        say("nothing differs" if not found.notes else "nothing else differs")


def _choose(settings: Settings, project: Declared, restored: Sequence[str], adopted: Sequence[str]) -> None:
    async def work(boss: Ref[Any]) -> tuple[list[Late], list[Step]]:
        with opened(project) as ledger, ledger.locked("remit drift") as journal:
            world = world_of(boss, project, say=lambda _: None, patience=settings.timeout)
            found = await find(boss, world, ledger.known())
            back, over = found.named(restored, "restore"), found.named(adopted, "adopt")
            if {each.id for each in back} & {each.id for each in over}:
                raise Missing("something is to be restored and adopted: choose one")
            steps = await adopt(boss, ledger, journal, over, found.actual) if over else []
            late = await restore(boss, world, ledger, journal, back, lambda *_: None) if back else []
            for each in back:
                say(f"restored: {each.key.replace('/', '.')} ({each.what})")
            for each in over:
                say(f"adopted: {each.key.replace('/', '.')} ({each.what}): {each.adopt}")
        return late, steps

    late, _ = ask_boss(settings, work, patient=True)
    for each in late:
        say(f"not finished: {each.key.replace('/', '.')}: {each.why}")
    if late:
        raise click.exceptions.Exit(PARTLY)
