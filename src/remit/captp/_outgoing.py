"""The sending half of a session: the link through which vats reach the peer's objects.

A handle is the peer's export position (0 and up), or minus the answer position of a question of ours (below 0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.captp._atoms import atom, call
from remit.captp._bootstrap import FORGET, BootstrapRef
from remit.captp._crypto import SessionKey, side_id
from remit.captp._descriptors import Envelope, write_reference
from remit.captp._dialect import Dialect
from remit.captp._exports import Exports
from remit.captp._gifts import Gifts, write_gift
from remit.captp._imports import Imports
from remit.captp._question import Question
from remit.captp._shorten import FLUSH, Flush, Flushed, link_promise
from remit.errors import Broken, NotPassable, Uncertain, Unreachable
from remit.values import Limits, Locator, Symbol, Tagged, encode
from remit.vat import PENDING, Account, Context, Failed, Far, Message, Pledge, Promise, Ref, Root, final

if TYPE_CHECKING:
    from remit.captp._home import Home

FULFILL: Final = encode(Symbol("fulfill"))
BREAK: Final = encode(Symbol("break"))
_EXPORT: Final = b"export"
_ANSWER: Final = b"answer"
_ROOM: Final = 100  # bytes of a message around the arguments


MAX_TABLE: Final = 1_000_000
"""References of one kind in one session; about 300 MB of small objects, far above any honest use."""


TRACE: Final = "trace"
"""The bootstrap object's method by which a node of our own kind names the trace of its next message."""
OWN: Final = "remit"
"""The transport in the locators of our own kind of node."""
LET_GO: Final = "the peer has let go of the answer without giving one: the call was sent and may have been done"
BATCH: Final = 10_000
"""Positions in one message that gives back; well within every frame limit."""


class Outgoing:
    """The state of a session, and what its vats and its peer's questions make it send. See `Session`."""

    def __init__(
        self, home: Home, key: SessionKey, location: Locator, *, dialect: Dialect, limits: Limits, context: Context
    ) -> None:
        self.home = home
        self.vat = home.vat
        self.key = key
        self.location = location
        self.dialect = dialect
        self.limits = limits
        self.context = context
        self.state = "new"
        self.cause: Broken | None = None
        self.side = side_id(key.public)
        self.id = b""
        self.remote_location: Locator | None = None
        self.flushes = (
            False  # whether the peer is a node of our own kind, which answers a flush without a call of any object
        )
        self.remote_key_value: Any = None
        self.bootstrap = BootstrapRef(self)
        self.exports = Exports(self.bootstrap, MAX_TABLE)
        self.imports = Imports(home.vat, self, MAX_TABLE, self._want_output)
        self.remote_bootstrap: Far[Any] = Far(home.vat, 0, self)
        self.gifts = Gifts()
        self.patience = 1
        self.owed = 0  # results that the peer has asked for and not been told
        self.most_owed = MAX_TABLE
        self._output: list[bytes] = []
        self._asked_output = False
        self._gc_answers: list[int] = []
        self._next_answer = 1
        self._questions: dict[int, Question] = {}
        self._listening: dict[int, Question] = {}
        self._severed: list[tuple[int, Ref[Any]]] = []
        self._owed: list[tuple[Account, int]] | None = None  # while the peer does not read: who caused what it is sent

    @property
    def reachable(self) -> bool:
        """Whether others can dial this peer, so that its references can be handed to them."""
        return self.remote_location is not None and bool(self.remote_location.hints)

    def peer_of(self, ref: Ref[Any]) -> Outgoing | None:
        """The session that a far reference belongs to, if it is one of CapTP's."""
        return ref._link if isinstance(ref._link, Outgoing) else None

    def write(self, reference: Any) -> bytes:
        """How `encode` writes a reference for this peer."""
        return write_reference(self, reference)

    def gone(self) -> Failed:
        """What a call on an ended session becomes: it was not sent."""
        return Failed(
            Unreachable(f"the session is over ({self.cause.message if self.cause else 'ended'}); nothing was sent")
        )

    # --- the link that vats see -------------------------------------------------------------------------

    def deliver(self, handle: int, message: Message) -> None:
        """Send a message to the peer's object, promise or answer; its promise becomes a question."""
        if self.state == "ended":
            if message.promise is not None:
                message.promise._settle(self.gone(), None)
            return
        if message.selector == FLUSH and not message.args and not self.flushes:
            self._settled_flush(message)
            return
        if handle < 0:
            kind, at = _ANSWER, -handle
            question = self._questions.get(at)
            if question is not None:
                question.pipelined += 1
        else:
            kind, at = _EXPORT, handle
        promise = message.promise
        try:
            body = self._call(message)
            resolver = 0 if promise is None else self._ask(promise)
        except Broken as error:
            message.fail(error, None)
            return
        if message.context.trace is not None:
            self._name(message)
        if self._owed is not None:
            self._keep_owing(message, len(body))
        if promise is None:
            self._send_only(kind, at, body)
            return
        answer = self._next_answer - 1
        self._send(
            b"<10'op:deliver<11'desc:%b%d+>%b%d+<18'desc:import-object%d+>>" % (kind, at, body, answer, resolver)
        )
        link_promise(promise, self, -answer)

    def _name(self, message: Message) -> None:
        """A message that is followed goes out: say so before it to a node of our own kind, and to nobody else.

        An ordinary message to the bootstrap object, which any node that does not know it passes over.
        """
        step = message.context.trace
        assert step is not None
        step.handed(message, "" if self.remote_location is None else self.remote_location.designator)
        if self.flushes and step.trace and not message.only_arrives:
            self._send_only(_EXPORT, 0, encode([Symbol(TRACE), step.trace, step.id]))

    def congested(self, yes: bool) -> None:
        """Whether the peer leaves unread what it is sent: then whoever causes more goes on paying until it reads again."""
        owed, self._owed = self._owed, [] if yes and self.state != "ended" else None
        for account, size in owed or ():
            account.release(size)
            account.repay()

    def _keep_owing(self, message: Message, size: int) -> None:
        account = message.owe()
        if account is not None and self._owed is not None:
            account.hold(size)
            self._owed.append((account, size))

    def _call(self, message: Message) -> bytes:
        """Method and arguments as this peer gets them; those of most messages are written at once."""
        body = None if message.kwargs else call(message.selector, message.args, self.limits.frame - _ROOM)
        if body is None:
            return self._body(_wire_args(message))
        self.exports.written.clear()
        return body

    def _body(self, value: Any) -> bytes:
        """A value as this peer gets it. If it can't be sent, nothing in it counts as sent; raises `Broken`."""
        self.exports.written.clear()
        try:
            body = write_reference(self, value) if isinstance(value, Ref) else encode(value, self.write)
        except NotPassable as error:
            self.exports.unwrite()
            raise Broken(str(error), kind="NotPassable") from None
        if len(body) + _ROOM > self.limits.frame:
            self.exports.unwrite()
            text = f"a message of {len(body)} bytes is above the limit of {self.limits.frame}"
            raise Broken(text, kind="LimitExceeded")
        return body

    def _near(self, ref: Root) -> bytes | None:
        """As `_body` does it for an object of a vat here; None for other references."""
        if ref._link is not None or isinstance(ref, Pledge):
            return None
        self.exports.written.clear()
        given: Any = ref
        return b"<18'desc:import-object%d+>" % self.exports.add(given)

    def _send_only(self, kind: bytes, at: int, body: bytes) -> None:
        if self.dialect.deliver_only:
            self._send(b"<15'op:deliver-only<11'desc:%b%d+>%b>" % (kind, at, body))
        else:
            self._send(b"<10'op:deliver<11'desc:%b%d+>%bff>" % (kind, at, body))

    def _ask(self, promise: Promise[Any]) -> int:
        """Make the promise a question, the next; the position of its resolver."""
        answer = self._next_answer
        question = Question(self, promise, answer)
        try:
            resolver = self.exports.put(question)
        except NotPassable as error:
            self.exports.unwrite()
            raise Broken(str(error), kind="LimitExceeded") from None
        self._next_answer += 1
        self._questions[answer] = question
        return resolver

    def listen(self, promise: Promise[Any]) -> None:
        """Ask for the result of a promise of the peer's, once. (OCapN draft specification *CapTP*, op:listen.)"""
        position = promise._at
        if position < 0 or position in self._listening or self.state == "ended":
            return
        question = Question(self, promise, 0)
        try:
            resolver = self.exports.put(question)
        except NotPassable as error:
            promise._settle(Failed(Broken(str(error), kind="LimitExceeded")), None)
            return
        self._listening[position] = question
        self._send(b"<9'op:listen<11'desc:export%d+><18'desc:import-object%d+>f>" % (position, resolver))

    def notify(self, resolver: int, value: Any) -> None:
        """Tell the peer's resolver how a promise of ours was settled."""
        if self.state == "ended":
            return
        body = self._near(value) if isinstance(value, Root) else atom(value)
        if body is None:
            verb, content = (BREAK, value.reason) if isinstance(value, Failed) else (FULFILL, value)
            try:
                body = self._body(content)
            except Broken as error:
                verb, body = BREAK, encode(error)
        else:
            verb = FULFILL
        if self.dialect.deliver_only:
            self._send(b"<15'op:deliver-only<11'desc:export%d+>[%b%b]>" % (resolver, verb, body))
        else:
            self._send(b"<10'op:deliver<11'desc:export%d+>[%b%b]ff>" % (resolver, verb, body))

    def gift(self, exporter: Outgoing, ref: Far[Any]) -> Envelope:
        """Another peer's reference, given to this one."""
        return write_gift(self, exporter, ref)

    def deposit(self, gift: bytes, ref: Far[Any], taken: Promise[Any] | None = None) -> None:
        """Leave a gift with this peer for somebody else (the gifter's part of a handoff); `taken` hears when it is fetched."""
        if taken is not None:
            self.deliver(0, Message(self.remote_bootstrap, "deposit-gift", (gift, ref), None, taken, self.context))
            return
        body = encode([Symbol("deposit-gift"), gift, ref], self.write)
        self._send_only(_EXPORT, 0, body)

    def age_gifts(self) -> None:
        """Some time has passed (seconds, many): gifts whose receivers are long gone are taken back from this peer."""
        for gift in self.gifts.age():
            self._send_only(_EXPORT, 0, encode([Symbol(FORGET), gift]))

    def on_sever(self, handle: int, handler: Ref[Any]) -> None:
        """`handler(broken)` when this session ends."""
        if self.state == "ended":
            assert self.cause is not None
            handler._route(Message(handler, None, (self.cause.copy(),), None, None, self.context, True), None)
        else:
            self._severed.append((handle, handler))

    def off_sever(self, handle: int, handler: Ref[Any]) -> None:
        """Forget an `on_sever`."""
        self._severed = [(h, r) for h, r in self._severed if (h, r) != (handle, handler)]

    # --- output -----------------------------------------------------------------------------------------

    def _send(self, message: bytes) -> None:
        self._output.append(message)
        if not self._asked_output:
            self._asked_output = True
            self.home.output(self)  # type: ignore[arg-type]  # every Outgoing is a Session

    def _want_output(self) -> None:
        """There is something to give back: let it go with the next output."""
        if not self._asked_output:
            self._asked_output = True
            self.home.output(self)  # type: ignore[arg-type]  # every Outgoing is a Session

    def take(self) -> list[bytes]:
        """The messages to send now, in order, one write for all; what is to be given back goes last.

        What is to be given back waits behind other output while it is less than `patience`: see `garbage`.
        """
        self._asked_output = False
        if not self._output or self.garbage >= self.patience:
            self._write_garbage()
        output, self._output = self._output, []
        return output

    @property
    def garbage(self) -> int:
        """How many answers and references are to be given back and have not been."""
        return len(self._gc_answers) + len(self.imports.given_back) if self.state == "open" else 0

    def _write_garbage(self) -> None:
        if self.state != "open":
            return
        answers, self._gc_answers = self._gc_answers, []
        for some in batched(answers):
            self._write_operation(self.dialect.gc_answers, _numbers(some))
        back = self.imports.take_given_back()
        for positions, counts in zip(batched([*back]), batched([*back.values()]), strict=True):
            self._write_operation(self.dialect.gc_exports, _numbers(positions) + _numbers(counts))

    def _write_operation(self, label: str, fields: bytes) -> None:
        self._output.append(b"<%d'%s%s>" % (len(label), label.encode(), fields))

    # --- what our questions become ----------------------------------------------------------------------

    def _resolved(self, question: Question, value: Any) -> None:
        """The peer has settled a question or a promise that we listened to.

        Messages that were sent ahead to it may be held until they are kept. They go first, while its position stands.
        """
        promise: Pledge = question.promise
        promise._link = None  # later messages wait in the promise
        vat = promise._vat
        if vat._keeper is None:
            self._settled(question, value)
        else:
            vat._leave(self._settled, question, value)

    def _settled(self, question: Question, value: Any) -> None:
        promise: Pledge = question.promise
        answer = question.answer
        if answer:
            known = self._questions.pop(answer, None)
        else:
            known = self._listening.pop(promise._at, None)
        if known is None:
            return
        straight = type(value) is Far and value._link is self  # as most that others were sent ahead to
        if not straight and (not answer or question.pipelined) and self.flushes and self._shortens(value):
            self._flush(question.promise, answer, value)
            return
        if answer:
            self._gc_answers.append(answer)
        promise._link = None
        Pledge._settle(promise, value, None)
        if not self._asked_output:
            self._want_output()

    def _shortens(self, value: Any) -> bool:
        """Whether later messages would take another way than those sent ahead."""
        if type(value) is Far:
            far: Root = value
            return far._link is not self
        if isinstance(value, Promise):
            value = final(value)
            return not (value._value is PENDING and value._link is self)
        return isinstance(value, Ref) and value._link is not self

    def _settled_flush(self, message: Message) -> None:
        """A flush ends at the border to a foreign peer, whose objects would take it for a call."""
        if message.promise is not None:
            message.promise._settle(None, None)

    def _flush(self, promise: Promise[Any], answer: int, value: Any) -> None:
        """Send a message the old way and keep later ones until it is answered: then all before it have arrived."""
        handle = -answer if answer else promise._at
        promise._link = None  # later messages wait in the promise
        gate: Promise[Any] = Promise(promise._vat)
        self.deliver(handle, Flush(promise, FLUSH, (), None, gate, self.context))
        gate._wait(Flushed(self, promise, answer, value))

    def unanswered(self, question: Question) -> None:
        """The peer has let go of a question's resolver: if it has not answered, it never will."""
        promise: Pledge = question.promise
        if promise._link is not self:
            return
        answer = question.answer
        if (self._questions.pop(answer, None) if answer else self._listening.pop(promise._at, None)) is None:
            return
        if answer:
            self._gc_answers.append(answer)
        self._lost_question(question, Failed(Uncertain(LET_GO)))

    def _lost_question(self, question: Question, why: Failed) -> None:
        question.promise._link = None
        question.promise._settle(why, None)


def batched(items: list[int]) -> list[list[int]]:
    """The items in lists that fit well into one message."""
    if 0 < len(items) <= BATCH:
        return [items]
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]


def _numbers(numbers: list[int]) -> bytes:
    """A list of integers from 0, at least one, encoded."""
    return f"[{'+'.join([str(number) for number in numbers])}+]".encode()


def _wire_args(message: Message) -> list[Any]:
    """The arguments as they travel: method name first, keyword arguments as one value last."""
    args: list[Any] = [*message.args] if message.selector is None else [Symbol(message.selector), *message.args]
    if message.kwargs:
        args.append(Tagged("kwargs", message.kwargs))
    return args
