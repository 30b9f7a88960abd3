"""The sending half of a session: the link by which this process reaches the peer's objects.

What one local turn says to one way leaves together. All that is said until somebody takes the output goes into one packet, but for
two turns of the same source, which stay two: so what one turn has said to several objects of the peer is one turn there, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit._native import mypyc_attr
from remit.dataspace.syndicate._entity import EntityLink
from remit.dataspace.syndicate._tables import Export, Exports, Import, Imports
from remit.dataspace.syndicate._ways import RemoteWay, SyncPeer
from remit.dataspace.syndicate._wire import BINARY, Writer
from remit.errors import BadArgument, Conflict, LimitExceeded, NotPassable
from remit.values import Symbol
from remit.vat import Account, Promise, Ref, final

if TYPE_CHECKING:
    from remit.dataspace.syndicate._home import Home
    from remit.dataspace.syndicate._tables import Entry
    from remit.errors import Broken
    from remit.values import Limits
    from remit.vat import Context

__all__ = ["Outgoing"]

PACKET_EVENTS: Final = 1000
"""Events in one packet of several turns; a single turn may have more."""
_KEPT: Final = 4096
"""Bytes of a list of atoms that is kept for other peers that get the same."""
_ATOMS: Final = frozenset({type(None), bool, int, float, str, bytes, Symbol})


class _Last:
    """The list of atoms that was written last, for any peer, and its bytes; until somebody takes output.

    What observers of one message get are lists of the very same atoms, as many as there are observers.
    """

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept: tuple[list[Any], bytes] | None = None


_last: Final = _Last()


def _same(parts: list[Any], value: list[Any]) -> bool:
    """Whether these are the very same atoms: then their bytes are, too."""
    if len(parts) != len(value):
        return False
    for at, part in enumerate(value):  # noqa: SIM110  # a generator costs more
        if part is not parts[at]:
            return False
    return True


@mypyc_attr(allow_interpreted_subclasses=True)
class Outgoing(EntityLink):
    """The state of a session, and what this process makes it send. See `Session`."""

    def __init__(self, home: Home, *, limits: Limits, context: Context) -> None:
        super().__init__(home.vat)
        self.home = home
        self.limits = limits
        self.context = context
        self.state = "open"
        self.cause: Broken | None = None
        self.exports = Exports()
        self.imports = Imports()
        self.writer = Writer(self._embed)
        self.outbound: dict[int, tuple[Import, list[Entry]]] = {}  # our live assertions there, by handle
        self.ended_packets: list[bytes] = []  # whole packets to send
        self.turns_sent = 0
        self._events: list[bytes] = []  # the packet that is being written
        self._spoken: set[Any] = set()  # the ways that have spoken in it
        self._written: list[Entry] = []  # the references in the value that is being written
        self._asked_output = False
        self._next_handle = 1
        self._owed: list[tuple[Account, int]] | None = None  # while the peer does not read: who caused what it is sent

    # --- what ways ask for ---------------------------------------------------------------------------

    def send(self, way: RemoteWay, events: list[Any], context: Context) -> None:
        """Send one turn of a source. An event that cannot be sent is raised when the others have been."""
        if self.state != "open":
            return
        self._begin(way)
        size, error = 0, None
        for event in events:
            try:
                written = self._event(way, event)
            except (NotPassable, BadArgument, Conflict, LimitExceeded) as found:
                error = error or found
                continue
            if written:
                size += len(written)
                self._events.append(written)
        self._ask_output()
        if self._owed is not None and context.account is not None:
            self._keep_owing(context.account, size)
        if error is not None:
            raise error

    def answer_sync(self, target: Import) -> None:
        """All before a sync of the peer's is done."""
        if self.state == "open":
            self._begin(target)
            self._events.append(self.writer.message(target.oid, self.writer.value(True)))
            self._ask_output()
        target.pins -= 1
        self.imports.drop(target)

    def _event(self, way: RemoteWay, event: list[Any]) -> bytes:
        kind, target = event[0], way.target
        if kind == "message":
            return self._message(target, event[1]) if target.live else b""
        if kind == "retract":
            return self._retract(way, event[1])
        if kind == "assert":
            if event[1] in way.handles:
                raise Conflict(f"handle {event[1]} is in use: what it stands for is asserted now")
            if not target.live:
                way.handles[event[1]] = None  # the peer has let go of the object
                return b""
            return self._assert(way, event[1], event[2])
        return self._sync(target, event[1]) if target.live else b""

    def _message(self, target: Import, value: Any) -> bytes:
        body, references = self._body(value)
        if references and not all(entry.live for entry in references):
            self._unwrite(references)
            raise NotPassable(
                "a transient reference: a reference in a message must be in a live assertion to or from the same peer, too, "
                "since messages hold nothing (Syndicate Protocol, Membranes)"
            )
        return self.writer.message(target.oid, body)

    def _assert(self, way: RemoteWay, handle: int, value: Any) -> bytes:
        body, references = self._body(value)
        target, wire = way.target, self._next_handle
        self._next_handle += 1
        way.handles[handle] = wire
        for entry in references:
            self._hold(entry)
        self.imports.hold(target)
        self.outbound[wire] = (target, references)
        return self.writer.asserted(target.oid, body, wire)

    def _retract(self, way: RemoteWay, handle: int) -> bytes:
        wire = way.handles.pop(handle, None)
        if wire is None:
            return b""  # it was never sent
        target, references = self.outbound.pop(wire)
        for entry in references:
            self.release(entry)
        self.imports.drop(target)
        return self.writer.retracted(target.oid, wire)

    def _sync(self, target: Import, peer: Ref[Any]) -> bytes:
        export = self.exports.put(Export(0, SyncPeer(peer)))
        export.pins = 1
        self.exports.hold(export)
        return self.writer.synced(target.oid, export.oid)

    # --- references ----------------------------------------------------------------------------------

    def _body(self, value: Any) -> tuple[bytes, list[Entry]]:
        """A value as this peer gets it, and the references in it, once for each time. Nothing is held yet."""
        atoms = type(value) is list and self.writer.syntax == BINARY
        if atoms and _last.kept is not None and _same(_last.kept[0], value):
            body = _last.kept[1]
            if len(body) <= self.limits.frame:
                return body, []
        references: list[Entry] = []
        self._written = references
        try:
            body = self.writer.value(value)
        except BaseException:
            self._unwrite(references)
            raise
        if len(body) > self.limits.frame:
            self._unwrite(references)
            raise LimitExceeded(f"a value of {len(body)} bytes is above the limit of {self.limits.frame}")
        if atoms and len(body) <= _KEPT and _ATOMS.issuperset(map(type, value)):
            _last.kept = (list(value), body)
        return body, references

    def _embed(self, reference: Any) -> Any:
        """The wire form of a reference: [0 oid] for what is here, [1 oid] for the peer's own. (Syndicate Protocol, Membranes.)"""
        if not isinstance(reference, Ref):
            raise NotPassable(f"{type(reference).__name__} is embedded, and is no reference")
        if isinstance(reference, Promise):
            found = final(reference)._value
            if isinstance(found, Ref):
                reference = found
        if reference._link is self and isinstance(reference._at, RemoteWay):
            entry: Entry = reference._at.target
            self._written.append(entry)
            return [1, entry.oid]
        entry = self.exports.find(reference)
        self._written.append(entry)
        return [0, entry.oid]

    def _unwrite(self, references: list[Entry]) -> None:
        for entry in references:
            if isinstance(entry, Export):
                self.exports.clear(entry)

    def _hold(self, entry: Entry) -> None:
        if isinstance(entry, Export):
            self.exports.hold(entry)
        elif isinstance(entry, Import):
            self.imports.hold(entry)

    def release(self, entry: Entry) -> None:
        """An assertion that held this is gone."""
        if isinstance(entry, Export):
            if self.exports.drop(entry):
                self.let_go(entry)
        elif isinstance(entry, Import):
            self.imports.drop(entry)

    def let_go(self, export: Export) -> None:
        """The peer holds this no more."""
        raise NotImplementedError

    # --- output --------------------------------------------------------------------------------------

    def _begin(self, who: Any) -> None:
        """The next events are of this source's one turn."""
        if who in self._spoken or len(self._events) >= PACKET_EVENTS:
            self.end_packet()
        self._spoken.add(who)

    def end_packet(self) -> None:
        """What comes next is another packet."""
        if self._events:
            self.ended_packets.append(self.writer.turn(self._events))
            self.turns_sent += 1
            self._events = []
        self._spoken.clear()

    def write_packet(self, value: Any) -> None:
        """Send a packet that is no turn."""
        self.end_packet()
        self.ended_packets.append(self.writer.packet(value))
        self._ask_output()

    def _ask_output(self) -> None:
        if not self._asked_output:
            self._asked_output = True
            self.home.output(self)  # type: ignore[arg-type]  # every Outgoing is a Session

    def take(self) -> list[bytes]:
        """The packets to send now, in order."""
        _last.kept = None
        self._asked_output = False
        self.end_packet()
        packets, self.ended_packets = self.ended_packets, []
        return packets

    # --- who pays ------------------------------------------------------------------------------------

    def congested(self, yes: bool) -> None:
        """Whether the peer leaves unread what it is sent: then whoever causes more goes on paying until it reads again."""
        owed, self._owed = self._owed, [] if yes and self.state == "open" else None
        for account, size in owed or ():
            account.release(size)
            account.repay()

    def _keep_owing(self, account: Account, size: int) -> None:
        account.borrow()
        account.hold(size)
        assert self._owed is not None
        self._owed.append((account, size))
