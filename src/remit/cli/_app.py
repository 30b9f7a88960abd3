"""Commands about an application: the program's file, its target, and where what is known of it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

__all__ = ["Program", "program_options"]


@dataclass(frozen=True, slots=True)
class Program:
    """What a command was given: the program's file, and the name of the target."""

    file: Path
    target: str
    options: dict[str, str]


def program_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the argument FILE.py and the options that go with it, as `program`: None where there is no FILE.py."""

    @click.argument("file_py", metavar="[FILE.py]", required=False, type=click.Path(path_type=Path))
    @click.option("--target", default="", metavar="NAME", help="With a program: where it runs [default: in-process].")
    @wraps(command)
    def run(*args: Any, file_py: Path | None, target: str, **kwargs: Any) -> Any:
        if file_py is None and target:
            raise click.UsageError("--target is for programs: name the file, as in remit up app.py --target processes")
        program = None if file_py is None else Program(file_py, target or "in-process", {})
        return command(*args, program=program, **kwargs)

    return run
