"""The CapTP engine: valid conversations between two engines, mutated on their way, with an honest third party beside them."""

from __future__ import annotations

import builtins
import gc
from collections import deque
from typing import Any, Final

import remit.errors
from fuzz._operations import METHODS, operation
from fuzz._tape import Tape
from fuzz._target import Finding, Target, expect
from fuzz._town import Town
from remit.captp import Session
from remit.errors import Broken, LinkLost
from remit.testing import Pipe
from remit.values import DEFAULT_LIMITS, Record, Symbol, decode, encode, raw_record
from remit.vat import resolved, send

__all__ = ["TARGETS"]

FAULTS: Final = {
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, Exception)
}
"""Kinds of errors that would tell of a fault in the engine; the objects here raise ValueError alone."""
MESSAGES: Final = 3000  # of one input; what makes more never comes to rest


class Conversation:
    """One input: the hostile node talks as honest nodes do, and its messages are changed on their way."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.town = Town()
        self.old: deque[bytes] = deque(maxlen=16)  # messages of this and of the other direction, to splice in
        self.refs: list[Any] = [self.town.h.remote(self.town.theirs, b"thing"), self.town.h.objects[b"thing"]]
        self.promises: list[Any] = []
        self.delivered = 0

    # --- steps -----------------------------------------------------------------------------------------------

    def call(self) -> None:
        """The hostile node calls something that it holds, with what it holds."""
        tape = self.tape
        target = self.refs[tape.number(8) % len(self.refs)]
        args: list[Any] = [self.refs[tape.number(8) % len(self.refs)] for _ in range(tape.number(3))]
        if tape.flag():
            args.append(tape.choose((1, "x", [], {}, None)))
        answer = send(target, tape.choose(METHODS[:13]), *args)
        self.promises.append(answer)
        if tape.flag():
            self.refs = [*self.refs, answer][-8:]

    def drop(self) -> None:
        """It lets go of something."""
        if len(self.refs) > 1:
            del self.refs[self.tape.number(8) % len(self.refs)]

    def pass_on(self, pipe: Pipe) -> None:
        """The next message goes through, whole or not, or does not."""
        self.town.quiet()
        if not pipe.messages:
            return
        kind = self.tape.number(10)
        if kind == 0:
            pipe.messages.rotate(-1)  # another one first
        message = pipe.messages[0]
        self.old.append(message)
        if kind != 1:
            pipe.messages.popleft()
        if kind == 2:
            return  # lost
        self.give(pipe.receiver, self.changed(message) if kind in (3, 4) else message)

    def changed(self, message: bytes) -> bytes:
        """The message with some bytes of its own or another's in the wrong place."""
        tape, data = self.tape, bytearray(message)
        for _ in range(1 + tape.number(3)):
            at = tape.number(1024) % (len(data) or 1)
            kind = tape.number(5)
            if kind == 0 and data:
                data[at] ^= 1 << tape.number(8)
            elif kind == 1:
                del data[at : at + tape.number(16)]
            elif kind == 2:
                data[at:at] = tape.some(8)
            elif kind == 3 and data:
                data[at : at + 1] = tape.choose((b"0", b"1", b"9", b"+", b"f", b"t", b"<", b">", b"[", b"]"))
            else:
                other = tape.choose(self.old)
                data[at:] = other[tape.number(1024) % (len(other) or 1) :]
        return bytes(data)

    def give(self, receiver: Session, message: bytes) -> None:
        """One message arrives."""
        self.delivered += 1
        receiver.received(message)
        self.town.quiet()
        if receiver.home is self.town.v:
            self.look_at_answers(receiver)

    def look_at_answers(self, session: Session) -> None:
        """What the victim says of errors is of a declared kind."""
        for message in self.town.pipes[session].messages:
            if b"desc:error" in message:
                for kind in _error_kinds(decode(message, record=raw_record)):
                    expect(
                        kind not in FAULTS - {"ValueError"}, f"no error of the kind {kind} reaches a peer: {message!r}"
                    )

    def inject(self) -> None:
        """A message by grammar, to the victim."""
        message = operation(self.tape, self.town, self.town.mine)
        if 0 < len(message) <= DEFAULT_LIMITS.frame:
            self.old.append(message)
            self.give(self.town.mine, message)

    def meet(self) -> None:
        """Another session of the hostile node's, whose first messages are changed."""
        for _ in range(2):
            theirs = self.town.open(self.town.h, self.town.v)
            pipe = self.town.pipes[theirs]
            self.pass_on(pipe)
            if pipe.receiver.state == "open":
                self.town.theirs, self.town.mine = theirs, pipe.receiver
                break

    def honest(self) -> None:
        """The honest node's messages arrive."""
        for pipe in (self.town.pipes[self.town.honest], self.town.pipes[self.town.pipes[self.town.honest].receiver]):
            self.town.quiet()
            while pipe.messages:
                self.town.pass_on(pipe)
                self.town.quiet()

    def step(self) -> None:
        """One of these."""
        kind = self.tape.number(16)
        if kind < 4:
            self.call()
        elif kind < 8:
            self.pass_on(self.town.pipes[self.town.theirs])
        elif kind < 10:
            self.pass_on(self.town.pipes[self.town.mine])
        elif kind < 13:
            self.inject()
        else:
            (self.drop, self.honest, self.meet)[kind - 13]()

    # --- what holds afterwards -----------------------------------------------------------------------------------

    def check(self) -> None:
        """The tables of all sessions are sound, promises broken as declared, and the honest node is served."""
        self.settle()
        town = self.town
        for session in town.pipes:
            expect("FAULT" not in session.dump(), f"tables keep their invariants: {session.dump()}")
            expect(session.state != "ended" or session.left() == [], f"nothing is left: {session.left()}")
        expect(town.honest.state == "open", f"the honest node's session goes on: {town.honest.cause}")
        for promise in self.promises:
            self.look_at(promise)
        before = self.result(town.far.increment(0))
        expect(self.result(town.far.increment(1)) == before + 1, "the honest node is served")
        if self.tape.flag():
            self.let_go()

    def settle(self) -> None:
        """Everything that is on its way arrives."""
        while pipes := self.town.pending():
            self.town.pass_on(pipes[0])
            self.delivered += 1
            if self.delivered > MESSAGES:
                raise Finding("the nodes come to rest")

    def look_at(self, promise: Any) -> None:
        """A promise is pending, fulfilled, or broken; what with, a changed message may have said."""
        try:
            resolved(promise)
        except (Broken, remit.errors.Misuse):  # Misuse: it is pending
            return

    def result(self, promise: Any) -> Any:
        self.settle()
        return resolved(promise)

    def let_go(self) -> None:
        """When the hostile node is gone, nothing is left of it, and the honest tables are empty when it lets go."""
        town = self.town
        for session in (town.mine, town.theirs):
            session.end(LinkLost("gone"))
        self.refs.clear()
        self.promises.clear()
        for node in (town.v, town.h, town.c):
            send(node.objects[b"thing"], "forget")
        town.far = None
        for _ in range(4):
            town.dirty.extend(town.sessions())
            self.settle()
            if not town.honest.left():
                break
            gc.collect()  # slow, and needed for cycles only
        expect(town.honest.left() == [], f"nothing is left of the hostile node with others: {town.honest.left()}")


def _error_kinds(message: Any) -> list[str]:
    """The kinds of all errors in a raw message."""
    found: list[str] = []
    stack = [message]
    while stack:
        part = stack.pop()
        if isinstance(part, Record):
            if part.label == Symbol("desc:error") and part.fields and isinstance(part.fields[0], str):
                found.append(Broken.parse(part.fields[0]).kind)
            stack += part.fields
        elif isinstance(part, list):
            stack += part
        elif isinstance(part, dict):
            stack += part.values()
    return [kind for kind in found if kind != "Broken"]


def check_session(tape: Tape) -> None:
    """Whatever arrives in whatever order: tables are sound, errors declared, and the third party is served."""
    conversation = Conversation(tape)
    while tape.more():
        conversation.step()
    conversation.check()


def _seeds() -> list[bytes]:
    calls = bytes([0, 0, 3, 0, 1, 1])  # the first reference, 'held', no arguments
    return [bytes([4, 5]) * 4, calls + bytes([4, 5, 8, 5]) * 3, bytes([10, 0]) * 6, bytes([15, 5, 5])]


def check_greeting(tape: Tape) -> None:
    """The first message of a stranger whose key is not proved: a session opens for one good hello, and for nothing else."""
    town = Town()
    theirs = town.open(town.h, town.v)
    pipe = town.pipes[theirs]
    town.quiet()
    hello = pipe.messages.popleft()
    session = pipe.receiver
    session.proved = None if tape.flag() else session.proved
    conversation = Conversation.__new__(Conversation)
    conversation.tape, conversation.old = tape, deque([hello, encode(Record(Symbol("op:abort"), ["x"]))])
    while tape.more() and session.state != "ended":
        before = session.state
        message = hello if tape.number(4) == 3 else conversation.changed(hello)
        session.received(message)
        town.quiet()
        expect(
            session.state != "open" or before == "open" or message == hello or _good(message), "only a good hello opens"
        )
        expect(session.state != "open" or session.remote_location is not None, "an open session knows its peer")
    expect(session.state != "ended" or session.left() == [], "nothing is left")
    expect(town.honest.state == "open", "the honest node's session goes on")


def _good(message: bytes) -> bool:
    """Whether a changed hello is well signed all the same: hints that were signed by nobody cannot be."""
    try:
        hello = decode(message, record=raw_record)
    except remit.errors.ProtocolError:
        return False
    return isinstance(hello, Record) and len(hello.fields) == 4


TARGETS: Final = (
    Target("session", "tables, errors and third parties", check_session, _seeds, share=3, steps=24, longest=120),
    Target(
        "greeting", "only a good hello opens a session", check_greeting, lambda: [b"\0\3", b"\1\0\1"], share=3, steps=6
    ),
)
