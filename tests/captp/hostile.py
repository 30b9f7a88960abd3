"""What the tests of misbehaving peers share: a victim with an honest peer and a hostile one, and records to send."""

from __future__ import annotations

import gc
from typing import Any

from remit.captp import Session
from remit.captp._crypto import key_value, signature_value
from remit.net import NodeKey
from remit.testing import World
from remit.values import Locator, Record, Symbol, decode, encode, raw_record
from remit.vat import resolved
from tests.captp.objects import Counter

KEY = key_value(NodeKey.generate().public)
SIGNATURE = signature_value(bytes(64))
ELSEWHERE = Locator("remit", "elsewhere", {"memory": "elsewhere"})


def op(name: str, *fields: Any) -> Record:
    return Record(Symbol(f"op:{name}"), list(fields))


def desc(name: str, *fields: Any) -> Record:
    return Record(Symbol(f"desc:{name}"), list(fields))


def export(position: int) -> Record:
    return desc("export", position)


def deliver(*args: Any, to: int = 1, answer: Any = False, resolver: Any = False) -> Record:
    return op("deliver", export(to), list(args), answer, resolver)


def give(**other: Any) -> Record:
    fields = {"key": KEY, "exporter": ELSEWHERE, "session": b"s", "side": b"g", "gift": b"i", **other}
    return desc("handoff-give", *fields.values())


def envelope(signed: Any, signature: Any = SIGNATURE) -> Record:
    return desc("sig-envelope", signed, signature)


def receive(**other: Any) -> Record:
    fields = {"session": b"s", "side": b"d", "count": 0, "give": envelope(give()), **other}
    return desc("handoff-receive", *fields.values())


class Scene:
    """Victim b: its object stands at export 1 of the session with hostile h; honest c has its own session and reference."""

    def __init__(self) -> None:
        self.world = World()
        self.b, self.h, self.c = (self.world.node(name) for name in "bhc")
        self.counter: Any = self.b.vat.spawn(Counter)
        self.b.objects[b"counter"] = self.counter
        self.honest = self.world.open(self.c, self.b)
        self.hostile = self.world.open(self.h, self.b)
        self.world.settle()
        self.session: Session = self.world.pipes[self.hostile].receiver
        self.session.exports.add(self.counter)
        self.far: Any = self.result(self.c.remote(self.honest, b"counter"))

    def result(self, promise: Any) -> Any:
        self.world.settle()
        return resolved(promise)

    def inject(self, *messages: Any) -> None:
        """The hostile peer sends these to the victim."""
        for message in messages:
            self.session.received(message if isinstance(message, bytes) else encode(message))
            self.world.quiet()

    def answers(self) -> list[Record]:
        """What the victim has sent to the hostile peer since it was last asked."""
        self.world.quiet()
        pipe = self.world.pipes[self.session]
        messages = [decode(message, record=raw_record) for message in pipe.messages]
        pipe.messages.clear()
        return messages

    def aborted(self) -> str | None:
        """The reason with which the victim ended the session, None if it did not."""
        reasons = [answer.fields[0] for answer in self.answers() if answer.label == Symbol("op:abort")]
        assert len(reasons) <= 1
        assert (self.session.state == "ended") == bool(reasons)
        return reasons[0] if reasons else None

    def check_unharmed(self) -> None:
        """The honest peer's session works, and nothing is left of the hostile one's when it is over."""
        before = self.result(self.far.increment(0))
        assert self.result(self.far.increment(1)) == before + 1
        if self.session.state == "ended":
            gc.collect()
            self.inject(deliver(Symbol("increment")))  # what still comes is not even looked at
            assert self.session.left() == []
            assert self.answers() == []
        assert "FAULT" not in self.session.dump()
