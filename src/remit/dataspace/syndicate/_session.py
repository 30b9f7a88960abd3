"""One Syndicate session with one peer: bytes in, bytes and events for entities out. No I/O, no clock, no randomness.

    open ──error packet, fault, loss──► ended

The protocol is symmetric and has no handshake. In `ended` nothing is taken and nothing is sent; every assertion that came is withdrawn.

    exports, imports   references given to the peer and got of it: `_tables.py`
    inbound            the peer's live assertions: its handle → whom they were made to, our handle there, the references in them, bytes
    outbound           ours, by the handles that the peer knows
    ways               what stands behind our references to the peer's objects: `_ways.py`
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.dataspace.syndicate._attenuated import attenuated
from remit.dataspace.syndicate._credit import Credit
from remit.dataspace.syndicate._delivery import end_export
from remit.dataspace.syndicate._direct import direct_turn
from remit.dataspace.syndicate._dump import dump, faults, left
from remit.dataspace.syndicate._incoming import embedded, new_import, take_packet, take_turn
from remit.dataspace.syndicate._inert import Inert
from remit.dataspace.syndicate._outgoing import Outgoing
from remit.dataspace.syndicate._references import references_in
from remit.dataspace.syndicate._tables import Export, Import
from remit.dataspace.syndicate._view import rec
from remit.dataspace.syndicate._ways import RemoteWay
from remit.dataspace.syndicate._wire import BINARY
from remit.errors import Broken, LinkLost, ProtocolError
from remit.values import DEFAULT_LIMITS, Limits, preserves
from remit.vat import ROOT, Context, Ref

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.dataspace.syndicate._home import Home
    from remit.dataspace.syndicate._tables import Entry

__all__ = ["Session"]

MAX_REASON: Final = 500
"""Characters of the reason in an error packet."""
_TURN: Final = b"\xb5"
LARGE: Final = 1024
"""Bytes that came together above which they are held to the peer's account; fewer are counted only, as turns."""


class Session(Outgoing):
    """Made for one connection, ended by an error on either side or by the loss of the connection.

    `initial`: the object that the peer gets for free, at oid 0. `name`: says who the peer is, for people. `context`: who pays for
    what it causes. `credit`: ask the peer to say what it has taken (`_credit.py`).
    """

    def __init__(
        self,
        home: Home,
        initial: Ref[Any] | None = None,
        *,
        name: str = "",
        limits: Limits = DEFAULT_LIMITS,
        context: Context = ROOT,
        credit: bool = False,
    ) -> None:
        super().__init__(home, limits=limits, context=context)
        self.name = name
        self.inbound: dict[int, tuple[Export, int, list[Entry], int]] = {}
        self.asserted = 0  # bytes of these, about
        self.view_of: dict[Ref[Any], Export] = {}
        self.embeds = False  # whether there are references in what is being read
        self.next_local = 0
        self.credit = Credit(self)
        self._closing: list[Export] = []
        self._busy = False
        self._inert: Ref[Any] | None = None
        self._root: Import | None = None
        self._reader = preserves.Reader(limits, embedded=self._embedded)
        if initial is not None:
            self.exports.initial(initial)
        if credit:
            self.credit.ask()

    # --- the life of a session -----------------------------------------------------------------------

    @property
    def root(self) -> Ref[Any]:
        """The object that the peer gives for free."""
        if self._root is None:
            entry = self._root = self.imports.by_oid.get(0) or self.new_import(0)
            entry.pins += 1
            self.imports.hold(entry)
        found: Ref[Any] = self._root.ref
        return found

    def received(self, data: bytes) -> None:
        """Take bytes of the peer, cut anywhere. A peer that breaks the protocol is told so; nothing is raised."""
        reader, writer = self._reader, self.writer
        if not reader.pending and data[:1] == _TURN:
            data = self._direct(data)
            if not data:
                return
        try:
            for packet in reader.read(data):
                if reader.syntax != writer.syntax:
                    self.end_packet()
                    writer.syntax = reader.syntax
                self.accept(packet)
                if self.state != "open":
                    return
                self.embeds = False
        except ProtocolError as error:
            self.abort(str(error))

    def _direct(self, data: bytes) -> bytes:
        """Take the turns that stand at the beginning of these bytes, whole and binary; what is left."""
        at, size, text = 0, len(data), data.decode("latin-1")
        while at < size and self.state == "open":
            found = direct_turn(data, text, at, self.limits, self._embedded)
            if found is None:
                break
            events, at = found
            if self.writer.syntax != BINARY:
                self.end_packet()
                self.writer.syntax = BINARY
            self._take(take_turn, events)
            self.embeds = False
        self.embeds = False
        self.imports.settle()  # what came with a turn that is not all there
        return data[at:] if self.state == "open" else b""

    def accept(self, packet: Any) -> None:
        """Do what a packet says."""
        if self.state == "open":
            self._take(take_packet, packet)

    def _take(self, take: Callable[[Session, Any], None], what: Any) -> None:
        self._busy = True
        try:
            take(self, what)
        except ProtocolError as error:
            self.abort(str(error))
        finally:
            self._busy = False
            if self._closing:
                self._close_exports()

    def abort(self, reason: str) -> None:
        """End the session and tell the peer why. (Syndicate Protocol, Packets: an error is fatal.)"""
        if self.state == "open":
            reason = reason[:MAX_REASON]  # it may quote the peer
            self.write_packet(rec("error", reason, False))
            self.end(LinkLost(f"this side ended the session: {reason}"))

    def end(self, cause: Broken) -> None:
        """The session is over: what the peer has asserted is withdrawn. What we asserted there is gone with it."""
        if self.state == "ended":
            return
        self.end_packet()
        self.state = "ended"
        self.cause = cause
        handles: dict[Export, list[int]] = {}
        for export, local, _, _ in self.inbound.values():
            handles.setdefault(export, []).append(local)
        exports = list(self.exports.by_oid.values())
        for table in (
            self.inbound,
            self.outbound,
            self.view_of,
            self.exports.by_oid,
            self.exports.by_ref,
            self.imports.by_oid,
        ):
            table.clear()
        self.asserted = 0
        for export in exports:
            export.count = 0
            end_export(export, handles.get(export, []))
        self.congested(False)
        self.tell_severed(cause)
        self.home.ended(self, cause)

    def take(self) -> list[bytes]:
        """The packets to send now, in order."""
        self.credit.report()
        packets = super().take()
        self.credit.sent()
        return packets

    def over(self) -> Broken | None:
        """Why the session is over; None while it is not."""
        return self.cause

    # --- references ----------------------------------------------------------------------------------

    @property
    def inert(self) -> Ref[Any]:
        """What stands for objects that are not there: it does nothing."""
        if self._inert is None:
            self._inert = self.vat.adopt(Inert())
        return self._inert

    def new_import(self, oid: int) -> Import:
        """An object of the peer's that was not known here."""
        return new_import(self, oid)

    def attenuate(self, ref: Ref[Any], caveats: list[Any]) -> Ref[Any]:
        """An object of ours as the peer has attenuated it. Raises `BadArgument` for what are no caveats."""
        return attenuated(ref, caveats, vat=self.vat)

    def entries_in(self, value: Any) -> list[Entry]:
        """The table entries of the references in a value that has come, once for each time that they stand there."""
        return [entry for ref in references_in(value) if (entry := self._entry_of(ref)) is not None]

    def _entry_of(self, ref: Any) -> Entry | None:
        if ref._link is self and isinstance(ref._at, RemoteWay):
            return ref._at.target
        return self.exports.by_ref.get(ref) or self.view_of.get(ref)

    def identify(self, ref: Any) -> Any:
        """A name for a reference that has come, unique in this session."""
        entry = self._entry_of(ref)
        return id(ref) if entry is None else [int(isinstance(entry, Export)), entry.oid]

    def _embedded(self, wire: Any) -> Any:
        return embedded(self, wire)

    def let_go(self, export: Export) -> None:
        for view in export.views.values():
            self.view_of.pop(view, None)
        export.views.clear()
        self._closing.append(export)
        if not self._busy:
            self._close_exports()

    def _close_exports(self) -> None:
        """What the peer holds no more hears nothing of it any more."""
        closing, self._closing = self._closing, []
        for export in closing:
            if not export.live:
                end_export(export, [])

    # --- looking -------------------------------------------------------------------------------------

    def left(self) -> list[str]:
        """What is still in the tables, one line each; nothing when neither side holds anything of the other."""
        return left(self)

    def faults(self) -> list[str]:
        """What contradicts the invariants of the tables."""
        return faults(self)

    def dump(self) -> str:
        """The session's tables and what contradicts their invariants, for people."""
        return dump(self)

    def __repr__(self) -> str:
        return f"<Syndicate session{f' with {self.name}' if self.name else ''}, {self.state}>"
