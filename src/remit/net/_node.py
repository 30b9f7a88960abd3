"""The node: one key, its netlayers, its sessions and one main vat. The only place where engine, wire and vat meet.

netlayer ──channel──► Connection ──messages──► Session ──► vat
vat ──► Session ──output()──► the node's flush: one write for each channel and batch
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from remit.captp import OCAPN_1_0, Dialect, Meeting, Session
from remit.captp import Tracer as Follower
from remit.errors import Broken, LinkLost, Misuse, Unreachable
from remit.lib import SwissNumbers
from remit.net._address import foreign_hints
from remit.net._address_book import TRANSPORT, AddressBook, SignedAddress, sign_address
from remit.net._bulks import Bulks
from remit.net._connection import Connection
from remit.net._dial import Dial
from remit.net._dial_queue import DialsForOthers
from remit.net._live import Live
from remit.net._network import Network
from remit.net._pool import Pool
from remit.net._tls import TlsNetlayer
from remit.net._trace import Tracer
from remit.values import DEFAULT_LIMITS, Limits, Locator, SturdyRef
from remit.vat import ROOT, Context, Far, Message, Promise, Ref, Vat, send

if TYPE_CHECKING:
    from types import TracebackType

    from remit.net._channel import Channel, Netlayer
    from remit.net._identity import NodeKey

__all__ = ["Node"]

T = TypeVar("T")

TIDY: Final = 0.02
"""Seconds that references may wait to be given back to their peer, so that many go in one message."""


class Guide(Protocol):
    """Whoever knows where nodes are now: the boss, a registry."""

    async def __call__(self, designator: str) -> SignedAddress | None:
        """The current signed address of this key, None if not known."""


class Node:
    """A process on the network. Made and ended by the program; ends its netlayers and sessions, not its vat.

    `swiss` is the near reference to the node's `SwissNumbers`, a root where the vat is durable. `heartbeat` is in seconds: a peer
    that is silent for so long is probed, and given up after as long again. `guide` is asked when hints are stale.
    `believe` is for conformance tests only: see `remit.captp.Meeting`. `known` gives, for swiss numbers that are no secret, what a peer
    with this proved key (None: unproven) gets for them. `when_met` is told of each new session's peer.
    """

    def __init__(
        self,
        key: NodeKey,
        vat: Vat,
        *,
        swiss: Ref[SwissNumbers] | None = None,
        dialect: Dialect = OCAPN_1_0,
        limits: Limits = DEFAULT_LIMITS,
        heartbeat: float = 15.0,
        guide: Guide | None = None,
        believe: bool = False,
    ) -> None:
        self.key = key
        self.vat = vat
        self.swiss = vat.spawn(SwissNumbers) if swiss is None else swiss
        self.dialect = dialect
        self.limits = limits
        self.heartbeat = heartbeat
        self.guide = guide
        self.context = ROOT
        self.meeting = Meeting(believe=believe)
        self.addresses = AddressBook()
        self.netlayers: dict[str, Netlayer] = {}
        self.hints: dict[str, dict[str, str]] = {}
        self.private: set[str] = set()
        self.known: dict[bytes, Callable[[bytes | None], Ref[Any]]] = {}
        self.when_met: list[Callable[[Locator], None]] = []
        self._connections: dict[Session, Connection] = {}
        self.tracing = Tracer(key.designator, self._follow)
        self.tracer: Follower | None = None
        self.heard_last: Connection | None = None
        self.pool = Pool()  # of what all sessions together may hold
        self.alternated = 0.0  # when two peers were heard one after the other
        self._waiting: dict[Session, list[Callable[[Session | Broken], None]]] = {}
        self._dials: dict[Locator, Dial] = {}
        self._others = DialsForOthers(lambda dial: self.background(self._dialling(dial)))
        self._dirty: list[Connection] = []
        self._flush_asked = False
        self._tidying = False
        self._littered: dict[Connection, None] = {}  # those that have something to give back
        self.bulks = Bulks(self)
        self._tasks: set[asyncio.Task[Any]] = set()
        self.closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- who and where ---------------------------------------------------------------------------------

    @property
    def designator(self) -> str:
        """The node's key as it stands in locators."""
        return self.key.designator

    @property
    def locator(self) -> Locator:
        """The node's canonical locator with its current hints, as everybody may know it."""
        return self._locator(self.private)

    @property
    def inner_locator(self) -> Locator:
        """The same with the hints that only serve on this host, for files that stay on it."""
        return self._locator(frozenset())

    def _locator(self, without: AbstractSet[str]) -> Locator:
        hints: dict[str, str] = {}
        for transport, mine in self.hints.items():
            if transport != "tcp-testing-only" and transport not in without:
                hints.update(mine)
        return Locator(TRANSPORT, self.designator, hints)

    def location(self, transport: str, *, kin: bool = True) -> Locator:
        """Where this node says it is, on a channel of this transport, to its own kind or to foreign peers."""
        if kin and transport != "tcp-testing-only":
            return self.locator
        return Locator(transport, self.designator, foreign_hints(self.hints.get(transport)))

    def address(self) -> SignedAddress:
        """The node's current address, signed; later ones have higher serials."""
        return sign_address(self.key, dict(self.locator.hints), int(time.time() * 1000))

    # --- netlayers -----------------------------------------------------------------------------------------

    def use(self, netlayer: Netlayer) -> None:
        """Dial over this netlayer, without listening on it."""
        if netlayer.transport in self.netlayers:
            raise Misuse(f"this node has a netlayer {netlayer.transport!r} already")
        self.netlayers[netlayer.transport] = netlayer

    async def listen(self, netlayer: Netlayer, *, private: bool = False) -> dict[str, str]:
        """Dial and listen over this netlayer; the hints under which it is found, told to others unless it is private."""
        self.use(netlayer)
        if private:
            self.private.add(netlayer.transport)
        self.hints[netlayer.transport] = await netlayer.listen(self._accepted)
        return self.hints[netlayer.transport]

    async def listen_also(self, host: str) -> None:
        """Listen over `tls` at another address of this machine, too; the node's address has it from now on. See `TlsNetlayer.listen_also`."""
        netlayer = self.netlayers["tls"]
        assert isinstance(netlayer, TlsNetlayer)
        self.hints["tls"] = await netlayer.listen_also(host)

    async def __aenter__(self) -> Node:
        if self.vat._driver is None:
            raise Misuse(f"nobody drives vat {self.vat.name}: enter it before its node")
        if isinstance(getattr(self.vat._driver.after, "__self__", None), Node):
            raise Misuse(f"vat {self.vat.name} is another node's main vat: give each node one of its own")
        self.vat._driver.after = self.flush
        self._loop = asyncio.get_running_loop()
        self.background(self._beat())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all sessions and netlayers; references of others to this node's objects break."""
        if self.closed:
            return
        self.closed = True
        driver = self.vat._driver
        if driver is not None and driver.after == self.flush:
            driver.after = _nothing
        self.bulks.close()
        for session in list(self._connections):
            session.abort("the node is closing")
        for dial in self._others.give_up():
            self._dialled_out(dial, Unreachable("this node is closing"))
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(netlayer.close() for netlayer in self.netlayers.values()))

    # --- sessions ------------------------------------------------------------------------------------------

    def _accepted(self, channel: Channel) -> Connection:
        if self.closed:
            raise Unreachable("this node is closing")
        connection = Connection(self, channel, initiator=False)
        self._connections[connection.session] = connection
        return connection

    def not_a_session(self, connection: Connection, opening: bytes) -> None:
        """An accepted channel begins as a bulk stream: it is no session's."""
        self._connections.pop(connection.session, None)
        connection.account.close()
        self.bulks.arrived(connection.channel, opening)

    def dialled(self, locator: Locator, channel: Channel) -> Connection:
        """An attempt of ours has its channel: say hello, unless the peer has come to us meanwhile."""
        if self.closed or self.meeting.find(locator) is not None:
            raise Unreachable("it has come to us meanwhile, or this node is closing")
        connection = Connection(self, channel, initiator=True)
        self._connections[connection.session] = connection
        self.meeting.dialling(locator, connection.session)
        connection.session.start()
        return connection

    def session_to(self, location: Locator, then: Callable[[Session | Broken], None]) -> None:
        """Find or make a session with this peer, for a gift of another's; see `remit.captp.Home`."""
        self._seek(location, then, own=False)

    def _seek(self, location: Locator, then: Callable[[Session | Broken], None], *, own: bool) -> None:
        """Find or make a session; dials on others' behalf wait while there are many of them."""
        found = self.meeting.find(location)
        if found is not None:
            then(found)
            return
        if self.closed:
            then(Unreachable("this node is closed"))
            return
        if location.designator == self.designator:
            then(Unreachable("this is the node itself: it has no session with itself"))
            return
        dial = self._dials.get(location)
        if dial is None:
            dial = self._dials[location] = Dial(self, location)
            self._others.ask(dial, own)
        elif own:
            dial.also.append(location)
            self._others.hurry(dial)
        dial.waiting.append(then)

    async def _dialling(self, dial: Dial) -> None:
        outcome: Session | Broken = Unreachable("this node is closing")
        try:
            outcome = await dial.run()
        except Broken as error:
            outcome = error
        except Exception as error:
            outcome = Unreachable(f"dialling failed: {error!r}")
            raise
        finally:
            self._dialled_out(dial, outcome)

    def _dialled_out(self, dial: Dial, outcome: Session | Broken) -> None:
        del self._dials[dial.location]
        self._others.over(dial)
        for then in dial.waiting:
            self._tell(then, outcome)

    async def session(self, location: Locator) -> Session:
        """The session with this peer, dialling if there is none. Raises `Unreachable`."""
        future: asyncio.Future[Session] = asyncio.get_running_loop().create_future()

        def then(outcome: Session | Broken) -> None:
            if future.done():
                return
            if isinstance(outcome, Broken):
                future.set_exception(outcome.copy())
            else:
                future.set_result(outcome)

        self._seek(location, then, own=True)
        return await future

    def when_announced(self, session: Session, then: Callable[[Session | Broken], None]) -> None:
        """Say when a session's hello was good, or why it ended."""
        if session.state == "open":
            then(session)
        elif session.state == "ended":
            then(session.cause or LinkLost("the session ended"))
        else:
            self._waiting.setdefault(session, []).append(then)

    def _tell(self, then: Callable[[Session | Broken], None], outcome: Session | Broken) -> None:
        """Tell one who waits; what it raises is reported, and keeps nobody else from hearing."""
        try:
            then(outcome)
        except Exception as error:  # noqa: BLE001  # whoever it is
            self._report(error)

    def announce(self, session: Session) -> None:
        """A session has left its greeting, for good or not."""
        for then in self._waiting.pop(session, []):
            self._tell(then, session if session.state == "open" else session.cause or LinkLost("the session ended"))
        if session.state == "open" and session.remote_location is not None:
            for met in self.when_met:
                met(session.remote_location)
        for suspect in self.meeting.take_suspects():
            if suspect in self._connections:
                self._connections[suspect].probe()

    # --- what sessions ask for (remit.captp.Home) ---------------------------------------------------------------

    def greet(self, session: Session, location: Locator) -> str | None:
        """A peer's hello was good."""
        return self.meeting.greet(session, location)

    def ended(self, session: Session, cause: Broken) -> None:  # the session keeps its cause
        """A session is over: its last words go out, and the channel ends."""
        self.meeting.ended(session)
        connection = self._connections.pop(session, None)
        if connection is not None:
            connection.flush()
            connection.channel.close()
        self.announce(session)

    def fetch(self, session: Session, swiss: bytes) -> Ref[Any]:
        """The object for a swiss number, as a promise."""
        connection = self._connections.get(session)
        peer = None if connection is None else connection.channel.peer
        known = self.known.get(swiss)
        return self.find(swiss, peer, session.context) if known is None else known(peer)

    def find(self, swiss: bytes, peer: bytes | None, context: Context) -> Promise[Any]:
        """The promise of the object that this swiss number stands for, for the peer with this proved key."""
        from hashlib import sha256  # only where somebody fetches

        promise: Promise[Any] = Promise(self.swiss._vat)
        args = (sha256(swiss).digest(), peer, time.time())
        message = Message(self.swiss, "fetch", args, None, promise, context, True)
        if context.account is not None:
            context.account.borrow()
        self.swiss._route(message, None)
        return promise

    def session_by_id(self, session_id: bytes) -> Session | None:
        """The live session with this id."""
        return self.meeting.by_id.get(session_id)

    def token(self) -> bytes:
        """32 random bytes."""
        return os.urandom(32)

    def reach(self, ref: Ref[Any]) -> Ref[Any]:
        """What a re-enlivening reference stands for now."""
        return ref._link.reached() if isinstance(ref._link, Live) else ref

    def output(self, session: Session) -> None:
        """A session has something to send: flush after this batch, or at the loop's next turn."""
        connection = self._connections.get(session)
        if connection is None:
            return
        self._dirty.append(connection)
        if not self._flush_asked and not self.closed and not self._flush_comes():
            self._flush_asked = True
            assert self._loop is not None
            self._loop.call_soon(self.flush)

    def _flush_comes(self) -> bool:
        """Whether the vat's driver will flush in any case."""
        driver = self.vat._driver
        return self.vat._awake or (driver is not None and driver.gathering)

    def flush(self) -> None:
        """Write what sessions have to send, one write for each channel."""
        self._flush_asked = False
        while self._dirty:
            dirty, self._dirty = self._dirty, []
            for connection in dirty:
                connection.flush()
                if connection.session.garbage:
                    self._littered[connection] = None
                    if not self._tidying:
                        self._tidying = True
                        assert self._loop is not None
                        self._loop.call_later(TIDY, self._tidy)

    def _tidy(self) -> None:
        """What waited to be given back goes now: there may be no other output for a while."""
        self._tidying = False
        self._dirty += self._littered
        self._littered.clear()
        self.flush()

    def _follow(self, on: bool) -> None:
        """Messages are followed, or none any more."""
        self.tracer = self.tracing if on else None

    # --- references -----------------------------------------------------------------------------------------------

    async def fetch_from(self, sturdyref: SturdyRef) -> Ref[Any]:
        """The far reference that a sturdyref stands for, over a session with its node."""
        if sturdyref.locator.designator == self.designator:
            own: Ref[Any] = await self.find(sturdyref.swiss, self.key.public, self.context)
            return own
        session = await self.session(sturdyref.locator)
        found: Ref[Any] = await send(session.remote_bootstrap, "fetch", sturdyref.swiss)
        return found

    def enliven(self, sturdyref: SturdyRef) -> Far[Any]:
        """A re-enlivening reference for a sturdyref, at once, connected or not."""
        return Network(self).enliven(sturdyref)

    def exported(self) -> list[tuple[str, Ref[Any]]]:
        """The objects of this node that peers hold now, each with a peer's designator."""
        open_ones = [session for session in self._connections if session.remote_location is not None]
        return [(session.remote_location.designator, ref) for session in open_ones for ref in session.exported()]  # type: ignore[union-attr]  # as the line before says

    # --- time and tasks ----------------------------------------------------------------------------------------------

    def loop_time(self) -> float:
        """The loop's clock, in seconds."""
        return asyncio.get_running_loop().time()

    def background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something that ends with the node at the latest."""
        if self.closed:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._report(error)

    def _report(self, error: BaseException) -> None:
        """A fault in what the node does in the background: the loop's handler logs it."""
        context = {"message": f"background work of {self!r} failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)

    async def within(self, seconds: float, work: Awaitable[T]) -> T:
        """The result of `work`, or `Unreachable` when the time is over."""
        try:
            async with asyncio.timeout(seconds):
                return await work
        except TimeoutError:
            raise Unreachable(f"no answer within {seconds:g} s") from None

    async def _beat(self) -> None:
        """Probe what is silent, give up what stays so."""
        while True:
            await asyncio.sleep(self.heartbeat / 2)
            self.bulks.beat()
            for connection in list(self._connections.values()):
                connection.beat(self.heartbeat)
                connection.session.age_gifts()

    def __repr__(self) -> str:
        return f"<node {self.designator[:8]} with {len(self._connections)} sessions>"


def _nothing() -> None:
    """Nothing is left to flush after a batch."""
