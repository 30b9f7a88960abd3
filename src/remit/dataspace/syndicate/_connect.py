"""Connecting to a far object, and staying connected."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, Final

from remit.dataspace.syndicate._connection import Connection
from remit.dataspace.syndicate._hub import Hub
from remit.dataspace.syndicate._noise_step import noise_passage
from remit.dataspace.syndicate._ports import Dialler
from remit.dataspace.syndicate._route import Route
from remit.dataspace.syndicate._standing import Standing
from remit.dataspace.syndicate._walk import Walk
from remit.errors import Broken, LinkLost, Misuse, RemitError, Unreachable
from remit.values import DEFAULT_LIMITS
from remit.vat import Vat

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

    from remit.dataspace.syndicate._address import Address
    from remit.net import Channel
    from remit.values import Limits
    from remit.vat import Ref

__all__ = ["Connecting", "connect"]

Watch = tuple["Callable[[Ref[Any]], None]", "Callable[[RemitError], None]"]

FIRST: Final = 0.1
"""Seconds until the second attempt; each takes twice as long as the one before, and after a lost connection the first is at once."""
LONGEST: Final = 5.0
SLOWER: Final = "another transport was faster"


def connect(
    where: Any,
    *steps: Any,
    vat: Vat | None = None,
    initial: Ref[Any] | None = None,
    wait: float | None = 30.0,
    client_ssl: ssl.SSLContext | None = None,
    credit: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    dial_seconds: float = 10.0,
    watch: Watch | None = None,
) -> Connecting:
    """Connect to a far object (`async with` gives the reference): a reference to a far dataspace (or any entity), for facets as if it were near.

    `where`: an address, or a route (see `Route.of`); `steps`: sturdyrefs and other steps that follow. The connection is made
    again whenever it is lost, and what was asserted is asserted again. Entering waits for the first success, at most `wait` seconds (None: not
    at all), and raises what the last attempt failed with. `vat`: whose turns use it; one of its own by default. `initial`: what the
    peer gets for free. `watch`: two functions, told of the object each time that it is reached, and why it is not.
    """
    return Connecting(
        Route.of(where, *steps),
        vat,
        initial=initial,
        wait=wait,
        dialler=Dialler(client_ssl=client_ssl, limits=limits, dial_seconds=dial_seconds),
        credit=credit,
        watch=watch,
    )


class Connecting:
    """One far object and the connections to it, one after the other. Ends with its `async with`.

    `problem`: why it is not reached now, None while it is. `address`: over which transport it was reached last.
    """

    def __init__(
        self,
        route: Route,
        vat: Vat | None,
        *,
        initial: Ref[Any] | None,
        wait: float | None,
        dialler: Dialler,
        credit: bool,
        watch: Watch | None = None,
    ) -> None:
        self.route = route
        self.problem: RemitError | None = Unreachable("nothing was tried yet")
        self.connection: Connection | None = None
        self.address: Address | None = None
        self._own = Vat("syndicate") if vat is None else None
        self._vat = vat or self._own
        self._initial = initial
        self._wait = wait
        self._dialler = dialler
        self._credit = credit
        self._watch = watch
        self._standing: Standing | None = None
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def space(self) -> Ref[Any]:
        """The reference, connected or not."""
        if self._standing is None:
            raise Misuse("enter it with 'async with' first")
        return self._standing.space

    def disconnect(self) -> None:
        """Drop the connection; it is made again. (Syndicate Protocol, Routes: `<force-disconnect>`.)"""
        if self.connection is not None:
            self.connection.close("it was asked to disconnect")

    async def __aenter__(self) -> Ref[Any]:
        if self._own is not None:
            await self._own.__aenter__()
        assert self._vat is not None
        Hub.of(self._vat)  # complains now if nobody drives it
        self._standing = Standing(self._vat, str(self.route))
        self._task = asyncio.get_running_loop().create_task(self._run())
        try:
            await self._first()
        except BaseException:
            await self._close()
            raise
        return self.space

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        assert self._standing is not None and self._task is not None
        self._standing.end(LinkLost("the connection was closed here"))
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self.connection is not None:
            self.connection.close("the connection was closed here")
        await self._dialler.close()
        if self._own is not None:
            await self._own.__aexit__(None, None, None)

    async def _first(self) -> None:
        """Wait for the first success, or for a refusal."""
        if self._wait is None:
            return
        try:
            async with asyncio.timeout(self._wait):
                while self.problem is not None:
                    if not isinstance(self.problem, LinkLost):
                        raise self.problem
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise Unreachable(f"{self.route} was not reached within {self._wait:g} s: {self.problem}") from None

    # --- one connection after the other --------------------------------------------------------------

    async def _run(self) -> None:
        pause = 0.0
        while True:
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            try:
                connection = await self._dial()
            except RemitError as error:
                self._told(error)
                pause = min(max(FIRST, pause * 2), LONGEST)
                continue
            began = asyncio.get_running_loop().time()
            await self._follow(connection)
            lasted = asyncio.get_running_loop().time() - began
            pause = 0.0 if lasted > LONGEST else min(max(FIRST, pause * 2), LONGEST)

    async def _follow(self, connection: Connection) -> None:
        """Walk the route's steps on this connection, for as long as it lasts."""
        assert self._standing is not None and self._vat is not None
        hub = Hub.of(self._vat)
        walk = Walk(
            self._vat,
            self.route.steps,
            reached=self._reached,
            lost=lambda: self._away(LinkLost("the gatekeeper has withdrawn its answer")),
            failed=self._told,
            passages={"noise": lambda step: noise_passage(hub, step)},
        )
        self.connection = connection
        self.address = connection.address
        self._ended.clear()
        try:
            if connection.session.state == "open":
                self._told(
                    Unreachable("connected, and the gatekeeper has not answered yet: nothing may be bound to that name")
                )
                walk.begin(connection.session.root)
                await self._ended.wait()
        finally:
            self.connection = None
            walk.end()
            self._away(connection.session.cause or LinkLost("the connection was closed here"))
            connection.close("the connection was closed here")

    async def _dial(self) -> Connection:
        """Try all transports at the same time; the first that connects is taken."""
        waiting = {asyncio.ensure_future(self._dial_one(address)) for address in self.route.transports}
        failure: BaseException | None = None
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                good = [attempt.result() for attempt in done if attempt.exception() is None]
                for slower in good[1:]:
                    slower.close(SLOWER)
                if good:
                    return good[0]
                failure = failure or next(iter(done)).exception()
        finally:
            for attempt in waiting:
                attempt.add_done_callback(_close_slower)
                attempt.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        assert failure is not None
        raise failure

    async def _dial_one(self, address: Address) -> Connection:
        assert self._vat is not None
        hub = Hub.of(self._vat)
        made: list[Connection] = []

        def receive(channel: Channel) -> Connection:
            made.append(
                Connection(
                    hub,
                    channel,
                    self._initial,
                    name=str(address),
                    limits=self._dialler.limits,
                    gone=self._gone,
                    credit=self._credit,
                )
            )
            return made[0]

        await self._dialler.dial(address, receive)
        made[0].address = address
        return made[0]

    # --- what becomes of it --------------------------------------------------------------------------

    def _gone(self, connection: Connection, cause: Broken) -> None:
        """A session is over."""
        if connection is self.connection:
            self._away(cause)
            self._ended.set()

    def _reached(self, target: Ref[Any]) -> None:
        assert self._standing is not None
        self._standing.found(target)
        self._told(None)
        if self._watch is not None:
            self._watch[0](target)

    def _away(self, why: RemitError) -> None:
        assert self._standing is not None
        self._standing.lost()
        self._told(why)

    def _told(self, problem: RemitError | None) -> None:
        self.problem = problem
        self._changed.set()
        if problem is not None and self._watch is not None:
            self._watch[1](problem)

    def __repr__(self) -> str:
        return f"<connecting to {self.route}: {'connected' if self.problem is None else self.problem}>"


def _close_slower(attempt: asyncio.Future[Connection]) -> None:
    """An attempt that was given up has connected after all."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close(SLOWER)
