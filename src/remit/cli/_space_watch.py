"""`remit dataspace watch` and `query`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from remit.cli._exit import TimedOut
from remit.cli._main import Settings
from remit.cli._show import as_json_option, say, show_json, tell
from remit.cli._space import At, Link, at_options, linked, look_after
from remit.cli._space_values import Wanted, as_json, read_pattern, shown
from remit.dataspace import complete, during, on_message, this_facet
from remit.errors import LinkLost
from remit.net import told_to_stop
from remit.vat import Ref, actor, on_sever
from remit.vat import tell as send_away

__all__ = ["query", "watch"]

MARKS = {"asserted": "+", "retracted": "-", "message": "!"}


class Screen:
    """Where events go, a device: it prints each as it comes. `over` is set when there is no more to show."""

    def __init__(self, wanted: Wanted, as_json: bool, once: bool) -> None:
        self.wanted = wanted
        self.json = as_json
        self.once = once
        self.over = asyncio.Event()
        self.failure: Exception | None = None

    def event(self, what: str, captures: list[Any]) -> None:
        """One event."""
        if self.over.is_set():
            return
        try:
            self._print(what, captures)
        except OSError as error:  # whoever reads us has gone
            self.failure = error
            self.over.set()
            return
        if self.once and what != "retracted":
            self.over.set()

    def __call__(self, broken: Any) -> None:
        """The link has ended, and does not come back."""
        if not self.over.is_set():
            self.failure = LinkLost("the link to the dataspace has ended; start the command again")
            self.over.set()

    def _print(self, what: str, captures: list[Any]) -> None:
        if not self.json:
            tell(f"{MARKS[what]} {' '.join(map(shown, captures))}")
            return
        line: dict[str, Any] = {"event": what, **row(self.wanted, captures)}
        tell(json.dumps(line))


def row(wanted: Wanted, captures: list[Any]) -> dict[str, Any]:
    """Captures as a part of a JSON document: the whole value, or what the pattern's names stand for."""
    if not wanted.names:
        return {"text": shown(captures[0] if len(captures) == 1 else captures), "value": as_json(captures[0])}
    return {"captures": {name: as_json(each) for name, each in zip(wanted.names, captures, strict=False)}}


@actor(kind="remit.cli.watcher", version=1)
class Watcher:
    """Observes a pattern, and tells the screen."""

    screen: Any

    def watch(self, space: Ref[Any], pattern: Any) -> None:
        """Tell of each event from now on."""
        screen = self.screen

        def there(*captures: Any) -> None:
            send_away(screen).event("asserted", list(captures))
            this_facet().on_stop(lambda: send_away(screen).event("retracted", list(captures)))

        on_sever(space, screen)
        during(space, pattern, there)
        on_message(space, pattern, lambda *captures: send_away(screen).event("message", list(captures)))


@actor(kind="remit.cli.collector", version=1)
class Collector:
    """Collects what is there now."""

    screen: Any

    def collect(self, space: Ref[Any], pattern: Any) -> None:
        """Tell of what matches, and that it was all."""
        screen = self.screen
        on_sever(space, screen)
        during(space, pattern, lambda *captures: send_away(screen).found(list(captures)))
        complete(space, lambda: send_away(screen).all())


class Basket(Screen):
    """Keeps what is found until all of it is there."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__(wanted, as_json=True, once=True)
        self.rows: list[list[Any]] = []

    def found(self, captures: list[Any]) -> None:
        """One match."""
        self.rows.append(captures)

    def all(self) -> None:
        """There are no others."""
        self.over.set()


@click.command()
@click.argument("pattern")
@click.option(
    "--once", is_flag=True, help="End after the first assertion or message that matches: 5 where none comes in time."
)
@as_json_option
@at_options
@click.pass_obj
def watch(
    settings: Settings,
    pattern: str,
    once: bool,
    as_json: bool,
    space: str | None,
    address: str | None,
    cafile: str | None,
) -> None:
    """Show assertions that match PATTERN as they come (+) and go (-), and messages (!), until ctrl-C.

    Without ?names in the pattern the whole value is shown. With --json each event is one line: {"event": "asserted", …}.
    """
    wanted = read_pattern(pattern, "PATTERN")
    asyncio.run(_watch(settings, At(space, address, cafile), wanted, Screen(wanted, as_json, once)))


async def _watch(settings: Settings, at: At, wanted: Wanted, screen: Screen) -> None:
    async with told_to_stop() as stop, linked(settings, at) as link:
        device = link.vat.device("screen", screen)
        send_away(link.vat.spawn(Watcher, device)).watch(link.space, wanted.pattern)
        await _until(stop, screen, link, settings.timeout if screen.once else None)
        screen.over.set()  # the link ends now, and that is no failure
    if screen.failure is not None and not isinstance(screen.failure, OSError):
        raise screen.failure


async def _until(stop: asyncio.Event, screen: Screen, link: Link, seconds: float | None) -> None:
    """Wait for the end; meanwhile say when the link is lost, and when it is back."""
    waits = [asyncio.ensure_future(each.wait()) for each in (stop, screen.over)]
    looking = asyncio.ensure_future(look_after(link))
    try:
        done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*waits, looking):
            task.cancel()
        await asyncio.gather(*waits, looking, return_exceptions=True)
    if not done:
        raise TimedOut(f"nothing that matches has come within {seconds:g} s; give it more time with --timeout")


@click.command()
@click.argument("pattern")
@as_json_option
@at_options
@click.pass_obj
def query(
    settings: Settings, pattern: str, as_json: bool, space: str | None, address: str | None, cafile: str | None
) -> None:
    """Show the assertions that match PATTERN now, one a line. With --json: one list of them."""
    wanted = read_pattern(pattern, "PATTERN")
    rows = asyncio.run(_query(settings, At(space, address, cafile), wanted))
    if as_json:
        show_json([row(wanted, captures) for captures in rows])
        return
    for captures in rows:
        tell(" ".join(map(shown, captures)))
    if not rows:
        say("nothing matches")


async def _query(settings: Settings, at: At, wanted: Wanted) -> list[list[Any]]:
    basket = Basket(wanted)
    async with linked(settings, at) as link:
        device = link.vat.device("screen", basket)
        send_away(link.vat.spawn(Collector, device)).collect(link.space, wanted.pattern)
        try:
            async with asyncio.timeout(settings.timeout):
                await basket.over.wait()
        except TimeoutError:
            raise TimedOut(f"no answer within {settings.timeout:g} s; give it more time with --timeout") from None
    if basket.failure is not None:
        raise basket.failure
    return basket.rows
