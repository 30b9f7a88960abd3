"""What stands behind the references that a session hands out: ways to the peer's objects.

RemoteWay   one source's way to an object of the peer's, with the handles that the source has chosen
SyncReply   to whom the peer wants to hear that all before a sync is done; used once
SyncPeer    our end of a sync that we have sent: what comes to it is the answer
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.dataspace.syndicate._entity import Way
from remit.vat import ROOT

if TYPE_CHECKING:
    from remit.dataspace.syndicate._outgoing import Outgoing
    from remit.dataspace.syndicate._tables import Import
    from remit.vat import Context, Ref

__all__ = ["RemoteWay", "SyncPeer", "SyncReply"]


class RemoteWay(Way):
    """One source's way to an object of the peer's."""

    __slots__ = ("_session", "handles", "target")

    def __init__(self, session: Outgoing, target: Import) -> None:
        self._session = session
        self.target = target
        self.handles: dict[int, int | None] = {}  # the source's → the session's; None for what was not sent

    def turn(self, events: list[Any], context: Context) -> None:
        """Send these events."""
        self._session.send(self, events, context)

    def open(self, name: str) -> Ref[Any]:
        """Another source of this process. Raises why not where the session is over."""
        cause = self._session.over()
        if cause is not None:
            raise cause.copy()
        return self._session.reference(RemoteWay(self._session, self.target))

    def close(self) -> None:
        """Retract what this source has asserted."""
        if self.handles:
            self._session.send(self, [["retract", handle] for handle in self.handles], ROOT)

    def __repr__(self) -> str:
        return f"<way to the peer's object {self.target.oid}>"


class SyncReply(Way):
    """Where the answer to a sync of the peer's goes; it holds its place there until it has gone."""

    __slots__ = ("_session", "_target")

    def __init__(self, session: Outgoing, target: Import) -> None:
        self._session = session
        self._target: Import | None = target

    def turn(self, events: list[Any], context: Context) -> None:
        """The answer: whatever comes is `#t`, once."""
        target, self._target = self._target, None
        if target is not None:
            self._session.answer_sync(target)

    def open(self, name: str) -> Ref[Any]:
        """There is one answer, whoever gives it."""
        return self._session.reference(self)


class SyncPeer:
    """Stands in the export table until the peer answers a sync of ours."""

    __slots__ = ("ref",)

    def __init__(self, ref: Ref[Any]) -> None:
        self.ref = ref
