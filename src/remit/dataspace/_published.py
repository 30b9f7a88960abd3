"""What an object asserts, and how it is replaced and withdrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from remit.dataspace._channel import Channel
from remit.dataspace._facet import Facet
from remit.dataspace._view import view
from remit.values import passable, same

if TYPE_CHECKING:
    from remit.dataspace._subscriptions import Subscription

__all__ = ["Published"]


class Published:
    """An assertion of this object's; it ends with its facet, or when it is retracted."""

    _remit_handle_: ClassVar[bool] = True  # see `remit.vat.on`
    __slots__ = ("_channel", "_facet", "_handle", "_listener", "_value")

    def __init__(self, facet: Facet, channel: Channel, listener: Subscription | None = None) -> None:
        self._facet = facet
        self._channel = channel
        self._listener = listener
        self._handle: int | None = None
        self._value: Any = None

    def retract(self) -> None:
        """Withdraw it; a second time does nothing."""
        self._facet.conversation.begin()
        self._facet.drop(self)
        self.end()

    def replace(self, value: Any) -> None:
        """Assert this instead: the new value before the old one goes, and nothing at all where both are the same."""
        value = passable(value)
        self._facet.conversation.begin()
        if self._handle is None or not same(value, self._value):
            self.put(value)

    def put(self, value: Any) -> None:
        """Assert a checked value; what was asserted before goes."""
        if not self._facet.alive:
            return
        channel, old = self._channel, self._handle
        unsent = None if old is None else channel.unsent(old)
        self._facet.conversation.journal.note(self._set, old, self._value)
        if unsent is not None:  # nobody has heard of the old one
            self._facet.conversation.journal.note(unsent.__setitem__, 2, unsent[2])
            unsent[2] = self._value = value
            return
        handle = channel.claim()
        self._set(handle, value)
        channel.say(["assert", handle, value])
        channel.stand(handle, self)
        if old is not None:
            self._withdraw(old)
        elif self._listener is None:
            self._facet.keep(self)

    def _withdraw(self, handle: int) -> None:
        self._channel.fall(handle)
        self._channel.say(["retract", handle])

    def _set(self, handle: int | None, value: Any) -> None:
        self._handle = handle
        self._value = value

    def end(self) -> None:
        """Its facet stops."""
        if self._handle is not None:
            self._withdraw(self._handle)
            self._facet.conversation.journal.note(self._set, self._handle, self._value)
            self._set(None, None)

    def unobserve(self) -> None:
        """Withdraw an observation."""
        if self._handle is not None:
            _, parts = view(self._value)  # `<Observe pattern observer>`
            self._channel.unpace(parts[1])
        self.end()

    # --- as what stands in its channel (`Standing`)

    def value(self) -> Any:
        """What is asserted."""
        return self._value

    def renumber(self, handle: int) -> None:
        """It is asserted anew."""
        self._facet.conversation.journal.note(self._set, self._handle, self._value)
        self._handle = handle

    def lost(self, keep: bool) -> None:
        """The link is lost."""
        if self._listener is not None:
            self._listener.lost(keep=keep)

    def renewed(self) -> None:
        """All that is there has been told again."""
        if self._listener is not None:
            self._listener.renewed()

    def __repr__(self) -> str:
        return "<published>" if self._handle is not None else "<published, withdrawn>"
