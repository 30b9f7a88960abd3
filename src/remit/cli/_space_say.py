"""`remit dataspace assert` and `send`."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from remit.cli._exit import TimedOut
from remit.cli._main import Settings
from remit.cli._show import say
from remit.cli._space import At, Link, at_options, linked, look_after
from remit.cli._space_values import read_value, shown
from remit.cli._times import span
from remit.dataspace import message, publish, sync
from remit.errors import LinkLost
from remit.net import told_to_stop
from remit.vat import Ref, actor, on_sever, tell

__all__ = ["assert_command", "send"]


class Told:
    """A device: what has become of what was said."""

    def __init__(self) -> None:
        self.handled = asyncio.Event()
        self.lost = asyncio.Event()

    def done(self) -> None:
        """The dataspace has handled it."""
        self.handled.set()

    def __call__(self, broken: Any) -> None:
        """The link has ended."""
        self.lost.set()


@actor(kind="remit.cli.speaker", version=1)
class Speaker:
    """Says something in a dataspace."""

    told: Any

    def hold(self, space: Ref[Any], values: list[Any]) -> None:
        """Assert these values."""
        told = self.told
        on_sever(space, told)
        for value in values:
            publish(space, value)
        sync(space, lambda: tell(told).done())

    def send(self, space: Ref[Any], values: list[Any]) -> None:
        """Send these messages."""
        told = self.told
        on_sever(space, told)
        for value in values:
            message(space, value)
        sync(space, lambda: tell(told).done())


def _span(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    return None if value is None else span(ctx, param, value)


@click.command("assert")
@click.argument("values", metavar="VALUE...", nargs=-1, required=True)
@click.option("--for", "seconds", metavar="TIME", callback=_span, help="Withdraw it after this time: 10s, 5m, 2h …")
@at_options
@click.pass_obj
def assert_command(
    settings: Settings,
    values: tuple[str, ...],
    seconds: float | None,
    space: str | None,
    address: str | None,
    cafile: str | None,
) -> None:
    """Assert each VALUE, and hold it until ctrl-C or SIGTERM. It goes with this process, however that ends."""
    read = [read_value(value, "VALUE") for value in values]
    asyncio.run(_hold(settings, At(space, address, cafile), read, seconds))


async def _hold(settings: Settings, at: At, values: list[Any], seconds: float | None) -> None:
    async with told_to_stop() as stop, linked(settings, at) as link:
        told = await _say(settings, link, "hold", values)
        for value in values:
            say(f"asserted {shown(value)}")
        waits = [asyncio.ensure_future(each.wait()) for each in (stop, told.lost)]
        looking = asyncio.ensure_future(look_after(link))
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*waits, looking):
                task.cancel()
        if told.lost.is_set():  # and not by us
            raise LinkLost(
                "the link to the dataspace has ended, and with it what was asserted; start the command again"
            )


@click.command()
@click.argument("values", metavar="VALUE...", nargs=-1, required=True)
@at_options
@click.pass_obj
def send(
    settings: Settings, values: tuple[str, ...], space: str | None, address: str | None, cafile: str | None
) -> None:
    """Send each VALUE as a message to whoever observes such messages now."""
    read = [read_value(value, "VALUE") for value in values]

    async def main() -> None:
        async with linked(settings, At(space, address, cafile)) as link:
            await _say(settings, link, "send", read)

    asyncio.run(main())


async def _say(settings: Settings, link: Link, how: str, values: list[Any]) -> Told:
    """Say it, and wait until the dataspace has handled it."""
    told = Told()
    speaker: Any = link.vat.spawn(Speaker, link.vat.device("told", told))
    if how == "hold":
        tell(speaker).hold(link.space, values)
    else:
        tell(speaker).send(link.space, values)
    waits = [asyncio.ensure_future(each.wait()) for each in (told.handled, told.lost)]
    try:
        await asyncio.wait(waits, timeout=settings.timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waits:
            task.cancel()
    if told.handled.is_set():
        return told
    if told.lost.is_set():
        raise LinkLost("the link to the dataspace has ended; what was said may not have been heard")
    raise TimedOut(f"no answer within {settings.timeout:g} s; what was said may not have been heard")
