"""The receiving half of a session: what each packet does.

Strict where the peer's error would make the two sides differ: a handle that is in use, a reference that nothing holds, packets that are
none of the shapes. Lenient where it would not: unknown records, objects and handles are passed over. (Syndicate Protocol, Packets.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.dataspace._pace import weigh
from remit.dataspace.syndicate._credit import credit_packet
from remit.dataspace.syndicate._delivery import deliver_turn
from remit.dataspace.syndicate._tables import Export, Import
from remit.dataspace.syndicate._view import labelled
from remit.dataspace.syndicate._ways import RemoteWay, SyncReply
from remit.errors import BadArgument, LimitExceeded, LinkLost, ProtocolError
from remit.values import Reference, printable
from remit.vat import Far, Ref

if TYPE_CHECKING:
    from remit.dataspace.syndicate._session import Session

__all__ = ["embedded", "take_packet", "take_turn"]

MAX_ASSERTIONS: Final = 1_000_000
"""Live assertions of one peer."""
MAX_ASSERTED: Final = 256 << 20
"""Bytes of them, about: hundreds of the longest packets that there may be (`Limits.frame`), which honest peers have few of."""
MAX_VIEWS: Final = 1000
"""Attenuated views that a peer may make of one object at a time."""
TRANSIENT: Final = "transient reference: a message may name only what a live assertion holds"


def take_packet(session: Session, packet: Any) -> None:
    """Do what one packet says. Raises `ProtocolError`: then the session ends."""
    if type(packet) is list:
        _turn(session, packet)
        return
    if packet is False:
        return  # Nop
    found = labelled(packet)
    if found is None:
        raise ProtocolError("a packet is a turn, an error, #f or an extension's record")
    label, fields = found
    if label == "error" and len(fields) == 2 and type(fields[0]) is str:
        session.end(LinkLost(f"the peer ended the session: {printable(fields[0][:500])}"))
    else:
        credit_packet(session, label, fields)  # any other record is passed over


def _turn(session: Session, turn: list[Any]) -> None:
    events: list[tuple[int, str, Any, Any]] = []
    for part in turn:
        if type(part) is not list or len(part) != 2 or type(part[0]) is not int:
            raise ProtocolError("a turn is a sequence of [oid event]")
        label, fields = labelled(part[1]) or (None, [])
        if type(label) is not str or _FIELDS.get(label) != len(fields):
            raise ProtocolError("an event is <A value handle>, <R handle>, <M value> or <S #:ref>")
        if label == "R":
            events.append((part[0], label, None, fields[0]))
        else:
            events.append((part[0], label, fields[0], fields[1] if label == "A" else None))
    take_turn(session, events)


def take_turn(session: Session, turn: list[tuple[int, str, Any, Any]]) -> None:
    """Do what the events of one turn say: (oid, kind, value, handle) each. Raises `ProtocolError`: then the session ends."""
    if len(turn) == 1 and turn[0][1] == "M":
        _one_message(session, turn[0][0], turn[0][2])
        return
    batches: dict[Export, list[Any]] = {}
    handles: list[int] = []
    try:
        for oid, kind, value, handle in turn:
            if kind == "M":
                _message(session, batches, oid, value)
            elif kind == "A":
                _assert(session, batches, handles, oid, value, handle)
            elif kind == "R":
                _retract(session, batches, handle)
            else:
                _sync(session, batches, oid, value)
    except BaseException:
        for handle in handles:
            gone = session.inbound.pop(handle, None)  # nobody was told of it
            if gone is not None:
                session.asserted -= gone[3]
        raise
    finally:
        if session.imports.fresh:
            session.imports.settle()
    session.credit.received()
    for export, events in batches.items():
        if session.state != "open":
            break  # what the turn has done elsewhere has ended the session: nobody would withdraw this
        deliver_turn(session, export, events, session.context)


def _one_message(session: Session, oid: int, value: Any) -> None:
    """A turn of one message, as most are."""
    if session.embeds:
        try:
            for entry in session.entries_in(value):
                if not entry.live:
                    raise ProtocolError(TRANSIENT)
        finally:
            session.imports.settle()
    if session.credit.reports:
        session.credit.received()
    export = session.exports.by_oid.get(oid)
    if export is not None:
        deliver_turn(session, export, [["message", value]], session.context)


def _assert(
    session: Session, batches: dict[Export, list[Any]], handles: list[int], oid: int, value: Any, handle: Any
) -> None:
    if type(handle) is not int:
        raise ProtocolError("a handle is an integer")
    if handle in session.inbound:
        raise ProtocolError(f"handle {handle} is in use")
    if len(session.inbound) >= MAX_ASSERTIONS:
        raise LimitExceeded(f"more than {MAX_ASSERTIONS} live assertions in one session")
    export = session.exports.by_oid.get(oid)
    if export is None:
        return  # it may just have been let go of
    size = weigh(value)
    if session.asserted + size > MAX_ASSERTED:
        raise LimitExceeded(f"more than about {MAX_ASSERTED} bytes of live assertions in one session")
    references = session.entries_in(value) if session.embeds else []
    for entry in references:
        session._hold(entry)
    session.exports.hold(export)
    session.next_local += 1
    session.inbound[handle] = (export, session.next_local, references, size)
    session.asserted += size
    handles.append(handle)
    batches.setdefault(export, []).append(["assert", session.next_local, value])


def _retract(session: Session, batches: dict[Export, list[Any]], handle: Any) -> None:
    if type(handle) is not int:
        raise ProtocolError("a handle is an integer")
    found = session.inbound.pop(handle, None)
    if found is None:
        return  # its assertion had no object, or did not pass a caveat
    export, local, references, size = found
    session.asserted -= size
    batches.setdefault(export, []).append(["retract", local])
    for entry in references:
        session.release(entry)
    session.release(export)


def _message(session: Session, batches: dict[Export, list[Any]], oid: int, value: Any) -> None:
    if session.embeds:
        for entry in session.entries_in(value):
            if not entry.live:
                raise ProtocolError(TRANSIENT)
    export = session.exports.by_oid.get(oid)
    if export is not None:
        batches.setdefault(export, []).append(["message", value])


def _sync(session: Session, batches: dict[Export, list[Any]], oid: int, peer: Any) -> None:
    if not isinstance(peer, Ref):
        raise ProtocolError("<S #:ref> takes a reference")
    export = session.exports.by_oid.get(oid)
    if export is None:
        return
    if peer._link is session and isinstance(peer._at, RemoteWay):
        entry = peer._at.target
        entry.pins += 1
        session.imports.hold(entry)
        peer = session.reference(SyncReply(session, entry))
    batches.setdefault(export, []).append(["sync", peer])


_FIELDS: Final = {"A": 2, "R": 1, "M": 1, "S": 1}


def embedded(session: Session, wire: Any) -> Reference:
    """The reference for its wire form: [0 oid] is the peer's, [1 oid caveat …] ours. (Syndicate Protocol, Membranes.)

    A reference inside of an embedded value is the reference itself: syndicate-py embeds the peer of a sync twice.
    """
    if isinstance(wire, Reference):
        return wire
    if type(wire) is not list or len(wire) < 2 or type(wire[0]) is not int or type(wire[1]) is not int:
        raise ProtocolError("a reference is [0 oid] or [1 oid caveat …]")
    session.embeds = True
    side, oid = wire[0], wire[1]
    if side == 0 and len(wire) == 2:
        entry = session.imports.by_oid.get(oid)
        if entry is None:
            entry = session.imports.add(session.new_import(oid))
        found: Reference = entry.ref
        return found
    if side != 1:
        raise ProtocolError("a reference is [0 oid] or [1 oid caveat …]")
    export = session.exports.by_oid.get(oid)
    if export is None or not isinstance(export.ref, Ref):
        return session.inert
    if len(wire) == 2:
        return export.ref
    return _view(session, export, wire[2:])


def _view(session: Session, export: Export, caveats: list[Any]) -> Ref[Any]:
    """An object of ours as the peer has attenuated it; the same for the same caveats. Caveats that are none let nothing through."""
    from remit.values.preserves import canonical

    name = canonical(caveats, embedded=session.identify)
    found = export.views.get(name)
    if found is None:
        if len(export.views) >= MAX_VIEWS:
            raise LimitExceeded(f"more than {MAX_VIEWS} attenuated views of one object")
        try:
            found = session.attenuate(export.ref, caveats)
        except BadArgument:
            return session.inert
        export.views[name] = found
        session.view_of[found] = export
    return found


def new_import(session: Session, oid: int) -> Import:
    """An object of the peer's that was not known here."""
    entry = Import(oid, None)
    entry.ref = Far(session.vat, RemoteWay(session, entry), session)
    return entry
