"""How the peer's events reach an object of this process: by a door of this session's own, or as the answer to a sync."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.dataspace.syndicate._door import Door
from remit.dataspace.syndicate._entity import post_turn
from remit.dataspace.syndicate._ways import SyncPeer

if TYPE_CHECKING:
    from remit.dataspace.syndicate._session import Session
    from remit.dataspace.syndicate._tables import Export
    from remit.vat import Context

__all__ = ["deliver_turn", "end_export"]


def deliver_turn(session: Session, export: Export, events: list[Any], context: Context) -> None:
    """One turn of the peer's, for one object."""
    door = export.door
    if door is None:
        if isinstance(export.ref, SyncPeer):
            _answered(session, export, events)
            return
        door = export.door = Door(session.vat, export.ref, session.name)
    door.turn(events, context)


def _answered(session: Session, export: Export, events: list[Any]) -> None:
    """The peer has answered a sync of ours."""
    if any(event[0] == "message" for event in events) and export.pins:
        export.pins = 0
        session.exports.drop(export)
        peer: Any = export.ref
        post_turn(peer.ref, [["message", True]])


def end_export(export: Export, handles: list[int]) -> None:
    """The peer will say no more to this object: what it still asserts there (`handles`) is withdrawn, and its door is closed."""
    door, export.door = export.door, None
    if door is not None:
        door.close(handles)
