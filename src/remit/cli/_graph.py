"""`remit graph`: who holds what, as a picture."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any, Final

import click

from remit.cli._app import Program, program_options
from remit.cli._connect import ask_boss
from remit.cli._declared import Declared, declared
from remit.cli._exit import BadConfig
from remit.cli._main import Settings
from remit.cli._plan_text import how_much
from remit.cli._project import opened, planned, world_of
from remit.cli._show import document, show_json, wants_colour
from remit.graph import Actual, Graph, Link, Node, Plan
from remit.graph.picture import CHANGED, GAINED, LOST, Picture, as_data, dot, mermaid, picture, svg, text
from remit.vat import Ref

__all__ = ["graph_command", "rendered", "write_to"]

FORMATS: Final = ("text", "svg", "dot", "mermaid", "json", "schema")
COLOURS: Final = {GAINED: "green", LOST: "red", CHANGED: "yellow"}


@click.command("graph")
@program_options
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How to draw it.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file.")
@click.option("--declared", "only_declared", is_flag=True, help="What remit.toml declares; nobody is asked.")
@click.option("--plan", "with_plan", is_flag=True, help="What remit up would do: gained, lost and changed.")
@click.pass_obj
def graph_command(
    settings: Settings, program: Program | None, form: str, out: Path | None, only_declared: bool, with_plan: bool
) -> None:
    """Draw who holds what of whom, and how much of it: what there is, what is declared, or what a plan changes; or what a program's application is.

    Of a program, json is its graph as targets read it, and schema the JSON Schema of that.
    """
    if program is not None:
        from remit.cli._app_look import graph_program  # programs pay for it

        graph_program(program, form, out)
        return
    if form == "schema":
        raise click.UsageError("the schema is that of programs' graphs: name the file")
    if only_declared and with_plan:
        raise click.UsageError("--declared and --plan are two pictures: choose one")
    drawn = _drawn(settings, only_declared=only_declared, with_plan=with_plan)
    if out is not None:
        write_to(out, rendered(drawn, form, 80, colour=False))
    elif form == "json":
        show_json(as_data(drawn))
    else:
        width = min(120, max(60, shutil.get_terminal_size().columns)) if sys.stdout.isatty() else 80
        document(rendered(drawn, form, width, colour=wants_colour(sys.stdout)))


def _drawn(settings: Settings, *, only_declared: bool, with_plan: bool) -> Picture:
    if only_declared:
        return picture(declared(settings.config).graph, words=how_much)
    if with_plan:
        project = declared(settings.config)
        actual, plan = _look(settings, project)
        return picture(project.graph, actual, plan, how_much)
    try:
        project = declared(settings.config)
    except BadConfig:  # whoever declares nothing has a picture, too
        project = Declared(Graph(), Path(), Path())
    actual = ask_boss(settings, lambda boss: _observed(boss, project))
    nodes = [seen.what for seen in actual.things if isinstance(seen.what, Node)]
    links = [seen.what for seen in actual.things if isinstance(seen.what, Link)]
    return picture(Graph("", nodes, links), actual, words=how_much)


async def _observed(boss: Ref[Any], project: Declared) -> Actual:
    return await world_of(boss, project).observe()


def _look(settings: Settings, project: Declared) -> tuple[Actual, Plan]:
    async def question(boss: Ref[Any]) -> tuple[Actual, Plan]:
        world = world_of(boss, project)
        with opened(project) as ledger:
            return await world.observe(), await planned(world, project.graph, ledger.known(), project.directory)

    return ask_boss(settings, question)


def rendered(drawn: Picture, form: str, width: int, *, colour: bool) -> str:
    """A picture in one of the forms; `width` in characters, for text."""
    if form == "text":
        return text(drawn, width, _painted) if colour else text(drawn, width)
    if form == "json":
        import json

        return json.dumps(as_data(drawn), indent=2, sort_keys=True) + "\n"
    return svg(drawn) if form == "svg" else dot(drawn) if form == "dot" else mermaid(drawn)


def _painted(line: str, mark: str) -> str:
    return click.style(line, fg=COLOURS[mark]) if mark else line


def write_to(out: Path, drawn: str) -> None:
    """Write a picture to a file."""
    try:
        out.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {out}: {error.strerror}") from None
