"""How a command reaches a dataspace: by a file with a route, a sturdyref and an address, or a CapTP sturdyref."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, NamedTuple

import click

from remit.cli._config import state_home
from remit.cli._main import Settings
from remit.cli._secret import read_secret
from remit.cli._show import say
from remit.dataspace.syndicate import Address, Route, connect
from remit.errors import BadArgument, DecodeError, Missing, Misuse, RemitError
from remit.net import Node, NodeKey, dialling
from remit.values import SturdyRef
from remit.vat import Ref, Vat

__all__ = ["At", "Link", "at_options", "default_file", "find", "linked", "look_after", "read_route"]

LOOK: Final = 0.5  # seconds between two looks at whether the link is up


class At(NamedTuple):
    """Where a dataspace is said to be on the command line."""

    space: str | None
    address: str | None
    cafile: str | None


class Link(NamedTuple):
    """A dataspace that was reached. `problem` says why it is not reached now, if it is not; it heals by itself unless `once`."""

    vat: Vat
    space: Ref[Any]
    problem: Callable[[], RemitError | None]
    once: bool


def at_options(command: Any) -> Any:
    """`--space`, `--at` and `--cafile`, as the arguments `space`, `address` and `cafile`."""
    for option in (
        click.option(
            "--cafile",
            metavar="FILE",
            envvar="SYNDICATE_CAFILE",
            help="Trust this certificate or authority for tls://.",
        ),
        click.option("--at", "address", metavar="ADDRESS", help="Go there, whatever the file says: tcp://host:port …"),
        click.option(
            "--space",
            metavar="FILE",
            envvar="REMIT_DATASPACE",
            help="The file with the dataspace's route or sturdyref, '-' or fd:N [default: that of remit dataspace serve].",
        ),
    ):
        command = option(command)
    return command


def default_file(name: str = "space.route") -> str:
    """The file that `remit dataspace serve` writes where it is told nothing else."""
    return str(state_home() / "dataspace" / name)


def find(at: At) -> tuple[Route | SturdyRef, str]:
    """What leads to the dataspace, and where it was found."""
    given = at.space or default_file()
    try:
        where, text = read_secret(given, "--space")
    except Missing:
        raise click.ClickException(
            f"there is no dataspace's reference at {given.removeprefix('@')}: start one with 'remit dataspace serve', "
            "or name the file with --space or $REMIT_DATASPACE"
        ) from None
    try:
        if text.lstrip().startswith("ocapn:"):
            return SturdyRef.parse(text.strip()), where
        return read_route(text, at.address), where
    except (BadArgument, DecodeError, Misuse) as error:
        raise click.ClickException(
            f"{where} does not hold a dataspace's route or sturdyref ({type(error).__name__}): it is <route [address …] <ref …>>, "
            "<ref …> with --at ADDRESS, or the URI of a CapTP sturdyref"
        ) from None


def read_route(text: str, address: str | None) -> Route:
    """A route's text, or that of a sturdyref where an address is given besides. Raises `BadArgument` or `DecodeError`."""
    if text.lstrip().startswith("<ref"):
        if address is None:
            raise BadArgument("a sturdyref alone does not say where to go")
        return Route.of(Address.of(address), text)
    route = Route.of(text.strip())
    return route if address is None else Route.of(Address.of(address), *route.steps)


@asynccontextmanager
async def linked(settings: Settings, at: At) -> AsyncIterator[Link]:
    """The dataspace, for as long as the command runs. Raises `Unreachable` where it is not reached in the person's time."""
    found, where = find(at)
    async with AsyncExitStack() as stack:
        vat = await stack.enter_async_context(Vat("command"))
        try:
            if isinstance(found, SturdyRef):
                link = await _by_captp(stack, vat, found)
            else:
                link = await _by_syndicate(stack, vat, found, settings.timeout, at.cafile)
        except RemitError as error:
            error.add_note(f"the reference is that of {where}")
            raise
        yield link


async def _by_syndicate(stack: AsyncExitStack, vat: Vat, route: Route, seconds: float, cafile: str | None) -> Link:
    trusted = None
    if cafile is not None:
        import ssl  # for this option only

        try:
            trusted = ssl.create_default_context(cafile=cafile)
        except OSError as error:
            raise BadArgument(f"{cafile} cannot be used as a certificate: {error}") from None
        trusted.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    connecting = connect(route, vat=vat, wait=seconds, client_ssl=trusted)
    space = await stack.enter_async_context(connecting)
    return Link(vat, space, lambda: connecting.problem, once=False)


async def _by_captp(stack: AsyncExitStack, vat: Vat, sturdyref: SturdyRef) -> Link:
    key = NodeKey.generate()
    node = await stack.enter_async_context(Node(key, vat))
    for netlayer in dialling(key):
        node.use(netlayer)
    return Link(vat, await node.fetch_from(sturdyref), lambda: None, once=True)


async def look_after(link: Link) -> None:
    """Tell the person when the link is lost, and when it is back; for as long as the task runs."""
    told = None
    while True:
        problem = link.problem()
        if (problem is None) != (told is None):
            say("the link is back" if problem is None else f"the link is lost ({problem}); trying again")
        told = problem
        await asyncio.sleep(LOOK)
