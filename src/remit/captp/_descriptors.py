"""Descriptors: how references look inside messages, read and written.

    written   near object             desc:import-object      our export
              promise of ours         desc:import-promise     our export
              the peer's own object   desc:export             back where it came from
              our unanswered question desc:answer
              another peer's object   desc:sig-envelope around desc:handoff-give

They are named from the receiver's point of view. (OCapN draft specification *CapTP*, descriptors.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.captp._crypto import key_bytes, signature_bytes
from remit.errors import ProtocolError
from remit.values import Locator, Record, Reference, Symbol, encode, model_record
from remit.vat import PENDING, Far, Promise, Ref, final

if TYPE_CHECKING:
    from remit.captp._outgoing import Outgoing
    from remit.captp._session import Session


MAX_POSITION: Final = 1 << 60
"""Positions and counts that a peer chooses are below. They are keys of tables, and larger numbers can be chosen so that all
have the same hash in CPython (which takes them modulo 2**61 - 1): then each look-up would go through the whole table."""


class Give:
    """desc:handoff-give: the gifter's word that whoever holds `receiver_key` may take a gift from the exporter."""

    __slots__ = ("exporter", "gift", "gifter_side", "receiver_key", "session")

    def __init__(self, receiver_key: Any, exporter: Any, session: Any, gifter_side: Any, gift: Any) -> None:
        if not isinstance(exporter, Locator) or not all(
            isinstance(part, bytes) for part in (session, gifter_side, gift)
        ):
            raise ProtocolError("desc:handoff-give takes a key, a peer, and three byte arrays")
        key_bytes(receiver_key)  # in its form, as the whole is passed on
        self.receiver_key = receiver_key
        self.exporter = exporter
        self.session = session
        self.gifter_side = gifter_side
        self.gift = gift

    def record(self) -> Record:
        """What is signed and sent."""
        fields = [self.receiver_key, self.exporter, self.session, self.gifter_side, self.gift]
        return Record(Symbol("desc:handoff-give"), fields)


class Receive:
    """desc:handoff-receive: the receiver's claim on a gift, in the session with the exporter."""

    __slots__ = ("count", "envelope", "session", "side")

    def __init__(self, session: Any, side: Any, count: Any, envelope: Any) -> None:
        if not isinstance(session, bytes) or not isinstance(side, bytes) or not is_position(count):
            raise ProtocolError("desc:handoff-receive takes two byte arrays, a count from 0 and a signed give")
        if not isinstance(envelope, Envelope) or not isinstance(envelope.signed, Give):
            raise ProtocolError("desc:handoff-receive holds a signed desc:handoff-give")
        self.session = session
        self.side = side
        self.count = count
        self.envelope = envelope

    def record(self) -> Record:
        """What is signed and sent."""
        return Record(Symbol("desc:handoff-receive"), [self.session, self.side, self.count, self.envelope.record()])


class Envelope:
    """desc:sig-envelope: a signed give or receive; `signature` is in its form on the wire."""

    __slots__ = ("signature", "signed")

    signed: Any  # a Give, or a Receive around an Envelope of one: the constructors see to it

    def __init__(self, signed: Any, signature: Any) -> None:
        if not isinstance(signed, Give | Receive):
            raise ProtocolError("desc:sig-envelope holds a desc:handoff-give or a desc:handoff-receive")
        signature_bytes(signature)  # it may be passed on, so it must be no more than a signature
        self.signed = signed
        self.signature = signature

    def record(self) -> Record:
        """The envelope as it is sent."""
        return Record(Symbol("desc:sig-envelope"), [self.signed.record(), self.signature])


_SPECIAL: Final = {
    "desc:handoff-give": (Give, 5),
    "desc:handoff-receive": (Receive, 4),
    "desc:sig-envelope": (Envelope, 2),
}


class Reader:
    """Makes values of one session's records as a message is decoded; used again for each message.

    `operations` and `specials` count what may stand only at the top, or only where a handoff may.
    """

    __slots__ = ("_session", "operations", "specials")

    def __init__(self, session: Session) -> None:
        self._session = session
        self.operations = 0
        self.specials = 0

    def begin(self) -> None:
        """A new message starts."""
        self.operations = self.specials = 0

    def record(self, label: object, fields: list[Any]) -> object:
        """The value of one record; references are counted as they are read."""
        name = label.name if isinstance(label, Symbol) else ""
        if name.startswith("desc:"):
            if name == "desc:export":
                return self._session.exports.get(_position(name, fields))
            if name == "desc:import-object":
                return self._session.imports.receive(_position(name, fields), promise=False)
            if name == "desc:import-promise":
                return self._session.imports.receive(_position(name, fields), promise=True)
            if name == "desc:answer":
                return self._session.answer(_position(name, fields))
            if name in _SPECIAL:
                make, count = _SPECIAL[name]
                if len(fields) != count:
                    raise ProtocolError(f"{name} has {count} fields, not {len(fields)}")
                self.specials += 1
                return make(*fields)
        elif name.startswith("op:"):
            self.operations += 1
            if self.operations > 1:
                raise ProtocolError("an operation stands inside another")
            return Record(label, fields)
        return model_record(label, fields)


def is_position(count: object) -> bool:
    """Whether it is an integer that a peer may choose for a position or a count."""
    return type(count) is int and 0 <= count < MAX_POSITION


def _position(name: str, fields: list[Any]) -> int:
    position = fields[0] if len(fields) == 1 else None
    if type(position) is not int or not 0 <= position < MAX_POSITION:
        raise ProtocolError(f"{name} takes one position, an integer from 0")
    return position


def write_reference(session: Outgoing, reference: Reference) -> bytes:
    """The bytes that stand for a reference in a message to this session's peer; counts it as sent."""
    assert isinstance(reference, Ref)
    ref: Ref[Any] = reference
    if isinstance(ref, Promise):
        ref = final(ref)
        if ref._value is PENDING:
            return _write_pending(session, ref)
        if not isinstance(ref._value, Ref):
            return b"<19'desc:import-promise%d+>" % session.exports.add(ref)
        ref = ref._value
    if ref._link is None:
        return b"<18'desc:import-object%d+>" % session.exports.add(ref)
    if ref._link is session:
        return (
            b"<11'desc:export%d+>" % ref._at
            if isinstance(ref, Far)
            else b"<18'desc:import-object%d+>" % session.exports.add(ref)
        )
    return _write_foreign(session, ref)


def _write_pending(session: Outgoing, promise: Promise[Any]) -> bytes:
    if promise._link is session:
        if promise._at < 0:
            return b"<11'desc:answer%d+>" % -promise._at
        return b"<11'desc:export%d+>" % promise._at
    return b"<19'desc:import-promise%d+>" % session.exports.add(promise)


def _write_foreign(session: Outgoing, ref: Ref[Any]) -> bytes:
    exporter = session.peer_of(ref)
    if exporter is None:
        reached = session.home.reach(ref)
        if reached is not ref:
            return write_reference(session, reached)
        return b"<18'desc:import-object%d+>" % session.exports.add(ref)
    if not isinstance(ref, Far) or not exporter.reachable or session.gifts.full:
        # Nobody else can dial that peer, or this one leaves its gifts lying: so this node stays in between.
        return b"<18'desc:import-object%d+>" % session.exports.add(ref)
    return encode(session.gift(exporter, ref).record())
