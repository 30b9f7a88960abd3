"""`remit plan`, `remit up` and `remit down`: from what there is to what `remit.toml` declares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from remit.cli._app import Program, program_options
from remit.cli._connect import ask_boss
from remit.cli._declared import Declared, declared
from remit.cli._doing import Teller, confirm, load_plan, save_plan, tell_end
from remit.cli._exit import CHANGES, FAILED, PARTLY
from remit.cli._main import Settings
from remit.cli._plan_text import markdown, text
from remit.cli._project import opened, planned, world_of
from remit.cli._show import as_json_option, progress, say, show_json, tell
from remit.graph import Graph, Late, Plan, apply, check_same, data
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
@program_options
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
    program: Program | None,
    out: Path | None,
    form: str,
    detailed_exitcode: bool,
    adopt: tuple[str, ...],
    provider: str,
    as_json: bool,
) -> None:
    """Show what `remit up` would do: whose authority changes, and what is created, changed and removed. Nothing is done."""
    if program is not None:
        from remit.cli._app_plan import plan_program  # programs pay for it

        plan_program(program, out, form, detailed_exitcode=detailed_exitcode, as_json=as_json)
        return
    project = declared(settings.config, provider)
    made = _look(settings, project, project.graph, adopt)
    if out is not None:
        save_plan(out, made)
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
        from remit.cli._app_plan import up_program  # programs pay for it

        up_program(program, step=step, file=file, yes=yes, patience=settings.timeout, as_json=as_json)
        return
    project = declared(settings.config, provider)
    if file is not None:
        if adopt:
            raise click.UsageError("a saved plan says itself what is taken over: leave out --adopt")
        shown = load_plan(file)
        adopt = tuple(step.key for step in shown.steps if step.action == "adopt")
        _run(settings, project, project.graph, adopt, shown, as_json)
    else:
        _ask_and_run(settings, project, project.graph, adopt, yes, as_json)


@click.command("down")
@program_options
@click.option("--data", is_flag=True, help="With a program: remove what its stores keep, too.")
@_yes_option
@as_json_option
@click.pass_obj
def down(settings: Settings, program: Program | None, data: bool, yes: bool, as_json: bool) -> None:
    """Remove what remit.toml has declared, or a program's application, as `remit up` would if nothing were declared: show the plan, ask, and do that."""
    if program is not None:
        from remit.cli._app_plan import down_program  # programs pay for it

        down_program(program, forget=data, yes=yes, patience=settings.timeout, as_json=as_json)
        return
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
        confirm(shown)
    _run(settings, project, graph, adopt, shown, as_json)


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
            return await apply(now, journal, world, Teller(len(now.steps), show, quiet=as_json))

    late = ask_boss(settings, work, patient=True)
    if as_json:
        show_json({"plan": data(shown), "late": data(late)})
    else:
        tell_end(shown, late)
    if late:
        raise click.exceptions.Exit(PARTLY)
