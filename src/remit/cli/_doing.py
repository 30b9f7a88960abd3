"""Saying how far a plan is, and how it ended."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from remit.cli._plan_text import MARKS
from remit.cli._show import say
from remit.errors import RemitError
from remit.graph import Late, Plan, Step, canonical

__all__ = ["Teller", "confirm", "load_plan", "save_plan", "tell_end"]


class Teller:
    """Says how far a plan is: a line for each step that is done, and on a terminal what is under way."""

    def __init__(self, total: int, show: Any, *, quiet: bool) -> None:
        self._total = total
        self._show = show
        self._quiet = quiet

    def __call__(self, step: Step, what: str) -> None:
        name = f"{step.part.kind} {step.part.id.replace('/', '.')}"
        self._show("")
        if what == "begun":
            self._show(f"{step.number} of {self._total}: {step.action} {name} …")
        elif not self._quiet and not (step.action == "move" and step.why):
            say(f"{MARKS[step.action]} {name}{'' if what == 'done' else f': not yet: {what}'}")


def tell_end(shown: Plan, late: list[Late]) -> None:
    """Say what is not finished, and who finishes it."""
    for each in late:
        say(f"not finished: {each.key.replace('/', '.')}: {each.why}")
    if any(each.again for each in late):
        say("run remit up again when that has been mended; it goes on with the rest")
    elif late:
        say("what is left is kept, and finished by itself")
    else:
        say("done" if shown.steps else "nothing to do")


def save_plan(file: Path, made: Plan) -> None:
    """Write a plan to a file."""
    try:
        file.write_text(canonical(made) + "\n")
    except OSError as error:
        raise click.ClickException(f"cannot write {file}: {error.strerror}") from None


def load_plan(file: Path) -> Plan:
    """The plan that was written to a file."""
    try:
        return Plan.of(json.loads(file.read_text()))
    except OSError as error:
        raise click.ClickException(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RemitError):
        raise click.ClickException(f"{file} is no plan that remit plan --out has written") from None


def confirm(shown: Plan) -> None:
    """Ask a person whether to do a plan; raises where nobody can be asked, or it is not to be done."""
    if not sys.stdin.isatty():
        raise click.UsageError(
            "nobody can be asked here whether to do this: give --yes, or --plan FILE of a saved plan"
        )
    if not click.confirm(f"Do these {len(shown.steps)} steps?", err=True):
        raise click.ClickException("nothing was done")
