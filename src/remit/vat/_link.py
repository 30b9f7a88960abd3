"""Where references lead that leave this process's vats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from remit.vat._outcome import Failed

if TYPE_CHECKING:
    from remit.vat._message import Message
    from remit.vat._ref import Promise, Ref
    from remit.vat._vat import Vat


class Link(Protocol):
    """A way out of this process's vats: a CapTP session, a device, a re-enlivening reference.

    Its methods are called after the turn has committed and, in a durable vat, is kept.
    """

    def deliver(self, handle: Any, message: Message) -> None:
        """Send the message to the object or promise that `handle` names; settle `message.promise` in the end.

        When this returns the message's account is repaid, unless the link has taken the debt over (`Message.owe`) because it
        keeps the message, or what it becomes, for longer.
        """

    def listen(self, promise: Promise[Any]) -> None:
        """Somebody waits for this promise of the link's: settle it when its result is known."""

    def on_sever(self, handle: Any, handler: Ref[Any]) -> None:
        """Call `handler(broken)` once when the link to this object is lost."""

    def off_sever(self, handle: Any, handler: Ref[Any]) -> None:
        """Forget what `on_sever` asked for."""


def hand_over(link: Link, handle: Any, message: Message, vat: Vat) -> None:
    """Give a message that has left its vat to the link. A link that fails breaks the message's promise."""
    try:
        link.deliver(handle, message)
    except Exception as error:  # noqa: BLE001  # one link's fault may not stop what else leaves
        broken = vat._explain(error, repr(link))
        if message.promise is not None:
            message.promise._settle(Failed(broken), None)
    if message.context.account is not None:
        message.finish()
