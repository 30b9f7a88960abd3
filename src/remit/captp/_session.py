"""One CapTP session with one peer: bytes in, bytes and vat messages out. No I/O, no clock, no randomness of its own.

    new ──start()──► greeting ──op:start-session from the peer──► open ──abort, loss──► ended

In `new` and `greeting` nothing but op:start-session and op:abort is taken. In `ended` nothing is taken and nothing is
sent. Every table belongs to the session and is empty (but for export 0) when nobody holds anything of the other side.

    exports, imports   `_exports.py`, `_imports.py`
    answers            the peer's questions: position → promise of the result, until op:gc-answers
    questions          ours: a promise whose link is this session, at the negative of its answer position;
                       its resolver is an export (OCapN draft specification *CapTP*, op:deliver)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.captp._crypto import (
    SessionKey,
    Verify,
    key_bytes,
    key_value,
    my_location,
    session_id,
    side_id,
    signature_bytes,
    signature_value,
)
from remit.captp._delivery import take_usual, within_envelope
from remit.captp._descriptors import Reader
from remit.captp._dialect import OCAPN_1_0, VERSION, Dialect
from remit.captp._dump import dump, exported, left
from remit.captp._incoming import operate
from remit.captp._outgoing import MAX_TABLE, OWN, Outgoing
from remit.captp._question import Question
from remit.captp._seek import Seeker
from remit.errors import Broken, LimitExceeded, LinkLost, Misuse, NotPassable, ProtocolError, Uncertain
from remit.values import DEFAULT_LIMITS, Limits, Locator, Record, Symbol, decode, encode
from remit.vat import ROOT, Account, Context, Failed, Message, Promise, Ref

if TYPE_CHECKING:
    from remit.captp._home import Home


LARGE: Final = 1024
"""Bytes of a message above which they are held to the peer's account; smaller ones are counted only, as messages."""
MAX_COLLECTING: Final = 1000
"""Gifts of one session for which a session with their exporter is sought, or waits to be: see `_seek.py`."""
MAX_COUNTS: Final = 10_000
"""Handoff counts of one peer that leave a gap below them; everybody who is known counts from 0 without gaps."""


MAX_REASON: Final = 500
"""Characters of the reason in op:abort."""


class Session(Outgoing):
    """Made by a node for one connection, ended by either side's abort or by the loss of the connection.

    `key`: this side's key pair, fresh. `location`: where this node says it is. `proved`: the designator that the
    netlayer has proved, None if it proves nothing; a peer that claims another is aborted. `initiator`: whether this
    side dialled. `context`: who pays for what the peer causes.
    """

    def __init__(
        self,
        home: Home,
        key: SessionKey,
        verify: Verify,
        location: Locator,
        *,
        initiator: bool,
        proved: str | None = None,
        dialect: Dialect = OCAPN_1_0,
        limits: Limits = DEFAULT_LIMITS,
        context: Context = ROOT,
    ) -> None:
        super().__init__(home, key, location, dialect=dialect, limits=limits, context=context)
        self.verify = verify
        self.initiator = initiator
        self.proved = proved
        self.remote_public = b""
        self.remote_side = b""
        self.answers: dict[int, Promise[Any]] = {}
        self.most_answers = MAX_TABLE
        self.most_bytes: int = limits.frame
        self.most_items: int = limits.items
        self.inner_limits = within_envelope(limits)
        self._reader = Reader(self)
        self.named: tuple[str, str] | None = None  # trace and id of the peer's next message, as it says
        self.collecting = 0  # gifts on their way
        self.seeker = Seeker(home)
        self.most_collecting = MAX_COLLECTING
        self._next_count = 0
        self._counts_to = 0  # all counts of the peer's below are used
        self._counts: set[int] = set()  # and these above

    # --- the life of a session ----------------------------------------------------------------------

    def start(self) -> None:
        """Send our hello: the initiator at once, the responder whenever it likes."""
        if self.state == "new":
            self.state = "greeting"
            signature = self.key.sign(my_location(self.location))
            fields = [VERSION, key_value(self.key.public), self.location, signature_value(signature)]
            self._send(encode(Record(Symbol("op:start-session"), fields)))

    def received(self, data: bytes) -> None:
        """Take one whole message. A peer that breaks the protocol is aborted; nothing is raised."""
        account = self.context.account if len(data) > LARGE else None
        if account is not None:
            self._received_large(data, account)
        elif self.state == "open":
            try:
                if not take_usual(self, data):
                    self.received_any(data)
            except (ProtocolError, NotPassable, Misuse) as error:
                self.abort(str(error))
        else:
            self.received_any(data)

    def _received_large(self, data: bytes, account: Account) -> None:
        usual = self.context
        self.context = Context(account.loan(len(data)), usual.trace, usual.cause, usual.facet)
        try:
            if self.state != "open" or not take_usual(self, data):
                self.received_any(data)
        except (ProtocolError, NotPassable, Misuse) as error:
            self.abort(str(error))
        finally:
            self.context = usual

    def received_any(self, data: bytes) -> None:
        """The same in the general way, which takes every message in every state."""
        if self.state == "ended":
            return
        try:
            self._reader.begin()
            operation = decode(data, limits=self.limits, record=self._reader.record)
            if not isinstance(operation, Record):
                raise ProtocolError("a message must be an operation")
            if self.state == "open":
                operate(self, operation)
            else:
                self._greeted(operation)
        except (ProtocolError, NotPassable, Misuse) as error:
            self.abort(str(error))

    def _greeted(self, operation: Record) -> None:
        name, fields = operation.label.name, operation.fields  # type: ignore[attr-defined]  # the reader lets only symbols through
        if name == "op:abort":
            # Nothing was set up, so nothing is answered: the peer may still be reading.
            self.end(LinkLost(f"the peer aborted before the session was set up: {_reason(fields)}"))
            return
        if name != "op:start-session" or len(fields) != 4:
            raise ProtocolError("the first message must be op:start-session with four fields")
        version, public, location, signature = fields
        if version != VERSION:
            raise ProtocolError(f"this node speaks CapTP {VERSION}, not {version!r}")
        if not isinstance(location, Locator):
            raise ProtocolError("the location in op:start-session is not a peer locator")
        self.remote_public = key_bytes(public)
        if not self.verify(self.remote_public, signature_bytes(signature), my_location(location)):
            raise ProtocolError("the signature of the location is wrong")
        if self.proved is not None and location.designator != self.proved:
            raise ProtocolError("the claimed location does not carry the key that this connection has proved")
        if self.remote_public == self.key.public:
            raise ProtocolError("this is our own session key")
        self._open(location, public)

    def _open(self, location: Locator, public: Any) -> None:
        self.remote_location = location
        self.flushes = location.transport == OWN
        self.remote_key_value = public
        self.remote_side = side_id(self.remote_public)
        self.id = session_id(self.side, self.remote_side)
        refusal = self.home.greet(self, location)
        if refusal is not None:
            self.abort(refusal)  # before any hello of ours: with it the peer would think the session open
        elif self.state != "ended":
            self.start()
            self.state = "open"

    def abort(self, reason: str) -> None:
        """End the session and tell the peer why."""
        if self.state != "ended":
            reason = reason[:MAX_REASON]  # it may quote the peer
            self._send(encode(Record(Symbol("op:abort"), [reason])))
            self.end(LinkLost(f"this side ended the session: {reason}"))

    def end(self, cause: Broken) -> None:
        """The session is over: what was sent and not answered may have been done, what comes later was not sent."""
        if self.state == "ended":
            return
        self.state = "ended"
        self.cause = cause
        # Not by the exports: a dying peer may have given our resolvers back without a word.
        questions = [*self._questions.values(), *self._listening.values()]
        imports = self.imports.live()
        severed, self._severed = self._severed, []
        self.answers.clear()
        self.exports.by_position.clear()
        self.exports.by_ref.clear()
        self.imports.by_position.clear()
        self.owed = 0
        self._listening.clear()
        self._questions.clear()
        uncertain = Failed(Uncertain(f"{cause.message}: the call was sent and may have been done"))
        for question in questions:
            self._lost_question(question, uncertain)
        for imported in imports:
            if isinstance(imported, Promise):
                imported._settle(Failed(LinkLost(cause.message)), None)
        self.gifts.forsake()
        self.bootstrap.drop(cause)
        self.congested(False)
        for _, handler in severed:
            handler._route(Message(handler, None, (cause.copy(),), None, None, ROOT, True), None)
        self.home.ended(self, cause)

    def answer(self, position: int) -> Promise[Any]:
        """The promise at an answer position of the peer's."""
        promise = self.answers.get(position)
        if promise is None:
            raise ProtocolError(f"no answer at position {position}")
        return promise

    def new_answer(self, position: int) -> Promise[Any]:
        """A promise at an answer position that the peer has chosen."""
        if position in self.answers:
            raise ProtocolError(f"answer position {position} is in use")
        if len(self.answers) >= self.most_answers:
            raise LimitExceeded(f"more than {self.most_answers} open answers in one session")
        promise: Promise[Any] = Promise(self.vat)
        self.answers[position] = promise
        return promise

    def next_count(self) -> int:
        """A handoff count that was not used before in this session."""
        self._next_count += 1
        return self._next_count - 1

    def count_is_new(self, count: int) -> bool:
        """Whether a handoff count of the peer's is used for the first time in this session."""
        if count < self._counts_to or count in self._counts:
            return False
        if len(self._counts) >= MAX_COUNTS:
            raise LimitExceeded(f"more than {MAX_COUNTS} handoff counts out of order")
        self._counts.add(count)
        while self._counts_to in self._counts:
            self._counts.remove(self._counts_to)
            self._counts_to += 1
        return True

    def gave(self) -> bool:
        """Whether the peer holds an object of ours: somebody gave it that, which no stranger can bring about by itself.

        What everybody may fetch (`_for_anybody`), and resolvers of our own questions, are not given.
        """
        return any(
            position
            and type(export) is not Question
            and not getattr(getattr(export, "ref", None), "_for_anybody", False)
            for position, export in self.exports.by_position.items()
        )

    def left(self) -> list[str]:
        """What is still in the tables, one line each; nothing when neither side holds anything of the other."""
        return left(self)

    def exported(self) -> list[Ref[Any]]:
        """The objects of vats that the peer holds now."""
        return exported(self)

    def dump(self) -> str:
        """The session's tables and what contradicts their invariants, for people."""
        return dump(self)

    def __repr__(self) -> str:
        where = "nobody yet" if self.remote_location is None else self.remote_location.designator[:8]
        return f"<session with {where}, {self.state}>"


def _reason(fields: list[Any]) -> str:
    return str(fields[0])[:200] if fields else "no reason given"
