"""`remit up FILE.py` in this process: the application itself, until its workers are done or somebody interrupts it."""

from __future__ import annotations

import asyncio
import difflib
import logging
import shlex
import signal
import sys

import click

from remit.app import AppGraph
from remit.app.targets import InProcess
from remit.cli._app import Opened
from remit.cli._exit import FAILED, INTERRUPTED
from remit.cli._show import progress, say
from remit.errors import BadArgument

__all__ = ["commands_of", "exec_here", "run_here", "typing"]


def run_here(opened: Opened, *, step: bool) -> None:
    """Run a program's application in this process; ends with 1 where a worker has failed for good. On a terminal, its commands can be typed meanwhile."""
    _check(opened)
    typed = sys.stdin.isatty() and not step and bool(commands_of(opened.graph))  # a debugger has the terminal
    failed = asyncio.run(_running(opened, step=step, typed=typed))
    for id, error in failed.items():
        say(f"{id} failed: {type(error).__name__}: {error}")
    if failed:
        raise click.exceptions.Exit(FAILED)


def exec_here(opened: Opened, id: str, words: list[str]) -> int:
    """Run the application in this process for as long as one of its commands takes; its exit code."""
    _check(opened)

    async def work() -> int:
        async with InProcess(opened.app) as running:
            return await running.run_command(id, words)

    return asyncio.run(work())


def commands_of(graph: AppGraph) -> dict[str, str]:
    """The ids of an application's commands, by what they are called."""
    return {node.spec["command"]: node.id for node in graph.nodes if node.kind == "command"}


def _check(opened: Opened) -> None:
    problems = opened.target.check(opened.graph)
    if problems:
        raise BadArgument("\n".join(str(each) for each in problems))
    logging.basicConfig(format="%(message)s", stream=sys.stderr)


async def _running(opened: Opened, *, step: bool, typed: bool) -> dict[str, BaseException]:
    with progress() as show:
        async with InProcess(opened.app, step=step, say=show) as running:
            show("")
            work = asyncio.ensure_future(typing(running, commands_of(opened.graph)) if typed else running.finished())
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
            try:
                await work
            except asyncio.CancelledError:
                raise click.exceptions.Exit(INTERRUPTED) from None
            return running.failed


async def typing(running: InProcess, commands: dict[str, str]) -> None:
    """Read commands, a line each, and run them, until `exit` or the end of the input."""
    say(f"commands: {', '.join(sorted(commands))}; also help, exit")
    while True:
        line = await asyncio.to_thread(_line)
        if line is None or line.strip() in ("exit", "quit"):
            return
        try:
            words = shlex.split(line)
            if not words or words[0] == "help":
                say(
                    "\n".join(
                        f"{name}: {running.graph.by_id[id].spec['help'].splitlines()[0] if running.graph.by_id[id].spec['help'] else id}"
                        for name, id in sorted(commands.items())
                    )
                )
                continue
            if words[0] not in commands:
                near = difflib.get_close_matches(words[0], commands, 1)
                say(
                    f"there is no command {words[0]!r}; {f'did you mean {near[0]}?' if near else 'there are: ' + ', '.join(sorted(commands))}"
                )
                continue
            code = await running.run_command(commands[words[0]], words[1:])
            if code:
                say(f"exit code {code}")
        except Exception as error:  # noqa: BLE001  # the next command may go well
            say(f"{type(error).__name__}: {error}")


def _line() -> str | None:
    try:
        return input("> " if sys.stdin.isatty() else "")
    except EOFError:
        return None
