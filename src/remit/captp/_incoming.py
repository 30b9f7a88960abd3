"""The receiving half of a session: what each operation does.

Labels of every known dialect are accepted: op:deliver and op:deliver-only, plural and singular labels for GC, lists and
single integers in them, two or three fields in op:listen. (OCapN draft specification *CapTP*, operations.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from remit.captp._answering import Answering
from remit.captp._bootstrap import BootstrapRef, take_gift
from remit.captp._crypto import key_bytes, signature_value
from remit.captp._descriptors import Envelope, Give, Receive, is_position
from remit.captp._question import Question
from remit.captp._resolver import ResolverRef
from remit.captp._shorten import FLUSH, Flush
from remit.errors import Broken, LimitExceeded, LinkLost, Missing, ProtocolError, Refused
from remit.values import Record, Symbol, Tagged, encode
from remit.vat import Failed, Far, Message, Pledge, Promise, Ref, final
from remit.vat import route as forward

if TYPE_CHECKING:
    from remit.captp._session import Session


def operate(session: Session, operation: Record) -> None:
    """Do one operation of an open session."""
    name = operation.label.name  # type: ignore[attr-defined]  # the reader lets only symbols through
    handler = OPERATIONS.get(name)
    if handler is None:
        raise ProtocolError(f"{name} is not an operation of an open session")
    handler(session, operation.fields)


# --- messages ------------------------------------------------------------------------------------


def op_deliver(session: Session, fields: list[Any]) -> None:
    """A message, with the wish for an answer position, for a settlement, for both or for neither."""
    if len(fields) != 4:
        raise ProtocolError(f"op:deliver has four fields, not {len(fields)}")
    target, args, position, resolver = fields
    wanted = None if resolver is False else answering(session, resolver)
    promise = asked(session, -1 if position is False else _answer_position(position), wanted)
    arrived(session, target, args, promise)


def asked(session: Session, position: int, wanted: Answering | None) -> Promise[Any] | None:
    """The promise of a result that the peer wants, at an answer position (-1: none), told to a resolver, or both."""
    promise = None if position < 0 else session.new_answer(position)
    if wanted is not None:
        if promise is None:
            promise = Promise(session.vat)
        pledge: Pledge = promise  # new: nobody else waits for it
        pledge._pending = [wanted]
    return promise


def _answer_position(value: Any) -> int:
    if not is_position(value):
        raise ProtocolError("an answer position is an integer from 0, or false")
    position: int = value
    return position


def op_deliver_only(session: Session, fields: list[Any]) -> None:
    """The old form of a message without any wish."""
    if len(fields) != 2:
        raise ProtocolError(f"op:deliver-only has two fields, not {len(fields)}")
    arrived(session, fields[0], fields[1], None)


def arrived(session: Session, target: Any, args: Any, promise: Promise[Any] | None) -> None:
    """Route a message to its target, as if from outside of all vats."""
    if not isinstance(target, Ref) or not isinstance(args, list) or _is_import(session, target):
        raise ProtocolError("a delivery goes to desc:export or desc:answer, with a list of arguments")
    if session._reader.specials:
        args = with_gifts(session, target, args)
    kwargs = None
    if args and isinstance(args[-1], Tagged) and args[-1].tag == "kwargs" and isinstance(args[-1].value, dict):
        kwargs = args.pop().value or None
    if not args or type(args[0]) is not Symbol:
        route(session, target, None, tuple(args), kwargs, promise)
    elif type(target) is ResolverRef and promise is None and len(args) == 2 and args[0].name == "fulfill":
        session._resolved(target._at, args[1])
    else:
        route(session, target, args[0].name, tuple(args[1:]), kwargs, promise)


def route(
    session: Session,
    target: Ref[Any],
    selector: str | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None,
    promise: Promise[Any] | None,
) -> None:
    """Send what has arrived on its way; its sender pays until it is done."""
    if selector == FLUSH and not args:
        message: Message = Flush(target, FLUSH, (), None, promise, session.context, True)
    else:
        message = Message(target, selector, args, kwargs, promise, session.context, True)
    if session.named is not None or session.home.tracer is not None:
        follow(session, message)
    account = message.context.account
    if account is not None:
        account.borrow()
    forward(target, message, None)


def follow(session: Session, message: Message) -> None:
    """Make the message a step of a trace, if this node follows it: the one that the peer has named just before, or one of its own."""
    if isinstance(message.target, BootstrapRef | ResolverRef) or message.only_arrives:
        return
    named, session.named = session.named, None
    if session.home.tracer is not None:
        location = session.remote_location
        peer = "" if location is None else location.designator
        message.context = session.home.tracer.came(message, named, peer)


def _is_import(session: Session, target: Ref[Any]) -> bool:
    """Whether this is the peer's own object: it would only be sent back."""
    return target._link is session and isinstance(target, Far | Promise) and target._at >= 0


def answering(session: Session, resolver: Any) -> Answering:
    """What will tell the peer's resolver."""
    if isinstance(resolver, Ref) and resolver._link is session and resolver._at >= 0:
        return Answering(session, resolver._at, resolver)
    raise ProtocolError("a resolver is desc:import-object or desc:import-promise")


def op_listen(session: Session, fields: list[Any]) -> None:
    """The peer wants to hear of a promise of ours."""
    if len(fields) not in (2, 3) or not isinstance(fields[0], Ref):
        raise ProtocolError("op:listen takes a promise, a resolver and whether partial results are wanted")
    promise = fields[0]
    if not isinstance(promise, Promise):
        resolved: Promise[Any] = Promise(session.home.vat)
        resolved._settle(promise, None)
        promise = resolved
    promise._wait(answering(session, fields[1]))


# --- parts of results -----------------------------------------------------------------------------


def op_get(session: Session, fields: list[Any]) -> None:
    """A field of a Struct."""
    pick(session, "op:get", fields, str, _field)


def op_index(session: Session, fields: list[Any]) -> None:
    """An element of a List."""
    pick(session, "op:index", fields, int, _element)


def op_untag(session: Session, fields: list[Any]) -> None:
    """The payload of a Tagged."""
    pick(session, "op:untag", fields, str, _payload)


def pick(session: Session, name: str, fields: list[Any], kind: type, part: Callable[[Any, Any], Any]) -> None:
    """Answer with a part of a result, when it is there."""
    if len(fields) != 3 or not isinstance(fields[0], Ref):
        raise ProtocolError(f"{name} takes a promise, which part, and an answer position")
    which = fields[1].name if isinstance(fields[1], Symbol) else fields[1]
    if type(which) is not kind or fields[2] is False:
        raise ProtocolError(f"{name} takes {'an integer' if kind is int else 'a string'} and an answer position")
    answer = session.new_answer(_answer_position(fields[2]))
    if isinstance(fields[0], Promise):
        fields[0]._wait(Picker(answer, which, part))
    else:
        answer._settle(Failed(Missing("an object has no parts")), None)


# --- garbage --------------------------------------------------------------------------------------


def op_gc_exports(session: Session, fields: list[Any]) -> None:
    """The peer gives back references."""
    if len(fields) != 2:
        raise ProtocolError("op:gc-exports takes positions and counts")
    take_exports(session, _integers(fields[0]), _integers(fields[1]))


def take_exports(session: Session, positions: list[int], deltas: list[int]) -> None:
    """The peer gives back as many of each."""
    if len(positions) != len(deltas):
        raise ProtocolError("op:gc-exports takes as many counts as positions")
    for position, delta in zip(positions, deltas, strict=True):
        freed = session.exports.give_back(position, delta)
        if type(freed) is Question:
            session.unanswered(freed)


def op_gc_answers(session: Session, fields: list[Any]) -> None:
    """The peer will use these answers no more."""
    if len(fields) != 1:
        raise ProtocolError("op:gc-answers takes positions")
    take_answers(session, _integers(fields[0]))


def take_answers(session: Session, positions: list[int]) -> None:
    """The peer has done with these."""
    answers = session.answers
    for position in positions:
        answers.pop(position, None)


# --- the end --------------------------------------------------------------------------------------


def op_abort(session: Session, fields: list[Any]) -> None:
    """The peer ends the session."""
    session.end(LinkLost(f"the peer ended the session: {str(fields[0])[:200] if fields else 'no reason given'}"))


def op_start_session(session: Session, fields: list[Any]) -> None:
    """Only the first message may be a hello."""
    raise ProtocolError("a second op:start-session")


# --- gifts (the receiver's part of a handoff) ---------------------------------------------------------


def with_gifts(session: Session, target: Ref[Any], args: list[Any]) -> list[Any]:
    """The arguments with signed gives taken up; the bootstrap object reads envelopes itself."""
    if isinstance(target, BootstrapRef):
        return args
    return [gift(session, value) for value in args]


def gift(session: Session, value: Any) -> Any:
    """The value with signed gives replaced by promises of the gifts."""
    if isinstance(value, list | tuple):  # a tuple is a field of a record such as `preserves.Map`
        return [gift(session, part) for part in value]
    if isinstance(value, dict):
        return {name: gift(session, part) for name, part in value.items()}
    if isinstance(value, Tagged):
        return Tagged(value.tag, gift(session, value.value))
    if hasattr(value, "__record_values__"):
        return type(value)(*(gift(session, part) for part in value.__record_values__()))
    if isinstance(value, Envelope) and isinstance(value.signed, Give):
        return collect(session, value)
    if isinstance(value, Envelope | Give | Receive):
        raise ProtocolError("a handoff descriptor stands where a value is expected")
    return value


def collect(session: Session, envelope: Envelope) -> Promise[Any]:
    """Go and get a gift from its exporter; messages to the promise wait for it."""
    give = envelope.signed
    promise: Promise[Any] = Promise(session.home.vat)
    try:
        if key_bytes(give.receiver_key) != session.key.public:
            raise Refused("this gift is for somebody else")
        if give.exporter == session.location:
            promise._settle(take_gift(session, envelope), None)
            return promise
    except (Refused, LimitExceeded) as error:
        promise._settle(Failed(error if isinstance(error, Broken) else Refused(str(error))), None)
        return promise
    if session.collecting >= session.most_collecting:
        promise._settle(
            Failed(Refused(f"{session.most_collecting} gifts of this session are on their way already")), None
        )
        return promise
    session.collecting += 1
    session.seeker.seek(give.exporter, Collection(session, envelope, promise).go)
    return promise


def withdraw_gift(session: Session, gifted: Session, envelope: Envelope) -> Promise[Any]:
    """Ask this peer, the exporter, for a gift that came in session `gifted`."""
    receive = Receive(session.id, session.side, session.next_count(), envelope)
    signed = Envelope(receive, signature_value(gifted.key.sign(encode(receive.record()))))
    promise: Promise[Any] = Promise(session.home.vat)
    message = Message(session.remote_bootstrap, "withdraw-gift", (signed.record(),), None, promise, session.context)
    session.deliver(0, message)
    return promise


class Collection:
    """A gift on its way: waits for a session with its exporter."""

    __slots__ = ("envelope", "gifted", "promise")

    def __init__(self, gifted: Session, envelope: Envelope, promise: Promise[Any]) -> None:
        self.gifted = gifted
        self.envelope = envelope
        self.promise = promise

    def go(self, exporter: Session | Broken) -> None:
        """Withdraw, or break with why the exporter cannot be reached."""
        self.gifted.collecting -= 1
        if isinstance(exporter, Broken):
            self.promise._settle(Failed(exporter), None)
        else:
            self.promise._settle(withdraw_gift(exporter, self.gifted, self.envelope), None)


class Picker:
    """Waits for a result of which the peer wants a part."""

    __slots__ = ("answer", "part", "which")

    def __init__(self, answer: Promise[Any], which: Any, part: Callable[[Any, Any], Any]) -> None:
        self.answer = answer
        self.which = which
        self.part = part

    def settled(self, promise: Promise[Any]) -> None:
        """Take the part, or break as the whole does."""
        value = final(promise)._value
        if not isinstance(value, Failed):
            try:
                value = self.part(value, self.which)
            except (LookupError, TypeError):
                value = Failed(Missing(f"the result has no part {self.which!r}"))
        promise._vat._leave(self.answer._settle, value, None)


def _field(value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        raise TypeError
    return value[name]


def _element(value: Any, index: int) -> Any:
    if not isinstance(value, list) or index < 0:
        raise TypeError
    return value[index]


def _payload(value: Any, tag: str) -> Any:
    if not isinstance(value, Tagged) or value.tag != tag:
        raise TypeError
    return value.value


def _integers(value: Any) -> list[int]:
    """A list of integers, or the single one that old peers send."""
    integers = value if isinstance(value, list) else [value]
    if not all(type(one) is int for one in integers):
        raise ProtocolError("positions and counts are integers")
    return integers


OPERATIONS: Final[dict[str, Callable[[Any, list[Any]], None]]] = {
    "op:deliver": op_deliver,
    "op:deliver-only": op_deliver_only,
    "op:listen": op_listen,
    "op:get": op_get,
    "op:index": op_index,
    "op:untag": op_untag,
    "op:gc-exports": op_gc_exports,
    "op:gc-export": op_gc_exports,
    "op:gc-answers": op_gc_answers,
    "op:gc-answer": op_gc_answers,
    "op:abort": op_abort,
    "op:start-session": op_start_session,
}
