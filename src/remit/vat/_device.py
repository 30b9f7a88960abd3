"""Devices: plain asynchronous objects outside the vat, which do what a turn may not.

Files, processes, SQL and sockets are never touched inside a turn, since a turn can be undone and they cannot. A device is
asked by a send, which leaves after the commit, and answers by a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.errors import NoSuchMethod, Uncertain
from remit.values import Symbol, passable
from remit.vat._message import Message
from remit.vat._outcome import Failed
from remit.vat._ref import Ref

if TYPE_CHECKING:
    from remit.vat._message import Account
    from remit.vat._vat import Vat


class DeviceLink:
    """The link to one device. Owned by the vat, under a name that a durable vat's fields remember it by."""

    __slots__ = ("name", "obj", "open", "vat")

    def __init__(self, vat: Vat, name: str, obj: Any) -> None:
        self.vat = vat
        self.name = name
        self.obj = obj
        self.open: dict[Message, Account | None] = {}  # under way, so that they break when the vat stops; and who pays

    def deliver(self, handle: Any, message: Message) -> None:  # a device has one object
        """Run the device's method outside the vat and answer with its result."""
        if self.vat.stopped is not None:
            message.fail(self.vat.stopped, None)
            return
        self.open[message] = message.owe()
        self.vat._outside(self._call(message))

    async def _call(self, message: Message) -> None:
        value: Any = Failed(self._cut_short(message))
        try:
            result = self._run(message)
            if hasattr(result, "__await__") and not isinstance(result, Ref):
                result = await result
            value = passable(result)
        except Exception as error:  # noqa: BLE001  # whatever the device raises is the answer
            value = Failed(self.vat._explain(error, f"device {self.name}"))
        finally:
            self._answer(message, value)

    def _run(self, message: Message) -> Any:
        selector, args = message.selector, message.args
        if selector is None and args and isinstance(args[0], Symbol):
            selector, args = args[0].name, args[1:]
        return self._find(selector)(*args, **(message.kwargs or {}))

    def _find(self, selector: str | None) -> Any:
        name = "__call__" if selector is None else selector.replace("-", "_")
        found = None if selector is not None and name.startswith("_") else getattr(self.obj, name, None)
        if not callable(found):
            raise NoSuchMethod(
                f"device {self.name} {'is not a function' if selector is None else f'has no method {selector!r}'}"
            )
        return found

    def _answer(self, message: Message, value: Any) -> None:
        account = self.open.pop(message, None)
        if message.context.trace is not None:
            message.context.trace.ended(message, value.error if isinstance(value, Failed) else None)
        if account is not None:
            account.repay()
        if message.promise is not None:
            message.promise._settle(value, None)

    def _cut_short(self, message: Message) -> Uncertain:
        what = message.selector or "call"
        return Uncertain(f"device {self.name} was stopped while {what} was under way; it may have been done")

    def stop(self) -> None:
        """The vat has stopped: nobody will learn how what is under way ends."""
        for message in tuple(self.open):
            self._answer(message, Failed(self._cut_short(message)))

    def listen(self, promise: Ref[Any]) -> None:
        """A device exports no promises."""

    def on_sever(self, handle: Any, handler: Ref[Any]) -> None:
        """A device lives as long as its vat."""

    def off_sever(self, handle: Any, handler: Ref[Any]) -> None:
        """A device lives as long as its vat."""

    def __repr__(self) -> str:
        return f"device {self.name}"
