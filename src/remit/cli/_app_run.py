"""`remit up FILE.py` in this process: the application itself, until its workers are done or somebody interrupts it."""

from __future__ import annotations

import asyncio
import logging
import sys

import click

from remit.app import App
from remit.app.targets import InProcess
from remit.cli._app import Opened
from remit.cli._exit import FAILED
from remit.cli._show import progress, say

__all__ = ["run_here"]


def run_here(opened: Opened, *, step: bool) -> None:
    """Run a program's application in this process; ends with 1 where a worker has failed for good."""
    problems = opened.target.check(opened.graph)
    if problems:
        raise click.ClickException("\n".join(str(each) for each in problems))
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    failed = asyncio.run(_running(opened.app, step=step))
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
