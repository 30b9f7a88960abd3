"""A command's connection to an ensemble: a console for as long as the command runs, within the time that the person gives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from remit.cli._exit import TimedOut
from remit.cli._main import Settings
from remit.cli._passphrase import passphrase_options, read_passphrase
from remit.cli._server_way import console_for
from remit.ensemble import Console, Home
from remit.errors import Refused

if TYPE_CHECKING:
    from remit.ensemble.admin import AdminKey

__all__ = [
    "admin_key",
    "ask_console",
    "ask_control",
    "ask_server",
    "ask_unlocking",
    "ensemble_options",
    "home_option",
    "reference_of",
]

T = TypeVar("T")


def home_option(command: Any) -> Any:
    """`--home`."""
    return click.option(
        "--home",
        metavar="DIR",
        help="The ensemble's directory on this host [default: $REMIT_ENSEMBLE, or the user's own].",
    )(command)


def ensemble_options(command: Any) -> Any:
    """`--home`, `--server` for a server that no registry need know, and where the passphrase is that unlocks it."""
    named = click.option(
        "--server",
        "reference",
        metavar="FILE",
        help="Reach the server by the reference in this private file (a control.ref), '-' or fd:N, and not by its id.",
    )
    return passphrase_options(home_option(named(command)))


def ask_console(
    settings: Settings, home: str | None, question: Callable[[Console], Awaitable[T]], *, patient: bool = False
) -> T:
    """Run one conversation with an ensemble; a `patient` one bounds its parts by itself."""

    async def bounded() -> T:
        try:
            async with asyncio.timeout(None if patient else settings.timeout), console_for(settings, home) as console:
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
    """Run one conversation with the control object of a server, found by id or by a reference; see `ask_server`."""
    return ask_server(settings, home, reference, id, lambda _, control: question(control), parts, patient=patient)


def ask_server(
    settings: Settings,
    home: str | None,
    reference: str | None,
    id: str | None,
    question: Callable[[Console, Any], Awaitable[T]],
    parts: list[str] | None = None,
    *,
    patient: bool = False,
) -> T:
    """The same for a question that needs the console as well.

    `parts` are those that the question needs. Where they need an unlock and the administrators' key is in this home, its passphrase is
    asked for; the server is locked again when the command ends.
    """
    if (id is None) == (reference is None):
        raise click.UsageError("name one server: its ID, or --server FILE")
    way = None if reference is None else reference_of(reference)

    async def find(console: Console, key: AdminKey | None) -> Any:
        if way is not None:
            return await console.by_reference(way, parts, unlock=key)
        return await console.control(str(id), parts, unlock=key)

    return ask_unlocking(settings, home, find, question, unlocks=bool(parts), patient=patient)


def ask_unlocking(
    settings: Settings,
    home: str | None,
    find: Callable[[Console, AdminKey | None], Awaitable[Any]],
    question: Callable[[Console, Any], Awaitable[T]],
    *,
    unlocks: bool = True,
    patient: bool = False,
) -> T:
    """Find an object and ask it. Where it is refused without an unlock, and `unlocks` may help, the passphrase is asked for and it is looked for again with the key."""
    asked = False

    async def ask(console: Console, key: AdminKey | None = None) -> T:
        nonlocal asked
        found = await find(console, key)
        asked = True
        return await question(console, found)

    try:
        return ask_console(settings, home, ask, patient=patient)
    except Refused:
        if asked or not unlocks:
            raise
        key = admin_key(settings, home)  # nobody's time runs while it is typed
        if key is None:
            raise
    return ask_console(settings, home, lambda console: ask(console, key), patient=patient)


def admin_key(settings: Settings, home: str | None) -> AdminKey | None:
    """The administrators' key of a home, opened with the passphrase that the person gives; None where it has none."""
    from remit.ensemble.admin import AdminKey  # for those who have a key

    path = Home.find(home).path
    if not (path / "admin.key").exists():
        return None
    return AdminKey.open(path, read_passphrase(settings, f"the administrators' key {path / 'admin.key'}"))


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
