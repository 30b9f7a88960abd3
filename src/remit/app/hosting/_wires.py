"""CapTP under the edges of a persona in a process of its own: what it holds are re-enlivening references, what holds it comes in by doors."""

from __future__ import annotations

import asyncio
from typing import Any

from remit.app._gate import Gate
from remit.errors import Broken, Missing
from remit.net import Network
from remit.values import SturdyRef
from remit.vat import Ref, actor

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


class FarWiring:
    """A `Wiring` by sturdyrefs, one for each edge. A call waits for its link for up to 30 seconds, then it breaks as `Unreachable`; one that was under way when the link broke, as `Uncertain`."""

    def __init__(self) -> None:
        self._network: Network | None = None
        self._refs: dict[str, Any] = {}
        self._held: dict[str, SturdyRef] = {}

    def attach(self, network: Network, held: dict[str, SturdyRef]) -> None:
        """From now on calls go out by these sturdyrefs, by edge."""
        self._network = network
        self._held = held

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
        answer = await self._ref(edge).call(method, list(args), kwargs)
        if "error" in answer:
            raise answer["error"]
        return answer["value"]
