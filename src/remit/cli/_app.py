"""Commands about an application: the program's file, its target, and where what is known of it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from remit.app import App, AppGraph
    from remit.app.targets import Target

__all__ = ["Opened", "Program", "deployed_beside", "opened_program", "program_options"]

HERE = "in-process"


@dataclass(frozen=True, slots=True)
class Program:
    """What a command was given: the program's file, the name of the target ("": none), and options of the target."""

    file: Path
    target: str
    options: dict[str, str]


@dataclass(frozen=True, slots=True)
class Opened:
    """A program that was read, with its target."""

    app: App
    graph: AppGraph
    target: Target
    state: Path


def program_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the argument FILE.py and the options that go with it, as `program`: None where there is no FILE.py."""

    @click.argument("file_py", metavar="[FILE.py]", required=False, type=click.Path(path_type=Path))
    @click.option(
        "--target",
        default="",
        metavar="NAME",
        help="With a program: where it runs [default: where it is, else in-process].",
    )
    @click.option("--set", "sets", multiple=True, metavar="NAME=VALUE", help="With a program: an option of its target.")
    @wraps(command)
    def run(*args: Any, file_py: Path | None, target: str, sets: tuple[str, ...], **kwargs: Any) -> Any:
        if file_py is None and (target or sets):
            raise click.UsageError(
                "--target and --set are for programs: name the file, as in remit up app.py --target processes"
            )
        program = None if file_py is None else Program(file_py, target, dict(map(_pair, sets)))
        return command(*args, program=program, **kwargs)

    return run


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is no NAME=VALUE", param_hint="--set")
    return name, value


def opened_program(program: Program, say: Callable[[str], Any] = str, patience: float = 30.0, **options: str) -> Opened:
    """Read a program, and find its target: the one that was named, or where it is deployed, or this process."""
    from remit.app import read_program
    from remit.app.targets import Place, find_target

    if program.target:
        find_target(program.target)  # a wrong name is told before anything else
    app, graph = read_program(program.file)
    top = program.file.absolute().parent / ".remit" / app.name
    name = program.target or _deployed(top)
    place = Place(program.file.absolute(), top / name, say, patience, {**program.options, **options})
    return Opened(app, graph, find_target(name)(place), top / name)


def deployed_beside(program: Program, say: Callable[[str], Any], patience: float, **options: str) -> Opened | None:
    """What is deployed beside a program that cannot be read: of the one application that there is; None where that is not plain."""
    from remit.app import App, AppGraph
    from remit.app.targets import Place, find_target

    found = sorted((program.file.absolute().parent / ".remit").glob("*/*/ledger.sqlite"))
    found = [path for path in found if program.target in ("", path.parent.name)]
    if len(found) != 1:
        return None
    state = found[0].parent
    name = state.parent.name
    place = Place(program.file.absolute(), state, say, patience, {**program.options, **options})
    return Opened(App(name), AppGraph(name, [], []), find_target(state.name)(place), state)


def _deployed(top: Path) -> str:
    """The one target where it is deployed, this process where there is none."""
    found = sorted(path.parent.name for path in top.glob("*/ledger.sqlite"))
    if len(found) > 1:
        raise click.UsageError(
            f"this application is deployed on several targets: say --target {' or --target '.join(found)}"
        )
    return found[0] if found else HERE
