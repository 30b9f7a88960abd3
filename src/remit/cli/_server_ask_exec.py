"""What the commands that supervise have in common: the host whose part `exec` is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from remit.cli._main import Settings
from remit.cli._server_ask import ask_console, home_option
from remit.ensemble import Console

__all__ = ["SUPERVISING", "ask_exec", "exec_of", "on_option"]

T = TypeVar("T")
SUPERVISING = ("supervisor", "hob")  # roles of servers that supervise


def on_option(command: Any) -> Any:
    """`--on` and `--home`."""
    named = click.option(
        "--on",
        metavar="SERVER",
        help="The supervisor or machine that runs it [default: the only one there is].",
    )
    return home_option(named(command))


def ask_exec(
    settings: Settings,
    home: str | None,
    on: str | None,
    question: Callable[[Any], Awaitable[T]],
    *,
    patient: bool = False,
) -> T:
    """Run one conversation with the part `exec` of a host."""

    async def ask(console: Console) -> T:
        return await question(await exec_of(console, on))

    return ask_console(settings, home, ask, patient=patient)


async def exec_of(console: Console, on: str | None) -> Any:
    """The part `exec` of the server that is named, or of the only one that supervises."""
    if on is None:
        found = {each.id for role in SUPERVISING for each in await console.directory.with_role(role)}
        if len(found) != 1:
            there = f"there are: {', '.join(sorted(found))}" if found else "start one with: remit server supervise"
            raise click.UsageError(f"which host runs it? Give --on SERVER; {there}")
        on = found.pop()
    control = await console.control(on, ["exec"])
    return await control.part("exec")
