"""`remit unlock` and `remit history`: who holds the state of a project's plans, and who did what so far."""

from __future__ import annotations

from typing import Any

import click

from remit.cli._declared import declared
from remit.cli._main import Settings
from remit.cli._project import opened
from remit.cli._show import as_json_option, say, show_json, table, tell
from remit.cli._times import ago, at
from remit.graph import data
from remit.ledger import Run

__all__ = ["history", "unlock"]


@click.command("unlock")
@click.argument("id", metavar="ID")
@click.pass_obj
def unlock(settings: Settings, id: str) -> None:
    """Take the lock of the state away from a run that hangs. ID is the lock's, as it was shown to whoever did not get it.

    The run cannot note anything more after that, even if it goes on. A lock whose process is dead needs no unlocking.
    """
    project = declared(settings.config)
    with opened(project) as ledger:
        lock = ledger.unlock(id)
        begun = [step.key.replace("/", ".") for step in ledger.known().open]
    tell(f"unlocked: it was {lock.owner}'s, for {lock.purpose or 'nothing said'}, since {at(lock.since)}")
    if begun:
        say(f"begun, and not noted as done: {', '.join(begun)}; remit plan sees what came of it")


@click.command("history")
@click.argument("number", required=False, type=int)
@click.option("--most", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many runs.")
@as_json_option
@click.pass_obj
def history(settings: Settings, number: int | None, most: int, as_json: bool) -> None:
    """List the runs that applied plans, newest first; or show the plan that one of them applied."""
    project = declared(settings.config)
    with opened(project) as ledger:
        if number is not None:
            _one(data(ledger.applied(number)), ledger.applied(number), as_json=as_json)
            return
        runs, lock = ledger.history(most), ledger.lock()
    if as_json:
        show_json({"runs": [data(run) for run in runs], "lock": None if lock is None else data(lock)})
        return
    rows = [(run.number, ago(run.began), run.who, run.purpose, run.done, _end(run, lock is not None)) for run in runs]
    table(["RUN", "BEGAN", "WHO", "WHAT", "STEPS", "END"], rows, empty="nothing was applied yet")


def _end(run: Run, locked: bool) -> str:
    if run.ended is not None:
        return "done"
    return "not finished" if not locked else "not finished (the state is locked)"


def _one(shown: Any, plan: Any, *, as_json: bool) -> None:
    from remit.cli._plan_text import text
    from remit.machines import MACHINE_KINDS

    if as_json:
        show_json(shown)
    else:
        tell(text(plan, MACHINE_KINDS), lines=True)
