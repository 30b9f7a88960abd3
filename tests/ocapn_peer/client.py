"""A foreign peer, byte by byte: plays the public suite's part against the example's process over tcp-testing-only.

It uses this project's codec and nothing else of it: sessions, ids, envelopes are made by hand here.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from remit.net import NodeKey, proves
from remit.values import Framer, Locator, Record, SturdyRef, Symbol, decode, encode, raw_record

S = Symbol
TOP = Path(__file__).resolve().parents[2]
PEER = TOP / "examples" / "ocapn_test_peer.py"
BUILDER = b"JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ"
ECHO = b"IO58l1laTyhcrgDKbEzFOO32MDd6zE5w"
GREETER = b"VMDDd1voKWarCe2GvgLbxbVFysNzRPzx"
RESOLVER = b"IokCxYmMj04nos2JN1TDoY1bT8dXh6Lr"
ENLIVENER = b"gi02I1qghIwPiKGKleCQAOhpy3ZtYRpB"
DEADLINE = 15  # seconds, as the public suite has it for what is given back
OLD = "suite-2026-02"
NEW = "ocapn-1.0"


@contextmanager
def served(dialect):
    """The example's process; its locator."""
    environment = {**os.environ, "PYTHONPATH": str(TOP / "src")}
    command = [sys.executable, str(PEER), "--dialect", dialect]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield Locator.parse(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def op(name, *fields):
    return Record(S(f"op:{name}"), list(fields))


def desc(name, *fields):
    return Record(S(f"desc:{name}"), list(fields))


def mine(position):
    """How our own object is written."""
    return desc("import-object", position)


def theirs(position):
    """How the peer's object is addressed."""
    return desc("export", position)


def key_value(public):
    return [S("public-key"), [S("ecc"), [S("curve"), S("Ed25519")], [S("flags"), S("eddsa")], [S("q"), public]]]


def signature_value(signature):
    return [S("sig-val"), [S("eddsa"), [S("r"), signature[:32]], [S("s"), signature[32:]]]]


def plain_signature(value):
    return value[1][1][1] + value[1][2][1]


def twice(data):
    return sha256(sha256(data).digest()).digest()


def side_id(public):
    return twice(encode(key_value(public)))


def my_location(locator):
    return encode(Record(S("my-location"), [locator]))


def signed(key, record):
    """desc:sig-envelope around a record."""
    return desc("sig-envelope", record, signature_value(key.sign(encode(record))))


def holds(envelope, public):
    """Whether an envelope's signature is this key's."""
    record, signature = envelope.fields
    return proves(public, plain_signature(signature), encode(record))


class Place:
    """A foreign peer's own address: it listens, and dials under its name."""

    def __init__(self, name):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(DEADLINE)
        self.locator = Locator(
            "tcp-testing-only", name, {"host": "127.0.0.1", "port": str(self.listening.getsockname()[1])}
        )
        self.wires = []

    def dial(self, locator, dialect):
        """A connection to a peer; nothing is said yet."""
        address = (locator.hints["host"], int(locator.hints["port"]))
        return self._keep(socket.create_connection(address, timeout=DEADLINE), dialect)

    def accept(self, dialect):
        """A connection of a peer's to us."""
        return self._keep(self.listening.accept()[0], dialect)

    def _keep(self, connected, dialect):
        connected.settimeout(DEADLINE)
        wire = Wire(connected, self.locator, dialect)
        self.wires.append(wire)
        return wire

    def sturdy(self, swiss):
        """A sturdyref to an object of ours."""
        return SturdyRef(self.locator, swiss)

    def close(self):
        for wire in self.wires:
            wire.socket.close()
        self.listening.close()


class Wire:
    """One connection and the session on it."""

    def __init__(self, connected, locator, dialect):
        self.socket = connected
        self.locator = locator
        self.dialect = dialect
        self.key = NodeKey.generate()
        self.remote = b""  # the peer's session key
        self.seen = []  # what has come, and was not asked for
        self.given_back = {}
        self.answers_back = set()
        self.positions = 0
        self.answers = 0
        self._framer = Framer()

    # --- messages -----------------------------------------------------------------------------

    def send(self, message):
        self.socket.sendall(encode(message))

    def receive(self):
        """The next message. Raises EOFError when the peer has ended its side, TimeoutError when nothing comes."""
        while not self.seen:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self.seen += [decode(message, record=raw_record) for message in self._framer.feed(data)]
        message = self.seen.pop(0)
        self._note(message)
        return message

    def _note(self, message):
        """Count what is given back, in the labels of the dialect and no others."""
        name = message.label.name
        if name.startswith("op:gc-"):
            plural = self.dialect == NEW
            assert name in (("op:gc-exports", "op:gc-answers") if plural else ("op:gc-export", "op:gc-answer"))
        if name.startswith("op:gc-export"):
            for position, delta in zip(*message.fields, strict=True):
                self.given_back[position] = self.given_back.get(position, 0) + delta
        elif name.startswith("op:gc-answer"):
            self.answers_back.update(message.fields[0])

    def until(self, wanted):
        """The next message that is wanted; others are passed over."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            message = self.receive()
            if wanted(message):
                return message
        raise TimeoutError

    def until_counted(self, condition):
        """Read until what was given back satisfies this."""
        deadline = time.monotonic() + DEADLINE
        while not condition() and time.monotonic() < deadline:
            self.receive()
        assert condition(), (self.given_back, self.answers_back)

    def named(self, name):
        """The next operation of this name."""
        return self.until(lambda message: message.label == S(f"op:{name}"))

    def call_of(self, position):
        """The next message to our object at this position: its arguments, answer position and resolver."""
        message = self.until(
            lambda message: message.label.name.startswith("op:deliver") and message.fields[0] == theirs(position)
        )
        return only(message, self.dialect)

    # --- operations ----------------------------------------------------------------------------

    def hello(self, *, version="1.0", sign=None):
        data = my_location(self.locator) if sign is None else sign
        fields = [version, key_value(self.key.public), self.locator, signature_value(self.key.sign(data))]
        self.send(op("start-session", *fields))

    def heard(self):
        """The peer's hello, checked."""
        message = self.receive()
        assert message.label == S("op:start-session")
        version, public, location, signature = message.fields
        self.remote = public[1][3][1]
        assert version == "1.0" and public == key_value(self.remote)
        assert proves(self.remote, plain_signature(signature), my_location(location))
        return message

    def open(self):
        """Exchange hellos."""
        self.hello()
        self.heard()
        return self

    @property
    def side(self):
        return side_id(self.key.public)

    @property
    def remote_side(self):
        return side_id(self.remote)

    @property
    def id(self):
        return twice(b"prot0" + b"".join(sorted((self.side, self.remote_side))))

    def new_object(self):
        """A position for one more object of ours; from 0, as the public suite counts."""
        self.positions += 1
        return self.positions - 1

    def new_answer(self):
        self.answers += 1
        return self.answers - 1

    def tell(self, to, *args):
        """A message without any wish, in the dialect's form."""
        if self.dialect == OLD:
            self.send(op("deliver-only", to, list(args)))
        else:
            self.send(op("deliver", to, list(args), False, False))

    def ask(self, to, *args, answer=False):
        """A message whose result is wanted; the position of its resolver."""
        resolver = self.new_object()
        self.send(op("deliver", to, list(args), answer, mine(resolver)))
        return resolver

    def result(self, resolver):
        """What a resolver is told at last: `("fulfill", value)` or `("break", reason)`; promises are listened to."""
        while True:
            args, _, _ = self.call_of(resolver)
            assert len(args) == 2, "exactly one value"
            verb, value = args
            if verb == S("fulfill") and isinstance(value, Record) and value.label == S("desc:import-promise"):
                resolver = self.listen(theirs(value.fields[0]))
                continue
            return verb.name, value

    def listen(self, to):
        resolver = self.new_object()
        self.send(op("listen", to, mine(resolver), False))
        return resolver

    def fetch(self, swiss):
        """The peer's object under a swiss number, as it is addressed."""
        verb, value = self.result(self.ask(theirs(0), S("fetch"), swiss))
        assert verb == "fulfill" and value.label == S("desc:import-object")
        return theirs(value.fields[0])


def only(message, dialect) -> tuple[list[Any], Any, Any]:
    """Arguments, answer position and resolver of a delivery, which must stand in the dialect's form."""
    fields = message.fields
    if message.label == S("op:deliver-only"):
        assert dialect == OLD and len(fields) == 2
        return fields[1], False, False
    assert message.label == S("op:deliver") and len(fields) == 4
    if fields[3] is False:
        assert dialect == NEW, "the older suite cannot read false for a resolver"
    return fields[1], fields[2], fields[3]
