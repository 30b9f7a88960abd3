"""`remit bundle`: a program with its own main, as one file."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from remit.cli._exit import BadConfig
from remit.cli._main import Settings
from remit.cli._show import as_json_option, progress, say, show_json

__all__ = ["bundle_command"]


@click.command("bundle")
@click.argument("program", metavar="MODULE[:FUNCTION]|FILE.py")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The file [default: MODULE.pyz].",
)
@click.option(
    "--present", multiple=True, metavar="PACKAGE", help="A package that the host has; it does not come along."
)
@click.option(
    "--extra", "extras", multiple=True, metavar="NAME", help="An extra of Remit that the program uses, such as uvloop."
)
@click.option(
    "--python", metavar="COMMAND", help="The interpreter in the file's first line [default: /usr/bin/env python3]."
)
@as_json_option
@click.pass_obj
def bundle_command(
    settings: Settings,
    program: str,
    output: Path | None,
    present: tuple[str, ...],
    extras: tuple[str, ...],
    python: str | None,
    as_json: bool,
) -> None:
    """Make one executable file of a program: its modules, Remit, and what both need.

    A module is looked for in this directory first. It is run as `python -m MODULE` would, or FUNCTION of it is called; the words of the command line are the program's.
    The file runs on hosts of this platform that have Python and nothing else. It unpacks itself into ~/.cache/remit/bundles when it is first run.
    """
    from remit.machines import parcel, single_file  # the weight of it, for this command only

    name, path = _program(program)
    target = output or Path(f"{name.partition(':')[0].rpartition('.')[2]}.pyz")
    how: dict[str, Any] = {"interpreter": python} if python else {}
    with progress() as show, tempfile.TemporaryDirectory(prefix="remit-bundle-") as store:
        show("collecting Remit and what it needs")
        made = parcel(store, extras=extras)
        show(f"collecting {name}")
        done = single_file(name, target.absolute(), made.path, present=present, path=path, **how)
    if as_json:
        show_json(
            {
                "file": str(done.path),
                "digest": done.digest,
                "files": done.files,
                "bytes": done.size,
                "python": done.python,
            }
        )
        return
    runs = (
        f"Python {sys.version_info[0]}.{sys.version_info[1]} of this platform"
        if done.python
        else "Python 3.11 or newer"
    )
    say(f"{target}: {done.files} files, {done.size / 2**20:.1f} MB, {done.digest[:12]}; runs with {runs}")


def _program(text: str) -> tuple[str, list[str]]:
    """The program as module and function, and where it is looked for."""
    here = str(Path.cwd())
    if not text.endswith(".py"):
        return text, [here, *sys.path]
    file = Path(text)
    if not file.is_file():
        raise BadConfig(f"there is no file {text}")
    if not file.stem.isidentifier():
        raise BadConfig(f"{file.name} is not the name of a module: give it one without signs, such as server.py")
    return file.stem, [str(file.absolute().parent), *sys.path]
