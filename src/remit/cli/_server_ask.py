"""A command's connection to an ensemble: a console for as long as the command runs, within the time that the person gives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from remit.cli._exit import TimedOut
from remit.cli._main import Settings
from remit.ensemble import Console, Home

__all__ = ["ask_console", "ask_control", "ensemble_options", "home_option", "reference_of"]

T = TypeVar("T")


def home_option(command: Any) -> Any:
    """`--home`."""
    return click.option(
        "--home",
        metavar="DIR",
        help="The ensemble's directory on this host [default: $REMIT_ENSEMBLE, or the user's own].",
    )(command)


def ensemble_options(command: Any) -> Any:
    """`--home`, and `--server` for a server that no registry need know."""
    named = click.option(
        "--server",
        "reference",
        metavar="FILE",
        help="Reach the server by the reference in this private file (a control.ref), '-' or fd:N, and not by its id.",
    )
    return home_option(named(command))


def ask_console(
    settings: Settings, home: str | None, question: Callable[[Console], Awaitable[T]], *, patient: bool = False
) -> T:
    """Run one conversation with an ensemble; a `patient` one bounds its parts by itself."""

    async def bounded() -> T:
        try:
            async with asyncio.timeout(None if patient else settings.timeout), Console(Home.find(home)) as console:
                return await question(console)
        except TimeoutError:
            if patient:
                raise
            raise TimedOut(
                f"no answer within {settings.timeout:g} s; what was asked may have been done. Give it more time with: remit --timeout SECONDS …"
            ) from None

    return asyncio.run(bounded())


def ask_control(
    settings: Settings,
    home: str | None,
    reference: str | None,
    id: str | None,
    question: Callable[[Any], Awaitable[T]],
    parts: list[str] | None = None,
    *,
    patient: bool = False,
) -> T:
    """Run one conversation with the control object of a server, found by id or by a reference."""
    if (id is None) == (reference is None):
        raise click.UsageError("name one server: its ID, or --server FILE")

    async def ask(console: Console) -> T:
        found: Any
        if reference is not None:
            found = await console.by_reference(reference_of(reference))
        else:
            assert id is not None
            found = await console.control(id, parts)
        return await question(found)

    return ask_console(settings, home, ask, patient=patient)


def reference_of(where: str) -> Any:
    """The sturdyref in a private file, on standard input or another descriptor."""
    from remit.cli._secret import read_secret  # for those who name one
    from remit.errors import Misuse
    from remit.values import SturdyRef

    place, text = read_secret(where, "--server")
    try:
        return SturdyRef.parse(text.strip())
    except Misuse as error:
        raise click.ClickException(f"{place} does not hold a reference to a server: {error}") from None
