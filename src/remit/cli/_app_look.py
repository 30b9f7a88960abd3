"""`remit status`, `logs`, `graph`, `build` and `exec` of an application."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path

import click

from remit.cli._app import Opened, Program, opened_program, program_options
from remit.cli._exit import FAILED
from remit.cli._main import Settings
from remit.cli._show import as_json_option, document, say, show_json, table, wants_colour
from remit.errors import BadArgument, Missing
from remit.values import printable

__all__ = ["build_command", "exec_program", "graph_program", "logs_command", "status_program"]

PAINTS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "bright_green")


def status_program(program: Program, *, as_json: bool) -> None:
    """A row for each component; ends with 1 where one is failed, missing or stopped."""
    opened = opened_program(program)
    rows = asyncio.run(opened.target.status(opened.graph))
    if as_json:
        show_json([asdict(row) for row in rows])
    else:
        table(["COMPONENT", "KIND", "STATE", "WHY"], [[row.id, row.kind, row.state, row.text] for row in rows])
    if any(row.state in ("failed", "missing", "stopped") for row in rows):
        raise click.exceptions.Exit(FAILED)


@click.command("logs")
@click.argument("file_py", metavar="FILE.py", type=click.Path(path_type=Path))
@click.argument("components", nargs=-1, metavar="[COMPONENT]...")
@click.option("--target", default="", metavar="NAME", help="Where it runs [default: where it is].")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until interrupted.")
@click.option("-n", "--lines", default=100, show_default=True, help="How many lines of each.")
@as_json_option
def logs_command(
    file_py: Path, components: tuple[str, ...], target: str, follow: bool, lines: int, as_json: bool
) -> None:
    """Show what the components of an application have written, merged, each line with its component."""
    opened = opened_program(Program(file_py, target, {}))
    ids = [_component(opened, each) for each in components]
    with suppress(KeyboardInterrupt):
        asyncio.run(_logs(opened, ids, follow=follow, lines=lines, as_json=as_json))


def _component(opened: Opened, name: str) -> str:
    full = name if name in opened.graph.by_id else f"{opened.graph.app}/{name}"
    if full not in opened.graph.by_id:
        raise Missing(f"{opened.graph.app} has no component {name!r}; it has: {', '.join(opened.graph.by_id)}")
    return full


async def _logs(opened: Opened, ids: Sequence[str], *, follow: bool, lines: int, as_json: bool) -> None:
    width = max((len(node.id) for node in opened.graph.nodes), default=0)
    paints = {node.id: PAINTS[number % len(PAINTS)] for number, node in enumerate(opened.graph.nodes)}
    coloured = wants_colour(sys.stdout)
    async for line in opened.target.logs(opened.graph, ids, follow=follow, lines=lines):
        if as_json:
            import json

            document(json.dumps(asdict(line), sort_keys=True) + "\n")
        else:
            prefix = f"{line.id:<{width}} |"
            shown = click.style(prefix, fg=paints.get(line.id)) if coloured else prefix
            document(f"{shown} {printable(line.text)}\n")
        if follow:
            sys.stdout.flush()


def graph_program(program: Program, form: str, out: Path | None) -> None:
    """The graph of a program as a picture, or as its JSON."""
    from remit.app import graph_of, graph_schema
    from remit.cli._graph import rendered, write_to
    from remit.cli._plan_text import how_much
    from remit.graph.picture import picture

    graph = graph_of(program.file)
    if form == "json":
        text = graph.canonical()
    elif form == "schema":
        import json

        text = json.dumps(graph_schema(), indent=2, sort_keys=True) + "\n"
    else:
        text = rendered(
            picture(graph.as_graph(shown=True), words=how_much),
            form,
            100,
            colour=out is None and wants_colour(sys.stdout),
        )
    if out is not None:
        write_to(out, text)
    else:
        document(text)


@click.command("build")
@program_options
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The directory to write to [default: build/TARGET beside the program].",
)
@as_json_option
@click.pass_obj
def build_command(settings: Settings, program: Program | None, out: Path | None, as_json: bool) -> None:
    """Write the files by which another tool deploys an application."""
    if program is None:
        raise click.UsageError("name the program: remit build app.py --target compose")
    opened = opened_program(program)
    problems = opened.target.check(opened.graph)
    if problems:
        lines = "\n  ".join(map(str, problems))
        raise BadArgument(
            f"the target {opened.target.name} lacks what {opened.graph.app} needs; nothing was written:\n  {lines}"
        )
    directory = out or program.file.absolute().parent / "build" / opened.target.name
    files = opened.target.build(opened.graph, directory)
    if as_json:
        show_json([str(path) for path in files])
    else:
        for path in files:
            say(f"wrote {path}")


def exec_program(program: Program, words: Sequence[str]) -> int:
    """Run a command of an application; its exit code."""
    opened = opened_program(program)
    from remit.cli._app_run import commands_of, exec_here

    commands = commands_of(opened.graph)
    if words[0] not in commands:
        near = get_close_matches(words[0], commands, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(sorted(commands)) or 'none'}"
        raise Missing(f"{opened.graph.app} has no command {words[0]!r}; {hint}")
    if opened.target.foreground:
        return exec_here(opened, commands[words[0]], list(words[1:]))
    return asyncio.run(opened.target.run_command(opened.graph, commands[words[0]], list(words[1:])))
