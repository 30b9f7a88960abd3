"""What the commands that supervise have in common: the host whose part `exec` is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from remit.cli._main import Settings
from remit.cli._passphrase import passphrase_options
from remit.cli._server_ask import ask_unlocking, home_option
from remit.ensemble import Console
from remit.ensemble.admin import AdminKey

__all__ = ["SUPERVISING", "ask_exec", "ask_host", "on_option"]

T = TypeVar("T")
SUPERVISING = ("supervisor", "hob")  # roles of servers that supervise


def on_option(command: Any) -> Any:
    """`--on`, `--home`, and where the passphrase is."""
    named = click.option(
        "--on",
        metavar="SERVER",
        help="The supervisor or machine that runs it [default: the only one there is].",
    )
    return passphrase_options(home_option(named(command)))


def ask_exec(
    settings: Settings,
    home: str | None,
    on: str | None,
    question: Callable[[Any], Awaitable[T]],
    *,
    patient: bool = False,
) -> T:
    """Run one conversation with the part `exec` of a host."""
    return ask_host(settings, home, on, lambda _, part: question(part), patient=patient)


def ask_host(
    settings: Settings,
    home: str | None,
    on: str | None,
    question: Callable[[Console, Any], Awaitable[T]],
    *,
    patient: bool = False,
) -> T:
    """The same, with the console."""

    async def find(console: Console, key: AdminKey | None) -> Any:
        control = await console.control(on or await only_host(console), ["exec"], unlock=key)
        return await control.part("exec")

    return ask_unlocking(settings, home, find, question, patient=patient)


async def only_host(console: Console) -> str:
    """The only server that supervises."""
    found = {each.id for role in SUPERVISING for each in await console.directory.with_role(role)}
    if len(found) != 1:
        there = f"there are: {', '.join(sorted(found))}" if found else "start one with: remit server supervise"
        raise click.UsageError(f"which host runs it? Give --on SERVER; {there}")
    return found.pop()
