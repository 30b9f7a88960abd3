"""`remit server exec|output|kill|rerun`: programs that are run on a host, and what they and servers write."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import click

from remit.cli._main import Settings
from remit.cli._server_ask_exec import ask_exec, ask_host, on_option
from remit.cli._show import as_json_option, say, show_json, tell
from remit.ensemble import Console
from remit.vat import actor

__all__ = ["exec_command", "kill", "output", "rerun"]


class Told:
    """The device that hears what is followed, and when it is over."""

    def __init__(self, *, bare: bool = False) -> None:
        self.over = asyncio.Event()
        self._bare = bare

    def hear(self, lines: list[str] | None) -> None:
        """Print them; None is the end."""
        if lines is None:
            self.over.set()
            return
        for line in lines:
            if not self._bare:
                tell(line)
                continue
            _, _, rest = line.partition(" ")  # the time, then the stream
            stream, _, text = rest.partition(" ")
            (say if stream == "err" else tell)(text)


@actor(kind="remit.cli.lines", passing=True)
class Lines:
    """What a host tells lines to."""

    device: Any

    def __call__(self, lines: list[str] | None) -> Any:
        return self.device.hear(lines)


async def follow(console: Console, part: Any, what: str, name: str, lines: int, told: Told) -> None:
    """Print what is written, until its end."""
    vat = console.node.vat
    sink = vat.spawn(Lines, vat.device("lines", told))
    await part.follow(what, name, sink, lines)
    await told.over.wait()


@click.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("words", nargs=-1, required=True, metavar="PROGRAM [ARGUMENT]...")
@click.option("--env", metavar="NAME", help="An environment that was uploaded.")
@click.option("--files", metavar="NAME", help="Files that were uploaded: it runs there.")
@click.option("--detach", is_flag=True, help="Say its number, and do not wait for it.")
@on_option
@as_json_option
@click.pass_obj
def exec_command(
    settings: Settings,
    words: tuple[str, ...],
    env: str | None,
    files: str | None,
    detach: bool,
    on: str | None,
    home: str | None,
    as_json: bool,
) -> int:
    """Run a program on a host, one that was uploaded or is there: its output is printed as it comes, its exit code is ours.

    When this command is ended the program goes on; see remit server processes, output and kill.
    """
    options = {name: value for name, value in (("env", env), ("files", files)) if value}

    async def question(console: Console, part: Any) -> dict[str, Any]:
        row: dict[str, Any] = await part.run(list(words), options)
        if detach:
            return row
        if as_json:
            while row["state"] == "running":
                row = await part.wait(row["process"], 600.0)
            return {**row, "output": await part.output(row["process"])}
        await follow(console, part, "output", row["process"], 10_000, Told(bare=True))
        return dict(await part.wait(row["process"], 10.0))

    row = ask_host(settings, home, on, question, patient=not detach)
    if as_json:
        show_json(row)
    elif detach:
        say(f"{row['process']} runs")
    elif row["code"] is None:
        say(row["end"])
    return 0 if detach else row["code"] if row["code"] is not None else 1


@click.command()
@click.argument("name")
@click.option("-f", "--follow", "following", is_flag=True, help="Go on, until ctrl-C or the end of a program.")
@click.option(
    "-n", "--lines", type=click.IntRange(0, 10_000), default=50, show_default=True, help="How many lines to begin with."
)
@on_option
@click.pass_obj
def output(settings: Settings, name: str, following: bool, lines: int, on: str | None, home: str | None) -> None:
    """Show what a server (by its id), or a program that was run (by its number) has written."""

    async def question(console: Console, part: Any) -> None:
        programs = {row["process"] for row in await part.programs()}
        if following:
            await follow(console, part, "output" if name in programs else "log", name, lines, Told())
            return
        for line in await (part.output(name, lines) if name in programs else part.log(name, lines)):
            tell(line)

    ask_host(settings, home, on, question, patient=following)


@click.command()
@click.argument("process")
@click.option(
    "-s",
    "--signal",
    "name",
    metavar="SIGNAL",
    help="Send this signal, such as HUP or 9, instead of ending it and all that it has started.",
)
@on_option
@click.pass_obj
def kill(settings: Settings, process: str, name: str | None, on: str | None, home: str | None) -> None:
    """End a program that was run, or send it a signal. Servers are stopped with remit server stop."""
    number = None if name is None else _number(name)

    async def question(part: Any) -> str:
        if number is None:
            return str((await part.end(process))["end"])
        await part.signal(process, number)
        return f"was sent signal {number}"

    say(f"{process} {ask_exec(settings, home, on, question)}")


def _number(name: str) -> int:
    try:
        return int(
            signal.Signals(int(name)) if name.isdigit() else signal.Signals[f"SIG{name.upper().removeprefix('SIG')}"]
        )
    except (ValueError, KeyError):
        raise click.UsageError(f"there is no signal {name!r}") from None


@click.command()
@click.argument("process")
@on_option
@click.pass_obj
def rerun(settings: Settings, process: str, on: str | None, home: str | None) -> None:
    """Run a program again as it was run; it is ended first, if it still runs."""
    ask_exec(settings, home, on, lambda part: part.rerun(process))
    say(f"{process} runs")
