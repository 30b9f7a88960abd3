"""CapTP between nodes in one process, driven by hand: every message is delivered, held or dropped by the test.

world = World()
a, b = world.node("a"), world.node("b")
b.objects[b"counter"] = b.vat.spawn(Counter)
session = world.connect(a, b)
counter = a.fetch(session, b"counter")
world.deliver(b, "op:deliver")      # one message, by name
world.settle()                      # everything, until nothing moves
world.check_empty()                 # after the test has let go of its references
"""

from __future__ import annotations

import gc
import hashlib
from collections import deque
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from remit.captp import OCAPN_1_0, Dialect, Meeting, Session, Tracer
from remit.errors import Broken, Missing, Unreachable
from remit.net import NodeKey, proves
from remit.values import Locator, Record, decode, raw_record
from remit.vat import Ref, Vat, send

__all__ = ["HandNode", "Pipe", "World"]


class Pipe:
    """One direction of one connection: the messages on their way."""

    __slots__ = ("messages", "receiver", "sender")

    def __init__(self, sender: Session, receiver: Session) -> None:
        self.sender = sender
        self.receiver = receiver
        self.messages: deque[bytes] = deque()


class Dialled:
    """A connection that somebody waits for."""

    __slots__ = ("a", "b", "session", "waiting")

    def __init__(self, a: HandNode, b: HandNode, session: Session, then: Callable[[Session | Broken], None]) -> None:
        self.a = a
        self.b = b
        self.session = session
        self.waiting = [then]

    def outcome(self, world: World) -> Session | Broken | None:
        """The session with that node, if need be the other's own; None while there may still be one."""
        found = self.a.meeting.find(self.b.locator)
        if found is not None and found.state == "open":
            return found
        if world.between(self.a, self.b):
            return None
        return self.session.cause or Unreachable("the connection ended")


class HandNode:
    """A node whose sessions are driven by a `World` (`remit.captp.Home`). Owned by its world."""

    def __init__(self, world: World, name: str, dialect: Dialect) -> None:
        self.world = world
        self.name = name
        self.dialect = dialect
        self.vat = Vat(name)
        self.locator = Locator("remit", name, {"memory": name})
        self.meeting = Meeting()
        self.objects: dict[bytes, Ref[Any]] = {}
        self.ended_sessions: list[tuple[Session, Broken]] = []
        self.tracer: Tracer | None = None
        self._tokens = 0

    def greet(self, session: Session, location: Locator) -> str | None:
        """See `remit.captp.Home`; so for the others."""
        return self.meeting.greet(session, location)

    def ended(self, session: Session, cause: Broken) -> None:
        """A session is over."""
        self.meeting.ended(session)
        self.ended_sessions.append((session, cause))

    def fetch(self, session: Session, swiss: bytes) -> Ref[Any]:  # nobody is treated differently
        """The object for a swiss number."""
        if swiss not in self.objects:
            raise Missing("no object for this swiss number")
        return self.objects[swiss]

    def session_to(self, location: Locator, then: Callable[[Session | Broken], None]) -> None:
        """Find a session, or connect as the world allows."""
        found = self.meeting.find(location)
        if found is not None:
            then(found)
        elif location.designator in self.world.nodes:
            self.world.dial(self, self.world.nodes[location.designator], then)
        else:
            then(Unreachable(f"there is no node {location.designator}"))

    def session_by_id(self, session_id: bytes) -> Session | None:
        """The live session with this id."""
        return self.meeting.by_id.get(session_id)

    def token(self) -> bytes:
        """Numbers instead of randomness, so that runs repeat."""
        self._tokens += 1
        return hashlib.sha256(f"{self.name}{self._tokens}".encode()).digest()

    def reach(self, ref: Ref[Any]) -> Ref[Any]:
        """There are no re-enlivening references here."""
        return ref

    def output(self, session: Session) -> None:
        """Put what the session sends on its way, at the world's next look."""
        self.world.dirty.append(session)

    def remote(self, session: Session, swiss: bytes) -> Ref[Any]:
        """The promise of an object at the other end of a session."""
        return send(session.remote_bootstrap, "fetch", swiss)


class World:
    """All nodes and all messages on their way. Made by a test, and thrown away with it."""

    def __init__(self) -> None:
        self.nodes: dict[str, HandNode] = {}
        self.pipes: dict[Session, Pipe] = {}
        self.dirty: list[Session] = []
        self.dials: list[Dialled] = []
        self.log: list[str] = []
        self._keys = 0

    def node(self, name: str, dialect: Dialect = OCAPN_1_0) -> HandNode:
        """A new node."""
        self.nodes[name] = HandNode(self, name, dialect)
        return self.nodes[name]

    def open(self, a: HandNode, b: HandNode) -> Session:
        """A connection from a to b on which no hello has been delivered yet; a's session."""
        ours = Session(a, self._key(), proves, a.locator, initiator=True, proved=b.name, dialect=a.dialect)
        theirs = Session(b, self._key(), proves, b.locator, initiator=False, proved=a.name, dialect=b.dialect)
        self.pipes[ours], self.pipes[theirs] = Pipe(ours, theirs), Pipe(theirs, ours)
        a.meeting.dialling(b.locator, ours)
        ours.start()
        return ours

    def connect(self, a: HandNode, b: HandNode) -> Session:
        """The same as `open`; `settle` exchanges the hellos."""
        return self.open(a, b)

    def dial(self, a: HandNode, b: HandNode, then: Callable[[Session | Broken], None]) -> None:
        """A connection from a to b for somebody who waits for its session; two who wait share it."""
        for dialled in self.dials:
            if (dialled.a, dialled.b) == (a, b):
                dialled.waiting.append(then)
                return
        self.dials.append(Dialled(a, b, self.open(a, b), then))

    def _key(self) -> NodeKey:
        """Numbers instead of randomness here, too: which of two crossed hellos wins is the same in each run."""
        self._keys += 1
        return NodeKey(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"key %d" % self._keys).digest()))

    def between(self, a: HandNode, b: HandNode) -> list[Session]:
        """The sessions of a's with b, in whatever state but ended."""
        return [s for s, pipe in self.pipes.items() if s.home is a and pipe.receiver.home is b and s.state != "ended"]

    # --- moving messages --------------------------------------------------------------------------------

    def run(self) -> bool:
        """Run all vats until they are idle, and put what sessions send on its way; whether anything happened."""
        ran = 0
        for node in self.nodes.values():
            ran += node.vat.run()
        dirty, self.dirty = self.dirty, []
        for session in dirty:
            for message in session.take():
                self.pipes[session].messages.append(message)
                ran += 1
        return ran > 0

    def quiet(self) -> None:
        """Run until only deliveries are left to do."""
        while self.run():
            pass
        for dialled in list(self.dials):
            outcome = dialled.outcome(self)
            if outcome is not None and dialled in self.dials:
                self.dials.remove(dialled)
                for then in dialled.waiting:
                    then(outcome)
                self.quiet()

    def pending(self, receiver: HandNode | None = None) -> list[Pipe]:
        """The pipes with messages on their way (to one node)."""
        self.quiet()
        return [pipe for pipe in self.pipes.values() if pipe.messages and receiver in (None, pipe.receiver.home)]

    def deliver(self, receiver: HandNode, name: str) -> bytes:
        """Deliver the next message to this node, which must be of this name; gives its bytes."""
        pipes = self.pending(receiver)
        if not pipes:
            raise AssertionError(f"no message is on its way to {receiver.name}, expected {name}")
        message = pipes[0].messages[0]
        if operation(message) != name:
            raise AssertionError(
                f"the next message to {receiver.name} is {operation(message)}, expected {name}: {message!r}"
            )
        self.pass_on(pipes[0])
        self.quiet()
        return message

    def pass_on(self, pipe: Pipe) -> None:
        """Deliver the first message of a pipe."""
        message = pipe.messages.popleft()
        self.log.append(f"{pipe.sender.home.vat.name}>{pipe.receiver.home.vat.name} {operation(message)}")
        pipe.receiver.received(message)

    def settle(self, choose: Callable[[list[Pipe]], Pipe] | None = None) -> int:
        """Deliver everything until nothing moves, in the order that `choose` picks; how many messages there were."""
        count = 0
        while pipes := self.pending():
            self.pass_on(pipes[0] if choose is None else choose(pipes))
            count += 1
            if count > 100_000:
                raise AssertionError("the nodes never come to rest")
        return count

    def cut(self, session: Session) -> None:
        """The connection of this session breaks: what is on its way is lost, both ends hear of it."""
        other = self.pipes[session].receiver
        for end in (session, other):
            self.pipes[end].messages.clear()
            end.end(Unreachable("the connection was cut"))

    # --- looking -------------------------------------------------------------------------------------------

    def sessions(self) -> list[Session]:
        """All open sessions, both ends of each."""
        return [session for session in self.pipes if session.state == "open"]

    def collect(self) -> None:
        """Let go of what nobody holds, and tell the peers."""
        gc.collect()
        self.dirty.extend(self.sessions())
        self.settle()

    def check_empty(self) -> None:
        """Every table of every session is empty, once the objects offered under swiss numbers are forgotten."""
        for node in self.nodes.values():
            node.objects.clear()
        for _ in range(6):  # a chain of references across nodes is let go of link by link
            self.collect()
        left = [f"{session.home.vat.name}: {line}" for session in self.sessions() for line in session.left()]
        assert not left, "tables are not empty:\n" + "\n".join(left)


def operation(message: bytes) -> str:
    """The name of the operation in a message."""
    value = decode(message, record=raw_record)
    assert isinstance(value, Record)
    return str(value.label.name)  # type: ignore[attr-defined]  # an operation's label is a symbol
