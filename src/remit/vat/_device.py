"""Devices: plain asynchronous objects outside the vat, which do what a turn may not.

Files, processes, SQL and sockets are never touched inside a turn, since a turn can be undone and they cannot. A device is
asked by a send, which leaves after the commit, and answers by a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.errors import NoSuchMethod
from remit.values import passable
from remit.vat._message import Message
from remit.vat._outcome import Failed
from remit.vat._ref import Ref

if TYPE_CHECKING:
    from remit.vat._vat import Vat


class DeviceLink:
    """The link to one device. Owned by the vat, under a name that a durable vat's fields remember it by."""

    __slots__ = ("name", "obj", "vat")

    def __init__(self, vat: Vat, name: str, obj: Any) -> None:
        self.vat = vat
        self.name = name
        self.obj = obj

    def deliver(self, handle: Any, message: Message) -> None:  # a device has one object
        """Run the device's method outside the vat and answer with its result."""
        self.vat._outside(self._call(message))

    async def _call(self, message: Message) -> None:
        try:
            result = self._find(message.selector)(*message.args, **(message.kwargs or {}))
            if hasattr(result, "__await__") and not isinstance(result, Ref):
                result = await result
            value = passable(result)
        except Exception as error:  # noqa: BLE001  # whatever the device raises is the answer
            value = Failed(self.vat._explain(error, f"device {self.name}"))
        if message.promise is not None:
            message.promise._settle(value, None)

    def _find(self, selector: str | None) -> Any:
        if selector is None:
            return self.obj
        name = selector.replace("-", "_")
        found = None if name.startswith("_") else getattr(self.obj, name, None)
        if found is None:
            raise NoSuchMethod(f"device {self.name} has no method {selector!r}")
        return found

    def listen(self, promise: Ref[Any]) -> None:
        """A device exports no promises."""

    def on_sever(self, handle: Any, handler: Ref[Any]) -> None:
        """A device lives as long as its vat."""

    def off_sever(self, handle: Any, handler: Ref[Any]) -> None:
        """A device lives as long as its vat."""

    def __repr__(self) -> str:
        return f"device {self.name}"
