"""`remit plan`, `up` and `down` of an application: from what there is at its target to what its program declares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from remit.cli._app import Opened, Program, deployed_beside, opened_program
from remit.cli._doing import Teller, confirm, load_plan, save_plan, tell_end
from remit.cli._exit import CHANGES, FAILED, PARTLY
from remit.cli._plan_text import markdown, text
from remit.cli._show import progress, say, show_json, tell
from remit.errors import BadArgument, RemitError
from remit.graph import Graph, Late, Node, Plan, apply, check_same, data, plan
from remit.ledger import SqliteLedger, open_ledger

if TYPE_CHECKING:
    from remit.app.targets import TargetWorld

__all__ = ["down_program", "plan_program", "up_program"]


def plan_program(program: Program, out: Path | None, form: str, *, detailed_exitcode: bool, as_json: bool) -> None:
    """Show what `up` would do."""
    opened = opened_program(program)
    _deployable(opened)
    made = asyncio.run(_look(opened, opened.target.declared(opened.graph)))
    if out is not None:
        save_plan(out, made)
    if as_json:
        show_json(data(made))
    else:
        tell((markdown if form == "markdown" else text)(made, opened.target.kinds), lines=True)
    if made.violations:
        raise click.exceptions.Exit(FAILED)
    if detailed_exitcode and made.steps:
        raise click.exceptions.Exit(CHANGES)


def up_program(program: Program, *, step: bool, file: Path | None, yes: bool, patience: float, as_json: bool) -> None:
    """Run it in this process, or have its target run it."""
    with progress() as show:
        opened = opened_program(program, show, patience)
        if opened.target.foreground:
            from remit.cli._app_run import run_here

            run_here(opened, step=step)
            return
        if step:
            raise click.UsageError("--step is for programs in this process: leave out --target")
        _deployable(opened)
        _bring(
            opened,
            opened.target.declared(opened.graph),
            None if file is None else load_plan(file),
            show,
            yes=yes,
            as_json=as_json,
        )


def down_program(program: Program, *, forget: bool, yes: bool, patience: float, as_json: bool) -> None:
    """Remove all of it from its target."""
    with progress() as show:
        opened = _to_be_removed(program, show, patience, **({"data": "forget"} if forget else {}))
        if opened.target.foreground:
            say("nothing of this application is deployed")
            return
        _bring(opened, Graph(opened.graph.app), None, show, yes=yes, as_json=as_json)


def _to_be_removed(program: Program, show: Callable[[str], Any], patience: float, **options: str) -> Opened:
    """The program; or, where it cannot be read any more, what is known of the one application that is deployed beside it."""
    try:
        return opened_program(program, show, patience, **options)
    except (RemitError, OSError) as error:
        found = deployed_beside(program, show, patience, **options)
        if found is None:
            raise
        say(
            f"the program cannot be read ({str(error).splitlines()[0]}): what is deployed of {found.graph.app} is removed without it"
        )
        return found


def _deployable(opened: Opened) -> None:
    """What the target lacks is said before anything is made."""
    if opened.target.foreground:
        raise click.UsageError("in this process nothing is planned: say --target processes, or another")
    problems = opened.target.check(opened.graph)
    if problems:
        lines = "\n  ".join(str(each) for each in problems)
        raise BadArgument(
            f"the target {opened.target.name} lacks what {opened.graph.app} needs; nothing was done:\n  {lines}"
        )


@contextmanager
def _ledger(opened: Opened) -> Iterator[SqliteLedger]:
    from remit.durable import open_state_dir

    open_state_dir(opened.state.parent.parent)
    open_state_dir(opened.state.parent)
    open_state_dir(opened.state)
    (opened.state.parent.parent / ".gitignore").write_text("*\n")
    ledger = open_ledger(opened.state / "ledger.sqlite", opened.graph.app)
    try:
        yield ledger
    finally:
        ledger.close()


async def _look(opened: Opened, graph: Graph) -> Plan:
    world = opened.target.world(opened.graph)
    with _ledger(opened) as ledger:
        return await _planned(opened, world, graph, ledger)


async def _planned(opened: Opened, world: TargetWorld, graph: Graph, ledger: SqliteLedger) -> Plan:
    made = plan(graph, ledger.known(), await world.observe(), opened.target.kinds)
    return made.but(notes=[*made.notes, *renamed(made)])


def renamed(made: Plan) -> list[str]:
    """What goes as one id and comes as another, as far as can be seen the same: whoever meant to rename it has to say so."""
    gone = [
        step.before
        for step in made.steps
        if step.action == "remove" and isinstance(step.before, Node) and not step.anew
    ]
    come = [
        step.after for step in made.steps if step.action == "create" and isinstance(step.after, Node) and not step.anew
    ]
    notes: list[str] = []
    for old in gone:
        for new in come:
            if (old.kind, old.fields.get("class")) == (new.kind, new.fields.get("class")):
                short = [each.partition("/")[2] for each in (old.id, new.id)]
                notes.append(
                    f'{old.kind} {old.id} goes and {new.id} comes, with nothing in it: if that is the same one under another id, say app.moved("{short[0]}", "{short[1]}")'
                )
                come.remove(new)
                break
    return notes


def _bring(
    opened: Opened, graph: Graph, shown: Plan | None, show: Callable[[str], Any], *, yes: bool, as_json: bool
) -> None:
    if shown is None:
        shown = asyncio.run(_look(opened, graph))
        if not as_json:
            show("")
            say(text(shown, opened.target.kinds))
        if shown.violations:
            raise click.exceptions.Exit(FAILED)
        if shown.steps and not yes:
            confirm(shown)
    late, kept = asyncio.run(_doing(opened, graph, shown, show, as_json=as_json))
    show("")
    if as_json:
        show_json({"plan": data(shown), "late": data(late), "kept": kept})
    else:
        tell_end(shown, late)
        for each in kept:
            say(f"kept: {each} (remit down --data removes it)")
    if late:
        raise click.exceptions.Exit(PARTLY)


async def _doing(
    opened: Opened, graph: Graph, shown: Plan, show: Callable[[str], Any], *, as_json: bool
) -> tuple[list[Late], list[str]]:
    with _ledger(opened) as ledger, ledger.locked("remit up") as journal:
        world = opened.target.world(opened.graph)
        now = await _planned(opened, world, graph, ledger)
        check_same(shown, now)
        late = await apply(now, journal, world, Teller(len(now.steps), show, quiet=as_json))
        return late, list(getattr(world, "kept", []))
