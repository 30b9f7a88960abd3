"""What an operator on the machine itself may ask of its agent, without the boss."""

from __future__ import annotations

from typing import Any

from remit.machines._devices import device_now
from remit.vat import Promise, actor

__all__ = ["Control"]


@actor(kind="remit.machines.control", version=1)
class Control:
    """A root of a machine's vat. Its sturdyref is in `control.ref`, which only the agent's user can read."""

    def burden(self) -> Promise[Any]:
        """What peers owe this machine's node, and what waits here for others: see `remit.net.Network.burden`."""
        return device_now("network").burden()

    def leave(self, keep: bool = False) -> Promise[Any]:
        """Have this machine leave its boss: see `Fleet.leave`. Answers when the boss has heard of it."""
        return device_now("departure").ask(keep)

    def service(self, verb: str, arguments: list[Any]) -> Promise[Any]:
        """About this machine's services: see `ServiceRoom.ask`."""
        return device_now("services").ask(verb, arguments)
