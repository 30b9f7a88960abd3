"""CapTP under the edges of a persona in a process of its own: what it holds are re-enlivening references, what holds it comes in by doors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from remit.app._component import Edge
from remit.app._gate import Gate
from remit.errors import Broken, Missing, StoreError
from remit.net import Network
from remit.values import SturdyRef
from remit.vat import Ref, actor

if TYPE_CHECKING:
    from remit.app.components._store_direct import Direct

__all__ = ["Door", "FarWiring", "GateDevice"]


class GateDevice:
    """A gate as a device of the persona's vat. An error goes as a value, so that nothing on its way adds to it."""

    def __init__(self, gate: Gate, started: asyncio.Event) -> None:
        self._gate = gate
        self._started = started

    async def ready(self) -> bool:
        """When the component has started."""
        return await self._started.wait()

    async def call(self, method: str, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """See `Gate.call`."""
        await self._started.wait()
        try:
            return {"value": await self._gate.call(method, tuple(args), kwargs)}
        except Broken as error:
            return {"error": error}

    async def direct(self) -> dict[str, Any]:
        """See `Gate.direct`."""
        await self._started.wait()
        try:
            return {"value": await self._gate.direct()}
        except Broken as error:
            return {"error": error}


@actor(kind="remit.app.door", version=1)
class Door:
    """What the holder of an edge has: its gate, and nothing else of the persona. Ends with the process."""

    gate: Ref[Any]

    def ready(self) -> Any:
        """True, when the component has started."""
        return self.gate.ready()

    def call(self, method: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """See `Gate.call`."""
        return self.gate.call(method, args, kwargs)

    def direct(self) -> Any:
        """See `Gate.direct`."""
        return self.gate.direct()


class FarWiring:
    """A `Wiring` by sturdyrefs, one for each edge. A call waits for its link for up to 30 seconds, then it breaks as `Unreachable`; one that was under way when the link broke, as `Uncertain`."""

    def __init__(self) -> None:
        self._network: Network | None = None
        self._refs: dict[str, Any] = {}
        self._held: dict[str, SturdyRef] = {}
        self._edges: dict[str, Edge] = {}
        self._now: Callable[[], float] = float
        self._direct: dict[str, asyncio.Future[Direct | None]] = {}

    def attach(
        self, network: Network, held: dict[str, SturdyRef], edges: Sequence[Edge] = (), now: Callable[[], float] = float
    ) -> None:
        """From now on calls go out by these sturdyrefs, by edge. Of `edges`, those that lead to stores may be told a shorter way; `now` is the time there."""
        self._now = now
        self._network = network
        self._held = held
        self._edges = {edge.id: edge for edge in edges if edge.target.component.kind == "store"}

    async def reach(self, edge: str) -> None:
        """Wait until the component at the other end has started. Raises `Unreachable` where nobody has come for 30 seconds, `Refused` where this is not who may hold it."""
        await self._ref(edge).ready()

    def _ref(self, edge: str) -> Any:
        if edge not in self._refs:
            if self._network is None or edge not in self._held:
                raise Missing(
                    f"edge {edge} leads nowhere here: what deploys this component has left no reference for it"
                )
            self._refs[edge] = self._network.enliven(self._held[edge])
        return self._refs[edge]

    async def call(self, edge: str, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See `Wiring.call`."""
        if edge in self._edges and (direct := await self._shorter(edge)) is not None:
            return await direct.call(method, args, kwargs)
        return _value(await self._ref(edge).call(method, list(args), kwargs))

    async def _shorter(self, edge: str) -> Direct | None:
        """The way to what a store is kept by, asked for once; None where there is none but the edge itself."""
        if edge not in self._direct:
            self._direct[edge] = asyncio.ensure_future(self._ask(edge))
        try:
            return await asyncio.shield(self._direct[edge])
        except Broken:
            self._direct.pop(edge, None)  # asked for again by the next call
            raise

    async def _ask(self, edge: str) -> Direct | None:
        given = _value(await self._ref(edge).direct())
        if given is None:
            return None
        from remit.app.components._store_direct import Direct

        direct = Direct(self._edges[edge], given, self._now)
        try:
            if not await direct.open():
                await direct.close()
                return None
        except BaseException as error:
            await direct.close()
            if isinstance(error, Broken | StoreError):
                raise Broken.of(type(error).__name__, getattr(error, "message", str(error))) from None
            raise
        return direct

    async def close(self) -> None:
        """End what was opened to stores."""
        for found in self._direct.values():
            if not found.done():
                found.cancel()
            elif not found.cancelled() and found.exception() is None and (direct := found.result()) is not None:
                await direct.close()


def _value(answer: dict[str, Any]) -> Any:
    if "error" in answer:
        raise answer["error"]
    return answer["value"]
