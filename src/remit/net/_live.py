"""Re-enlivening references: far references that find their object again when the link breaks.

    away ──a call──► reaching ──found──► here ──link lost──► away
                        ├──refused──► refused (final: the authority is gone)
                        └──not within `patience`──► away; the calls that waited break as Unreachable

A call goes out on the session of the moment. When that breaks, calls in flight end as `Uncertain` (the session says so);
later ones wait here, in order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from remit.errors import Broken, LinkLost, Refused, Unreachable
from remit.vat import Failed, Far, Message, Promise, Ref

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


class Live:
    """The link of one re-enlivening reference; it lives as long as the reference.

    `find` gets the object anew; `sturdyref` is what a store remembers, None where the reference is somebody else's
    to find (a program's bindings are its hob's).
    """

    __slots__ = ("_current", "_reaching", "_refused", "_waiting", "find", "network", "patience", "sturdyref")

    def __init__(
        self,
        network: Network,
        find: Callable[[], Awaitable[Ref[Any]]],
        sturdyref: SturdyRef | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.network = network
        self.find = find
        self.sturdyref = sturdyref
        self.patience = patience
        self._current: Ref[Any] | None = None
        self._reaching = False
        self._refused: Broken | None = None
        self._waiting: list[Message | Promise[Any]] = []

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
        elif self._refused is not None:
            message.fail(self._refused, None)
        elif len(self._waiting) >= MOST:
            message.fail(Unreachable(f"{MOST} calls wait for this link already; nothing was sent"), None)
        else:
            self._waiting.append(message)
            self._reach()

    def reached(self) -> Ref[Any]:
        """What others are given in place of this reference: the far one, or a promise of it."""
        ref = self.current()
        if ref is not None:
            return ref
        promise: Promise[Any] = Promise(self.node.vat)
        if self._refused is not None:
            promise._settle(Failed(self._refused), None)
        else:
            self._waiting.append(promise)
            self._reach()
        return promise

    def _reach(self) -> None:
        if not self._reaching:
            self._reaching = True
            self.node.background(self._search())

    async def _search(self) -> None:
        try:
            self._current = await self.node.within(self.patience, self.find())
        except Refused as error:
            self._refused = error
            self._give_up(error)
        except Broken as error:
            self._give_up(Unreachable(f"{error.message}; nothing was sent") if isinstance(error, LinkLost) else error)
        except Exception as error:
            self._give_up(Unreachable(f"looking for the object failed: {error}"))
            raise
        finally:
            self._reaching = False
            if self._current is not None:
                self._go()

    def _go(self) -> None:
        waiting, self._waiting = self._waiting, []
        assert self._current is not None
        for one in waiting:
            if isinstance(one, Message):
                self._current._route(one, None)
            else:
                one._settle(self._current, None)

    def _give_up(self, why: Broken) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if isinstance(one, Message):
                one.fail(why, None)
            else:
                one._settle(Failed(why), None)

    def listen(self, promise: Promise[Any]) -> None:
        """A link of one object exports no promises."""

    def on_sever(self, handle: Any, handler: Ref[Any]) -> None:  # a link of one object
        """When the link of the moment is lost (or if there is none)."""
        ref = self.current()
        if ref is not None and ref._link is not None:
            ref._link.on_sever(ref._at, handler)
        else:
            handler._route(
                Message(handler, None, (LinkLost("there is no link now"),), None, None, self.node.context, True), None
            )

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
