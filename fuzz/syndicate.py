"""The Syndicate protocol: bytes and packets of a peer, and caveats of strangers."""

from __future__ import annotations

from typing import Any, Final

from fuzz._tape import Tape
from fuzz._target import Target, expect
from fuzz.values import value
from remit.dataspace import Dataspace
from remit.dataspace.syndicate import Gatekeeper, Session, SturdyRef, attenuated
from remit.errors import BadArgument, Broken, LinkLost, NotPassable, ProtocolError
from remit.values import Limits, preserves
from remit.vat import Ref, Vat, actor

__all__ = ["TARGETS"]

SMALL: Final = Limits(frame=2000, depth=24, integer_digits=40, items=400)
REFS: Final = ("#:[0 0]", "#:[0 1]", "#:[0 2]", "#:[1 0]", "#:[1 1]", "#:[1 7]", "#:#:[0 3]", "#:[1 0 <reject <_>>]")
BODIES: Final = (
    *('"x"', "5", "#t", "[]", "<present alice>", "{a: 1}", "#{1 2}", "<Observe <bind <_>> {}>", "<Observe <_> {}>"),
    *(
        "<Observe <group <rec present> {0: <bind <_>>}> {}>",
        "[{} {}]",
        "<resolve <ref {}> {}>",
        '<resolve <ref {oid: 1 sig: #x"00"}> {}>',
    ),
    *("#:[1 1 <rewrite <bind <_>> <ref 0>>]", "#:[1 1 <rewrite <_> <ref 0>>]", "#:5", "<initiator {}>", "#[AAAA]"),
)
OTHERS: Final = (
    *(
        "#f",
        '<error "no" 5>',
        "<error 5>",
        "<do <credit-flow-control 202506>>",
        "<C 5>",
        "<C -1>",
        "<anything>",
        "5",
        "[]",
    ),
    *("[[0 <X>]]", "[[0]]", "[<A 1 2>]", '"text"', "{}", "[[0 <A 1 x>]]", "<will <credit-flow-control 202506>>"),
)


@actor(kind="fuzz.syndicate-listener")
class Listener:
    """Talks back to what it is told of."""

    def turn(self, events: list) -> None:  # type: ignore[type-arg]
        for event in events:
            if event[0] == "sync":
                event[1].turn([["message", True]])


class Peer:
    """A session with a stranger: a gatekeeper over a dataspace, and an object of one source, are there to be found."""

    def __init__(self) -> None:
        self.vat = Vat("fuzz")
        self.dirty: list[Session] = []
        self.ended_with: list[Broken] = []
        self.space = self.vat.spawn(Dataspace)
        self.keeper = Gatekeeper(self.vat, self.space)
        self.session = Session(self, self.space, limits=SMALL)
        for ref in (self.keeper.entrance, self.vat.spawn(Listener)):
            self.session.exports.hold(self.session.exports.find(ref))
            self.session.exports.by_ref[ref].pins = 1

    def output(self, session: Session) -> None:
        self.dirty.append(session)

    def ended(self, session: Session, cause: Broken) -> None:
        self.ended_with.append(cause)

    def run(self) -> bytes:
        self.vat.run(10_000)
        self.dirty.clear()
        return b"".join(self.session.take())

    def over(self) -> None:
        """The connection is lost: nothing of the stranger stays."""
        self.session.end(LinkLost("over"))
        self.vat.run(10_000)
        expect(len(self.ended_with) == 1, "a session ends once")
        expect(self.session.left() == [], "nothing is left of a session that is over")
        left = [value for value in self.space._at._space().bag if value]
        expect(len(left) <= 1, "all that a stranger asserted is withdrawn")


def _packet(tape: Tape) -> bytes:
    if tape.number(8) == 0:
        text = tape.choose(OTHERS)
    else:
        events = " ".join(_event(tape) for _ in range(1 + tape.number(3)))
        text = f"[{events}]"
    if tape.number(3) == 0:
        return text.encode() + b"\n"
    return preserves.encode(preserves.parse(text))


def _event(tape: Tape) -> str:
    oid, handle = tape.number(5), tape.number(6)
    body = tape.choose(BODIES)
    while "{}" in body:
        body = body.replace("{}", tape.choose(REFS), 1)
    kind = tape.choose(("A", "A", "R", "M", "S"))
    inner = {"A": f"{body} {handle}", "R": str(handle), "M": body, "S": tape.choose(REFS)}[kind]
    return f"[{oid} <{kind} {inner}>]"


def check_packets(tape: Tape) -> None:
    """Whatever a peer sends: counts are right after each packet, answers can be read, and nothing stays when it is gone."""
    peer = Peer()
    for _ in range(1 + tape.number(12)):
        peer.session.received(_packet(tape))
        _readable(peer.run())
        expect(peer.session.faults() == [], f"tables are right: {peer.session.faults()}")
        if peer.session.state == "ended":
            break
    peer.over()


def check_bytes(tape: Tape) -> None:
    """Bytes, cut anywhere, do the same; the session ends or goes on, and raises nothing."""
    cut, data = 1 + tape.number(40), tape.rest()
    whole, pieces = Peer(), Peer()
    whole.session.received(data)
    for start in range(0, len(data), cut):
        pieces.session.received(data[start : start + cut])
    same = whole.session.state == pieces.session.state
    expect(same, "where the stream is cut makes no difference")
    for peer in (whole, pieces):
        _readable(peer.run())
        expect(peer.session.faults() == [], f"tables are right: {peer.session.faults()}")
        peer.over()


def _readable(data: bytes) -> None:
    try:
        preserves.Reader(Limits(), embedded=lambda wire: wire).feed(data)
    except ProtocolError as error:
        expect(holds=False, rule=f"what a session sends can be read: {error}")


def check_caveats(tape: Tape) -> None:
    """Random values are caveats or are refused; random bodies pass, are rewritten or do not pass."""
    caveats = [value(tape) for _ in range(tape.number(3))]
    vat = Vat("fuzz")
    try:
        ref: Ref[Any] = attenuated(vat.spawn(Listener), caveats)
        SturdyRef.mint("x", b"key", *caveats)
    except BadArgument:
        return
    try:
        ref.turn([["assert", 1, value(tape)], ["message", value(tape)], ["retract", 1]])
    except NotPassable:
        return  # deeper than may be passed on
    vat.run(100)


def _seeds() -> list[bytes]:
    return [b"", bytes(40), bytes(range(64)), preserves.encode(preserves.parse("[[0 <A [#:[0 1]] 1>] [0 <R 1>]]"))]


TARGETS: Final = (
    Target("syndicate-packets", "packets of a peer", check_packets, _seeds, share=3),
    Target("syndicate-bytes", "bytes of a peer", check_bytes, _seeds, share=2),
    Target("syndicate-caveats", "caveats of strangers", check_caveats, _seeds, share=1),
)
