"""`remit up FILE.py` in this process: the application itself, until its workers are done or somebody interrupts it."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import click

from remit.app import App, read_program
from remit.app.targets import InProcess, Place, find_target
from remit.cli._exit import FAILED
from remit.cli._show import progress, say

__all__ = ["run_here"]


def run_here(file: Path, *, step: bool) -> None:
    """Run a program's application in this process; ends with the first worker's failure that is not mended by a restart."""
    app, graph = read_program(file)
    problems = find_target("in-process")(Place(file, file.parent)).check(graph)
    if problems:
        raise click.ClickException("\n".join(str(each) for each in problems))
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    failed = asyncio.run(_running(app, step=step))
    for id, error in failed.items():
        say(f"{id} failed: {type(error).__name__}: {error}")
    if failed:
        raise click.exceptions.Exit(FAILED)


async def _running(app: App, *, step: bool) -> dict[str, BaseException]:
    with progress() as show:
        async with InProcess(app, step=step, say=show) as running:
            show("")
            await running.finished()
            return running.failed
