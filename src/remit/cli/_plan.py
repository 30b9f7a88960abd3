"""`remit plan`, `remit up` and `remit down`: from what there is to what `remit.toml` declares."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from remit.cli._app import Program, program_options
from remit.cli._connect import ask_boss
from remit.cli._declared import Declared, declared
from remit.cli._exit import CHANGES, FAILED, PARTLY
from remit.cli._main import Settings
from remit.cli._plan_text import MARKS, markdown, text
from remit.cli._project import opened, planned, world_of
from remit.cli._show import as_json_option, progress, say, show_json, tell
from remit.errors import RemitError
from remit.graph import Graph, Late, Plan, Step, apply, canonical, check_same, data
from remit.machines import MACHINE_KINDS
from remit.vat import Ref

__all__ = ["down", "plan_command", "up"]


def _adopt_option(command: Any) -> Any:
    return click.option(
        "--adopt",
        multiple=True,
        metavar="'KIND NAME'",
        help="Take over something declared that others made, such as 'machine db' or 'binding app.db'; 'all': everything.",
    )(command)


def _provider_option(command: Any) -> Any:
    return click.option(
        "--provider",
        default="",
        metavar="NAME",
        help="Who makes the machines that name nobody [default: as configured].",
    )(command)


def _yes_option(command: Any) -> Any:
    return click.option("--yes", is_flag=True, help="Do not ask.")(command)


@click.command("plan")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Save the plan, for remit up --plan FILE.")
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown"]), default="text", show_default=True, help="For people."
)
@click.option("--detailed-exitcode", is_flag=True, help=f"End with {CHANGES} where there is something to do.")
@_adopt_option
@_provider_option
@as_json_option
@click.pass_obj
def plan_command(
    settings: Settings,
    out: Path | None,
    form: str,
    detailed_exitcode: bool,
    adopt: tuple[str, ...],
    provider: str,
    as_json: bool,
) -> None:
    """Show what `remit up` would do: whose authority changes, and what is created, changed and removed. Nothing is done."""
    project = declared(settings.config, provider)
    made = _look(settings, project, project.graph, adopt)
    if out is not None:
        _save(out, made)
    if as_json:
        show_json(data(made))
    else:
        tell((markdown if form == "markdown" else text)(made, MACHINE_KINDS), lines=True)
    if made.violations:
        raise click.exceptions.Exit(FAILED)
    if detailed_exitcode and made.steps:
        raise click.exceptions.Exit(CHANGES)


@click.command("up")
@program_options
@click.option(
    "--step",
    is_flag=True,
    help="With a program in this process: calls are made directly, so that a debugger steps into them.",
)
@click.option(
    "--plan", "file", type=click.Path(dir_okay=False, path_type=Path), help="Do this saved plan, and nothing else."
)
@_yes_option
@_adopt_option
@_provider_option
@as_json_option
@click.pass_obj
def up(
    settings: Settings,
    program: Program | None,
    step: bool,
    file: Path | None,
    yes: bool,
    adopt: tuple[str, ...],
    provider: str,
    as_json: bool,
) -> None:
    """Bring about what remit.toml declares, or run the application of a program: show the plan, ask, and do exactly that.

    It is refused if anything that the plan counts on has changed meanwhile. A run that was cut short is finished by running it again.
    Of a program without --target it is the application itself, in this process.
    """
    if program is not None:
        from remit.cli._app_run import run_here  # programs pay for it

        run_here(program.file, step=step)
        return
    project = declared(settings.config, provider)
    if file is not None:
        if adopt:
            raise click.UsageError("a saved plan says itself what is taken over: leave out --adopt")
        shown = _load(file)
        adopt = tuple(step.key for step in shown.steps if step.action == "adopt")
        _run(settings, project, project.graph, adopt, shown, as_json)
    else:
        _ask_and_run(settings, project, project.graph, adopt, yes, as_json)


@click.command("down")
@_yes_option
@as_json_option
@click.pass_obj
def down(settings: Settings, yes: bool, as_json: bool) -> None:
    """Remove what remit.toml has declared, as `remit up` would if it declared nothing: show the plan, ask, and do that."""
    project = declared(settings.config)
    _ask_and_run(settings, project, Graph(project.graph.project), (), yes, as_json)


# --- planning -----------------------------------------------------------------------------------------


def _look(settings: Settings, project: Declared, graph: Graph, adopt: tuple[str, ...]) -> Plan:
    keys = _keys(adopt)

    async def question(boss: Ref[Any]) -> Plan:
        world = world_of(boss, project)
        with opened(project) as ledger:
            return await planned(world, graph, ledger.known(), project.directory, keys)

    return ask_boss(settings, question)


def _keys(adopt: tuple[str, ...]) -> list[str]:
    """Keys of what a person calls `machine db` or `binding app.db`."""
    return [each.replace(".", "/") for each in adopt]


def _save(file: Path, made: Plan) -> None:
    try:
        file.write_text(canonical(made) + "\n")
    except OSError as error:
        raise click.ClickException(f"cannot write {file}: {error.strerror}") from None


def _load(file: Path) -> Plan:
    try:
        return Plan.of(json.loads(file.read_text()))
    except OSError as error:
        raise click.ClickException(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RemitError):
        raise click.ClickException(f"{file} is no plan that remit plan --out has written") from None


# --- doing --------------------------------------------------------------------------------------------


def _ask_and_run(
    settings: Settings, project: Declared, graph: Graph, adopt: tuple[str, ...], yes: bool, as_json: bool
) -> None:
    shown = _look(settings, project, graph, adopt)
    if not as_json:
        say(text(shown, MACHINE_KINDS))
    if shown.violations:
        raise click.exceptions.Exit(FAILED)
    if shown.steps and not yes:
        _confirm(shown)
    _run(settings, project, graph, adopt, shown, as_json)


def _confirm(shown: Plan) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(
            "nobody can be asked here whether to do this: give --yes, or --plan FILE of a saved plan"
        )
    if not click.confirm(f"Do these {len(shown.steps)} steps?", err=True):
        raise click.ClickException("nothing was done")


def _run(
    settings: Settings, project: Declared, graph: Graph, adopt: tuple[str, ...], shown: Plan, as_json: bool
) -> None:
    """Do the plan that was shown, if it is what would be planned now."""
    keys = _keys(adopt)

    async def work(boss: Ref[Any]) -> list[Late]:
        with progress() as show, opened(project) as ledger, ledger.locked("remit up") as journal:
            world = world_of(boss, project, say=show, patience=settings.timeout)
            now = await planned(world, graph, ledger.known(), project.directory, keys)
            check_same(shown, now)
            await world.begin()
            return await apply(now, journal, world, _Teller(len(now.steps), show, quiet=as_json))

    late = ask_boss(settings, work, patient=True)
    if as_json:
        show_json({"plan": data(shown), "late": data(late)})
    else:
        _end(shown, late)
    if late:
        raise click.exceptions.Exit(PARTLY)


class _Teller:
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


def _end(shown: Plan, late: list[Late]) -> None:
    for each in late:
        say(f"not finished: {each.key.replace('/', '.')}: {each.why}")
    if any(each.again for each in late):
        say("run remit up again when that has been mended; it goes on with the rest")
    elif late:
        say("what is left is kept, and finished by itself")
    else:
        say("done" if shown.steps else "nothing to do")
