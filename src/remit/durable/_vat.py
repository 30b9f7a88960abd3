"""Durable vats: objects that survive restarts, with everything that leaves held until it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from remit.durable._inbox import Inbox
from remit.durable._keeper import DurableKeeper
from remit.durable._load import Loader
from remit.durable._loose import Loose, loose, never_kept
from remit.durable._outbox import Outbox
from remit.durable._rows import Store
from remit.errors import Missing, StoreError
from remit.net import Network
from remit.vat import Ref, Vat

if TYPE_CHECKING:
    from types import TracebackType

    from remit.vat import Recorder

__all__ = ["DurableVat"]


class DurableVat:
    """A vat whose objects are kept in a store. Made by `open`, ended by `close` (or `async with`); owns the store.

    `roots`: what is reachable from them is kept. A root that the store does not have yet is spawned from its class and arguments.
    `devices`: plain objects, kept in fields by their names. `classes`: those that stored objects may be of, roots' included
    by themselves. `recorder`, `mark`: see `Vat`. `network`: how stored re-enlivening references find their objects again; it is the device `network`.
    `on_failure` is told when a commit failed and the vat has stopped: end its node, and open it again. `outbox`: what `durably` has
    sent and nobody has acknowledged yet.
    """

    def __init__(self, vat: Vat, keeper: DurableKeeper, roots: dict[str, Ref[Any]], network: Network) -> None:
        self.vat = vat
        self.network = network
        self.unreachable: list[int] = []
        self.outbox = keeper.outbox
        self._keeper = keeper
        self._roots = roots

    @staticmethod
    def open(
        store: Store,
        *,
        name: str = "vat",
        classes: Iterable[type] = (),
        roots: Mapping[str, tuple[Any, ...]],
        devices: Mapping[str, Any] | None = None,
        network: Network | None = None,
        recorder: Recorder | None = None,
        mark: str = "",
        on_failure: Callable[[StoreError], None] | None = None,
    ) -> DurableVat:
        """Load the vat, or make its roots in a new store. Raises `StoreError` of many kinds, and then nothing was changed."""
        network = network or Network()
        vat = Vat(name, recorder=recorder, mark=mark)
        vat.device("network", network)
        for device, obj in (devices or {}).items():
            vat.device(device, obj)
        try:
            return DurableVat._load(store, vat, network, classes, roots, on_failure)
        except BaseException:
            store.close()
            raise

    @staticmethod
    def _load(
        store: Store,
        vat: Vat,
        network: Network,
        classes: Iterable[type],
        roots: Mapping[str, tuple[Any, ...]],
        on_failure: Callable[[StoreError], None] | None,
    ) -> DurableVat:
        snapshot = store.load()
        known = [*classes, *(made[0] for made in roots.values())]
        loader = Loader(vat, snapshot, known, lambda sturdyref: network.live(sturdyref, vat))
        refs = loader.load()
        outbox = Outbox(vat, network)
        outbox.load(snapshot)
        keeper = DurableKeeper(vat, store, loader.next_id(), outbox, Inbox(vat, network, dict(snapshot.inbox)))
        failures: list[StoreError] = []
        keeper.on_failure = failures.append
        for id, ref in refs.items():
            keeper.adopt(ref, id)
        vat._keeper = keeper
        self = DurableVat(vat, keeper, {root: refs[id] for root, id in loader.roots.items()}, network)
        self.unreachable = loader.unreachable()
        keeper.sweep(self.unreachable)
        for id in loader.upgraded:
            keeper.rewrite(refs[id])
        for root, (cls, *args) in roots.items():
            if root not in self._roots:
                self._roots[root] = vat.spawn(cls, *args)
                keeper.root(root, self._roots[root])
        vat.run()
        if vat.stopped is not None:
            kind = type(failures[0]) if failures else StoreError  # a full disk is one that may have room again
            raise kind(f"the store took no first commit: {vat.stopped.message}")
        keeper.on_failure = on_failure
        return self

    def root(self, name: str) -> Ref[Any]:
        """The root of this name."""
        found = self._roots.get(name)
        if found is None:
            raise Missing(f"vat {self.vat.name} has no root {name!r}; it has: {', '.join(sorted(self._roots))}")
        return found

    def id_of(self, ref: Ref[Any]) -> int | None:
        """The id of a durable object, None for one that is reachable from no root."""
        return self._keeper.id_of(ref)

    def loose(self, exported: Iterable[tuple[str, Ref[Any]]]) -> list[Loose]:
        """Which of these objects, given to these peers, no root reaches: they are lost with the next restart.

        `exported` is what `Node.exported()` gives. Reads every durable object, so it is for people and tests; `never_kept` is quick.
        """
        return loose(self.vat, self._keeper, self._roots, exported)

    def never_kept(self, exported: Iterable[tuple[str, Ref[Any]]]) -> list[Loose]:
        """As `loose`, but only objects that no durable object's field has held yet, at the cost of a look at each export."""
        return never_kept(self.vat, self._keeper, exported)

    async def __aenter__(self) -> DurableVat:
        await self.vat.__aenter__()
        loop = asyncio.get_running_loop()
        self._keeper.hop = lambda work: _hop(loop, work)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.vat.stopped is None:
            self.vat.run()
        told = asyncio.Event()
        while not self._keeper.drained(told.set):
            await told.wait()
            told.clear()
        self._finish()
        await self.vat.__aexit__(kind, error, trace)
        self.close()

    def close(self) -> None:
        """Write what is left and let go of the store."""
        self._finish()
        self.vat.stop()
        self._keeper.store.close()

    def _finish(self) -> None:
        """From now on everything is written at once, in this thread: the writer has ended."""
        self._keeper.close()
        self._keeper.hop = None
        if self.vat.stopped is None:
            self.vat.run()

    def __repr__(self) -> str:
        return f"<durable vat {self.vat.name}>"


def _hop(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    """From the writer's thread to the loop; a loop that is closed has nobody left to tell."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(work)
