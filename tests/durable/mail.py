"""What the tests of durable messages share: objects that send and take them, and durable nodes that can be ended and started again."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from remit.durable import DurableVat, MemoryStore, SqliteStore, durably
from remit.lib import KINDS, SwissNumbers
from remit.net import Node, NodeKey
from remit.vat import Ref, actor, tell
from tests.net.nodes import Place, until


@actor(kind="test.mail.sender", version=1)
class Sender:
    """Sends numbers, and remembers how many."""

    far: Any = None
    sent: int = 0

    def know(self, far: Ref[Any]) -> None:
        self.far = far

    def send(self, many: int = 1) -> int:
        for _ in range(many):
            self.sent += 1
            durably(self.far).take(self.sent)
        return self.sent

    def send_value(self, *args: Any, **kwargs: Any) -> None:
        durably(self.far).take(*args, **kwargs)

    def send_to(self, far: Ref[Any], selector: str, *args: Any) -> None:
        getattr(durably(far), selector)(*args)

    def send_and_fail(self) -> None:
        self.sent += 1
        durably(self.far).take(self.sent)
        raise ValueError("as asked")

    def try_to_send(self) -> str:
        try:
            durably(self.far).take("one more")
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return "sent"


@actor(kind="test.mail.receiver", version=1)
class Receiver:
    """Keeps what it got, in order."""

    got: list[Any] = []

    def take(self, value: Any = None, **more: Any) -> None:
        self.got.append([value, more] if more else value)

    def refuse(self, value: Any) -> None:
        self.got.append(value)
        raise ValueError(f"not {value}")

    async def start(self, value: Any) -> None:
        """Its first turn changes something; then it asks the object that it was given."""
        self.got.append(value)
        self.got.append(await self.got[0].answer())

    def pass_on(self, value: Any) -> None:
        """Sends on what it gets: its messages run for the same cause."""
        self.got.append(value)
        tell(self.got[0]).take(value)

    def __call__(self, value: Any) -> None:
        self.got.append(["called", value])


class Party:
    """A durable node of a place, which outlives its vats: `up` runs it until the block ends; its store and key stay."""

    def __init__(self, place: Place, name: str, store: Any, cls: type) -> None:
        self.place = place
        self.name = name
        self.store = store
        self.cls = cls
        self.key = NodeKey.generate()
        self.kept: DurableVat
        self.node: Node
        self.undelivered: list[Any] = []
        self.failures: list[Any] = []
        self._running: AsyncExitStack | None = None

    @property
    def main(self) -> Any:
        """The root."""
        return self.kept.root("main")

    @property
    def state(self) -> Any:
        """The root's fields, without a turn."""
        return self.main._at

    def open(self) -> DurableVat:
        """The vat alone, as a restarted process finds it."""
        if isinstance(self.store, MemoryStore):
            self.store = self.store.reopen()
        elif isinstance(self.store, SqliteStore) and self.store._connection is None:
            self.store = SqliteStore(self.store.path)
        self.kept = DurableVat.open(
            self.store,
            name=self.name,
            classes=[*KINDS, Sender, Receiver],
            roots={"main": (self.cls,), "swiss": (SwissNumbers,)},
            on_failure=self._died,
        )
        if not isinstance(self.store, SqliteStore):
            # A virtual clock does not wait for a thread: while that is slow, timeouts would be over before it has written.
            self.kept._keeper.pace.limit = math.inf
        self.kept.outbox.on_undelivered = self.undelivered.append
        return self.kept

    @asynccontextmanager
    async def up(self) -> AsyncIterator[Party]:
        """Run it."""
        kept = self.open()
        async with kept, Node(self.key, kept.vat, swiss=kept.root("swiss")) as self.node:
            await self.node.listen(self.place.netlayer(self.key, name=self.name))
            kept.network.attach(self.node)
            yield self

    def _died(self, error: Any) -> None:
        """As far as others can tell, nothing more comes from it."""
        self.failures.append(error)
        for other in "abc":
            self.place.network.sever(self.name, other)

    async def start(self) -> None:
        """Run it until `stop`."""
        self._running = AsyncExitStack()
        await self._running.enter_async_context(self.up())

    async def stop(self) -> None:
        """End it."""
        running, self._running = self._running, None
        if running is not None:
            await running.aclose()

    async def offer(self, ref: Any = None, **how: Any) -> Any:
        """A sturdyref of the root, or another object."""
        return await self.kept.network.sturdy(self.main if ref is None else ref, **how)


async def acquaint(sender: Party, receiver: Party, **how: Any) -> Any:
    """The sender's root knows the receiver's; the sturdyref."""
    sturdyref = await receiver.offer(**how)
    await sender.main.know(sender.kept.network.enliven(sturdyref))
    return sturdyref


async def got(receiver: Party, values: list[Any]) -> None:
    """Until the receiver has got these and no others."""
    await until(lambda: len(receiver.state.got) >= len(values))
    assert list(receiver.state.got) == values


async def sent_all(sender: Party, seconds: float = 15) -> None:
    """Until nothing waits any more."""
    await until(lambda: not sender.kept.outbox.waiting(), seconds)
