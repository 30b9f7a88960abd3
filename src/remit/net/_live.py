"""Re-enlivening references: far references that find their object again when the link breaks.

    away ──a call──► searching ──found──► here ──link lost──► away
                        ├──refused──► refused (final: the authority is gone)
                        └──not within a call's `patience`──► that call breaks as Unreachable; away when none is left

A call goes out on the session of the moment. When that breaks, calls in flight end as `Uncertain` (the session says so);
later ones wait here, in order, while the search goes on with growing pauses.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from remit.errors import Broken, LinkLost, NoSuchMethod, Refused, Unreachable
from remit.vat import ROOT, Account, Failed, Far, Message, Promise, Ref

if TYPE_CHECKING:
    from remit.net._network import Network
    from remit.net._node import Node
    from remit.values import SturdyRef
    from remit.vat import Vat

__all__ = ["Live", "live_ref"]

PATIENCE: Final = 30.0
"""Seconds that a call waits for the link: longer than a restart of the other node, shorter than a person's patience."""
MOST: Final = 10_000
"""Calls that wait for one link at a time."""
PAUSES: Final = (0.05, 2.0)
"""Seconds between two attempts: after the first, and at most. Each is lengthened by up to its half, by chance, so that
those whom one node has lost do not all come back at the same moment."""

Waiting = tuple[float, Message | Promise[Any], Account | None]


class Live:
    """The link of one re-enlivening reference; it lives as long as the reference.

    `find` gets the object anew; `sturdyref` is what a store remembers, None where the reference is somebody else's
    to find (a program's bindings are its hob's). `patience` is how long a call waits for the link, in seconds.
    """

    __slots__ = ("_current", "_patience", "_refused", "_searching", "_waiting", "find", "network", "sturdyref")

    def __init__(
        self,
        network: Network,
        find: Callable[[], Awaitable[Ref[Any]]],
        sturdyref: SturdyRef | None = None,
        patience: float | None = None,
    ) -> None:
        self.network = network
        self.find = find
        self.sturdyref = sturdyref
        self._patience = patience
        self._current: Ref[Any] | None = None
        self._searching = False
        self._refused: Broken | None = None
        self._waiting: deque[Waiting] = deque()  # with the loop's time at which each gives up, and who pays

    @property
    def patience(self) -> float:
        """How long a call waits for the link, in seconds: as its maker or else its node's network says."""
        return self.network.patience if self._patience is None else self._patience

    @property
    def node(self) -> Node:
        """The node that this link uses; there is none while a durable vat is being loaded."""
        return self.network.node

    def current(self) -> Ref[Any] | None:
        """The far reference of the moment, None while there is no link."""
        ref = self._current
        if ref is not None and ref._link is not None and getattr(ref._link, "state", "open") != "open":
            self._current = ref = None
        return ref

    def deliver(self, handle: Any, message: Message) -> None:  # a link of one object
        """Send now if there is a link, else when there is."""
        ref = self.current()
        if ref is not None and not self._waiting:
            ref._route(message, None)
        elif len(self._waiting) >= MOST:
            message.fail(Unreachable(f"{MOST} calls wait for this link already; nothing was sent"), None)
        else:
            self._wait(message)

    def reached(self) -> Ref[Any]:
        """What others are given in place of this reference: the far one, or a promise of it."""
        ref = self.current()
        if ref is not None:
            return ref
        promise: Promise[Any] = Promise(self.node.vat)
        self._wait(promise)
        return promise

    def abandon(self, why: Broken) -> None:
        """The object is to be found in another way from now on: whoever waits for this one hears why."""
        self._give_up(why)

    # --- while there is no link ------------------------------------------------------------------------

    def _wait(self, one: Message | Promise[Any]) -> None:
        if self._refused is not None:
            _break(one, self._refused)
        elif not self.network.works:
            _break(one, Unreachable("this node is closed, or not there yet; nothing was sent"))
        else:
            account = one.owe() if isinstance(one, Message) else None  # whoever caused it pays while it waits
            self._waiting.append((self.node.loop_time() + self.patience, one, account))
            if not self._searching:
                self._searching = True
                self.node.background(self._search())

    async def _search(self) -> None:
        """Look for the object until nobody waits for it any more."""
        pause, longest = PAUSES
        why: Broken = Unreachable("this node is closing")
        try:
            while self._waiting:
                missed = await self._look()
                if missed is None:
                    self._go()
                    continue
                await self._rest(pause)
                self._expire(missed)
                pause = min(2 * pause, longest)
        except Broken as error:
            why = error
        except Exception as error:
            why = Unreachable(f"looking for the object failed: {error!r}")
            raise
        finally:
            self._searching = False
            self._give_up(why)

    async def _look(self) -> LinkLost | None:
        """One attempt: None if the object was found, else why not. Raises what no further attempt will change."""
        if self.current() is not None:
            return None
        remaining = self._waiting[0][0] - self.node.loop_time()
        try:
            found = await self.node.within(max(remaining, 0.0), self.find())
        except Refused as error:
            self._refused = error
            raise
        except LinkLost as error:
            return error
        if not isinstance(found, Ref):
            raise NoSuchMethod(f"the sturdyref stands for {type(found).__name__} data, which takes no messages")
        self._current = found
        return None

    async def _rest(self, pause: float) -> None:
        remaining = self._waiting[0][0] - self.node.loop_time() if self._waiting else 0.0
        chance = self.node.token()[0] / 255
        await asyncio.sleep(min(pause * (1 + chance / 2), max(remaining, 0.0)))

    def _go(self) -> None:
        """Send what has waited, in order; what is sent meanwhile queues behind it."""
        while self._waiting and (ref := self.current()) is not None:
            _, one, account = self._waiting[0]
            if isinstance(one, Message):
                ref._route(one, None)
            else:
                one._settle(ref, None)
            self._waiting.popleft()
            if account is not None:
                account.repay()

    def _expire(self, missed: LinkLost) -> None:
        now = self.node.loop_time() + 0.001  # timers are that exact
        error = Unreachable(
            f"{missed.message}; nothing was sent, and waiting {self.patience:g} s for the link did not help"
        )
        while self._waiting and self._waiting[0][0] <= now:
            self._drop(error)

    def _give_up(self, why: Broken) -> None:
        while self._waiting:
            self._drop(why)

    def _drop(self, why: Broken) -> None:
        _, one, account = self._waiting.popleft()
        if account is not None:
            account.repay()
        _break(one, why)

    # --- the rest of a link ------------------------------------------------------------------------------

    def listen(self, promise: Promise[Any]) -> None:
        """A link of one object exports no promises."""

    def on_sever(self, handle: Any, handler: Ref[Any]) -> None:  # a link of one object
        """When the link of the moment is lost (or if there is none)."""
        ref = self.current()
        if ref is not None and ref._link is not None:
            ref._link.on_sever(ref._at, handler)
        else:
            handler._route(Message(handler, None, (LinkLost("there is no link now"),), None, None, ROOT, True), None)

    def off_sever(self, handle: Any, handler: Ref[Any]) -> None:  # a link of one object
        """Forget an `on_sever`."""
        ref = self.current()
        if ref is not None and ref._link is not None:
            ref._link.off_sever(ref._at, handler)

    def __repr__(self) -> str:
        return f"live link, {'here' if self.current() is not None else 'away'}"


def live_ref(link: Live, vat: Vat) -> Far[Any]:
    """The reference whose link this is, for objects of this vat."""
    return Far(vat, None, link)


def _break(one: Message | Promise[Any], why: Broken) -> None:
    if isinstance(one, Message):
        one.fail(why, None)
    else:
        one._settle(Failed(why), None)
