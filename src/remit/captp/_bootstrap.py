"""The bootstrap object, export 0 of every session: fetch, deposit-gift, withdraw-gift.

    gifts       gift id → promise: kept on the gifter's session, and gone with it. Deposit and withdrawal come in
                either order; whichever is first makes the promise, the second settles or takes it.
    taken       gift id → promise of the gifter's question, settled when a gift that lies here is fetched
    forgotten   ids of gifts that the gifter has taken back (`_gifts.py`), the newest `MAX_FORGOTTEN`: who comes too late is told

(OCapN draft specification *CapTP*, bootstrap object and third-party handoffs, the exporter's part.)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from remit.captp._crypto import key_bytes, signature_bytes
from remit.captp._descriptors import Envelope, Receive
from remit.errors import Broken, LimitExceeded, NoSuchMethod, ProtocolError, Refused
from remit.values import Symbol, encode
from remit.vat import Failed, Message, Promise, Ref, Vat

if TYPE_CHECKING:
    from remit.captp._outgoing import Outgoing
    from remit.captp._session import Session

_TRACE: Final = re.compile(r"[0-9a-z]{8,40}", re.ASCII)
_CAUSE: Final = re.compile(r"[0-9a-z-]{1,40}", re.ASCII)
MAX_GIFTS: Final = 10_000
"""Gifts of one gifter that wait for their receiver (or receivers that wait for their gift)."""
MAX_GIFT_ID: Final = 256
"""Bytes of a gift id, which is kept while the gift waits. Specified are 32; implementations send 7 to 32."""
MAX_FORGOTTEN: Final = 1000
FORGET: Final = "forget-gift"


class BootstrapRef(Ref[Any]):
    """Export 0; answers without a turn of any vat."""

    __slots__ = ("_forgotten", "_gifts", "_taken")

    def __init__(self, session: Outgoing) -> None:
        super().__init__(session.home.vat, session)
        self._gifts: dict[bytes, tuple[Promise[Any], bool]] = {}
        self._taken: dict[bytes, Promise[Any]] = {}
        self._forgotten: dict[bytes, None] = {}

    def _route(self, message: Message, sender: Vat | None) -> None:
        try:
            value = self._answer(message)
        except (Broken, ProtocolError) as error:
            broken = error if isinstance(error, Broken) else Refused(str(error))
            message.fail(broken.with_traceback(None), None)  # its frames hold what came with the message
            return
        message.finish()
        if message.promise is not None:
            message.promise._settle(value, None)

    def _answer(self, message: Message) -> Any:
        session: Session = self._at
        verb, args = message.selector, message.args
        if verb is None and args and isinstance(args[0], Symbol):
            verb, args = args[0].name, args[1:]
        if verb == "fetch" and len(args) == 1 and isinstance(args[0], bytes):
            return session.home.fetch(session, args[0])
        if verb == "deposit-gift" and len(args) == 2 and isinstance(args[0], bytes) and isinstance(args[1], Ref):
            return self._deposit(args[0], args[1], wanted=message.promise is not None)
        if verb == FORGET and len(args) == 1 and isinstance(args[0], bytes):
            return self._forget(args[0])
        if verb == "withdraw-gift" and len(args) == 1 and isinstance(args[0], Envelope):
            return withdraw(session, args[0])
        if verb == "trace" and len(args) == 2:
            session.named = named(*args)
            return None
        raise NoSuchMethod(
            "the bootstrap object answers fetch(swiss), deposit-gift(id, object) and withdraw-gift(envelope)"
        )

    def _deposit(self, gift: bytes, ref: Ref[Any], *, wanted: bool) -> Promise[Any] | None:
        """Keep a gift, or pass it on; who wants to know hears when it is taken."""
        waiting = self._gifts.get(gift)
        if waiting is not None and waiting[1]:
            raise Refused("this gift id is in use")
        if waiting is not None:
            del self._gifts[gift]
            waiting[0]._settle(ref, None)
            return None
        promise = self._new(gift, deposited=True)
        promise._settle(ref, None)
        if not wanted:
            return None
        taken = self._taken[gift] = Promise(self._vat)
        return taken

    def take(self, gift: bytes) -> Promise[Any]:
        """The promise of a gift: there already, or still to come."""
        if gift in self._forgotten:
            raise Refused("the gifter has taken this gift back, as nobody fetched it in time: ask for it again")
        found = self._gifts.pop(gift, None)
        if found is not None and found[1]:
            self._tell_taken(gift)
            return found[0]
        if found is not None:
            self._gifts[gift] = found
            raise Refused("this gift is being withdrawn already")
        return self._new(gift, deposited=False)

    def _forget(self, gift: bytes) -> None:
        """The gifter takes a gift back; one that was never deposited, or is taken, is none of its business any more."""
        found = self._gifts.get(gift)
        if found is None or not found[1]:
            return
        del self._gifts[gift]
        self._tell_taken(gift)
        self._forgotten[gift] = None
        if len(self._forgotten) > MAX_FORGOTTEN:
            del self._forgotten[next(iter(self._forgotten))]

    def _tell_taken(self, gift: bytes) -> None:
        taken = self._taken.pop(gift, None)
        if taken is not None:
            taken._settle(None, None)

    def _new(self, gift: bytes, *, deposited: bool) -> Promise[Any]:
        if len(gift) > MAX_GIFT_ID:
            raise LimitExceeded(f"a gift id of {len(gift)} bytes is longer than {MAX_GIFT_ID}")
        if len(self._gifts) >= MAX_GIFTS:
            raise LimitExceeded(f"more than {MAX_GIFTS} gifts wait in one session")
        promise: Promise[Any] = Promise(self._vat)
        self._gifts[gift] = (promise, deposited)
        return promise

    def drop(self, why: Broken) -> None:
        """The gifter's session has ended: who still waits for a gift of its hears so."""
        gifts, self._gifts = self._gifts, {}
        self._taken.clear()
        self._forgotten.clear()
        for promise, deposited in gifts.values():
            if not deposited:
                promise._settle(Failed(why), None)

    def waiting(self) -> int:
        """How many gifts wait."""
        return len(self._gifts)

    def __repr__(self) -> str:
        return "<bootstrap object>"


def named(trace: Any, cause: Any) -> tuple[str, str] | None:
    """Trace and message id by which a peer names its next message, if they can be such; nothing else of them is believed."""
    if isinstance(trace, str) and isinstance(cause, str) and _TRACE.fullmatch(trace) and _CAUSE.fullmatch(cause):
        return trace, cause
    return None


def withdraw(session: Session, envelope: Envelope) -> Ref[Any]:
    """Check a claim on a gift, every field of it, and give the promise of the gift."""
    receive = envelope.signed
    if not isinstance(receive, Receive):
        raise Refused("withdraw-gift takes a signed desc:handoff-receive")
    if receive.session != session.id or receive.side != session.remote_side:
        raise Refused("the handoff-receive was made for another session")
    if not session.count_is_new(receive.count):
        raise Refused(f"handoff count {receive.count} was used before in this session")
    check_signature(session, key_bytes(receive.envelope.signed.receiver_key), envelope, "handoff-receive")
    return take_gift(session, receive.envelope)


def take_gift(session: Session, envelope: Envelope) -> Ref[Any]:
    """The gift of a signed give that names this node as the exporter; `session` is any of the node's."""
    give = envelope.signed
    gifter = session.home.session_by_id(give.session)
    if gifter is None or gifter.remote_side != give.gifter_side:
        raise Refused("the handoff-give names no session between its gifter and this node")
    check_signature(session, gifter.remote_public, envelope, "handoff-give")
    return gifter.bootstrap.take(give.gift)


def check_signature(session: Session, public: bytes, envelope: Envelope, what: str) -> None:
    """Refuse an envelope whose signature is not that key's over exactly this record."""
    if not session.verify(public, signature_bytes(envelope.signature), encode(envelope.signed.record())):
        raise Refused(f"the signature of the {what} is wrong")
