"""Interfaces, addresses, routes and devices as assertions, and interfaces and devices as services: while somebody wants to know.

Interest is demand: what the kernel says of the network is followed from the first interest in it, or in a service `<interface …>`; devices
from the first interest in those. From then on it is asserted, whoever asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from remit.dataspace import ANY, bind, interest
from remit.services._ear import Mouth
from remit.services._kernel_records import (
    AddressState,
    Device,
    DeviceState,
    Interface,
    InterfaceState,
    RouteState,
)
from remit.services._records import READY, STARTED, RequireService, ServiceState
from remit.values import as_record
from remit.vat import Ref, actor, tell, this

__all__ = ["KernelWatch"]

_put = object.__setattr__


@actor(kind="remit.services.kernel_watch", version=1)
class KernelWatch:
    """One for each dataspace of services; transient. `network` and `devices` are devices as `Kernel`."""

    space: Ref[Any]
    network: Ref[Any]
    devices: Ref[Any]

    if TYPE_CHECKING:  # not fields: what is not kept and does not pass
        _mouth: ClassVar[Mouth]
        _followed: ClassVar[set[str]]

    def begin(self) -> None:
        """Listen for interest."""
        mouth = Mouth()
        _put(self, "_mouth", mouth)
        _put(self, "_followed", set())
        mouth.open(self.space, "the kernel")
        mouth.listen("network", RequireService(Interface(bind())))
        mouth.listen("devices", RequireService(Device(bind())))
        for what, fields in ((InterfaceState, 8), (AddressState, 5), (RouteState, 5)):
            mouth.listen("network", interest(what(*[ANY] * fields)))
        mouth.listen("devices", interest(DeviceState(ANY, ANY, ANY, ANY)))
        mouth.flush()

    def heard(self, what: str, present: bool, captures: list[Any]) -> None:
        """Somebody wants to know."""
        if present and what not in self._followed:
            self._followed.add(what)
            tell(self.network if what == "network" else self.devices).follow(this())

    def said(self, what: str, captures: list[Any]) -> None:
        """No messages are listened for."""

    def __call__(self, batch: list[list[Any]]) -> None:
        """What has come and gone: see `Kernel.follow`."""
        for present, state in batch:
            self._say(state, present)
        self._mouth.flush()

    def _say(self, state: Any, present: bool) -> None:
        self._mouth.put(state, present)
        services: list[Any] = []
        known = as_record(state, InterfaceState, DeviceState)
        if isinstance(known, InterfaceState) and known.up and known.carrier:
            services = [Interface(known.name)]
        elif isinstance(known, DeviceState):
            services = [Device(path) for path in (known.path, known.file) if path]
        for service in services:
            for word in (STARTED, READY):
                self._mouth.put(ServiceState(service, word), present)
