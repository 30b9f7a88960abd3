"""A peer that breaks the protocol is aborted, is told why, and harms nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from remit.captp import Session
from remit.captp._crypto import key_value, my_location, signature_value
from remit.captp._session import MAX_COUNTS
from remit.errors import LimitExceeded, LinkLost, Refused
from remit.net import NodeKey, proves
from remit.testing import World
from remit.values import Locator, Symbol, encode
from tests.captp.hostile import ELSEWHERE, KEY, SIGNATURE, Scene, deliver, desc, envelope, export, give, op, receive
from tests.house.source import TOP

S = Symbol
ASK = deliver(S("notes"), answer=5)
TO = "a delivery goes to desc:export or desc:answer, with a list of arguments"
RESOLVER = "a resolver is desc:import-object or desc:import-promise"
ANSWER = "an answer position is an integer from 0, or false"
LISTEN = "op:listen takes a promise, a resolver and whether partial results are wanted"
GIVE = "desc:handoff-give takes a key, a peer, and three byte arrays (at byte 54)"
RECEIVE = "desc:handoff-receive takes two byte arrays, a count from 0 and a signed give (at byte 54)"
HOLDS = "desc:handoff-receive holds a signed desc:handoff-give (at byte 54)"
PLACE = "a handoff descriptor stands where a value is expected"
SIGNED = "a signature must have the form [sig-val [eddsa [r bytes] [s bytes]]] with 32 bytes each"
KEYED = "a public key must be an Ed25519 key in the form [public-key [ecc [curve Ed25519] [flags eddsa] [q bytes]]]"

FAULTS: dict[str, tuple[Any, str]] = {
    # bytes
    "nested too deep": (
        b"<10'op:deliver<11'desc:export1+>" + b"[" * 200 + b"]" * 200 + b"ff>",
        "nested deeper than Limits.depth, 64 (at byte 95)",
    ),
    "bytes after the end": (encode(ASK) + b"f", "bytes follow after the end of the value (at byte 45)"),
    "cut off": (b"<8'op:abort3\"x", "3 bytes were announced and 1 are there (at byte 13)"),
    "a giant number": (
        b"<10'op:deliver<11'desc:export" + b"9" * 1500 + b"+>[]ff>",
        "a number of more digits than Limits.integer_digits, 1000 (at byte 29)",
    ),
    "a leading zero": (b"<10'op:deliver<11'desc:export01+>[]ff>", "a number begins with 0 (at byte 29)"),
    "no utf-8": (b"<8'op:abort1\"\xff>", "a string or symbol is not UTF-8 (at byte 13)"),
    "a struct out of order": (
        b"<10'op:deliver<11'desc:export1+>[{1\"b1+1\"a1+}]ff>",
        "the keys of a struct do not ascend by their encoded bytes, or one comes twice (at byte 33)",
    ),
    # operations
    "a value": (5, "a message must be an operation"),
    "a descriptor": (export(1), "a message must be an operation"),
    "a label that is no symbol": (
        b'<2"op>',
        "a record labelled with a str is not a value of the OCapN model (at byte 0)",
    ),
    "an unknown operation": (op("pick", 1), "op:pick is not an operation of an open session"),
    "an operation in another": (deliver(op("abort", "x")), "an operation stands inside another (at byte 0)"),
    "a second hello": (op("start-session", "1.0", KEY, ELSEWHERE, SIGNATURE), "a second op:start-session"),
    # op:deliver, op:deliver-only
    "three fields": (op("deliver", export(1), [], False), "op:deliver has four fields, not 3"),
    "five fields": (op("deliver", export(1), [], False, False, 1), "op:deliver has four fields, not 5"),
    "three fields only": (op("deliver-only", export(1), [], False), "op:deliver-only has two fields, not 3"),
    "a target that is data": (op("deliver", 5, [], False, False), TO),
    "a target of the peer's own": (op("deliver", desc("import-object", 3), [], False, False), TO),
    "a promise of the peer's own as target": (op("deliver", desc("import-promise", 3), [], False, False), TO),
    "a give as target": (op("deliver", give(), [], False, False), TO),
    "arguments that are no list": (op("deliver", export(1), "x", False, False), TO),
    "an unknown export": (deliver(to=99), "no export at position 99 (at byte 14)"),
    "an unknown answer": (
        op("deliver", desc("answer", 99), [], False, False),
        "no answer at position 99 (at byte 14)",
    ),
    "an answer at true": (deliver(answer=True), ANSWER),
    "an answer below 0": (deliver(answer=-1), ANSWER),
    "an answer twice": ([ASK, ASK], "answer position 5 is in use"),
    "a resolver that is data": (deliver(resolver=5), RESOLVER),
    "a resolver of ours": (deliver(resolver=export(1)), RESOLVER),
    "a resolver that is an answer": ([ASK, deliver(resolver=desc("answer", 5))], RESOLVER),
    # op:listen, op:get, op:index, op:untag
    "listen with one field": (op("listen", export(1)), LISTEN),
    "listen to data": (op("listen", 5, desc("import-object", 1), False), LISTEN),
    "listen without a resolver": (op("listen", export(1), export(1), False), RESOLVER),
    "get with two fields": (op("get", export(1), "x"), "op:get takes a promise, which part, and an answer position"),
    "get of data": (op("get", 5, "x", 1), "op:get takes a promise, which part, and an answer position"),
    "get of a number": (op("get", export(1), 5, 1), "op:get takes a string and an answer position"),
    "get without an answer": (op("get", export(1), "x", False), "op:get takes a string and an answer position"),
    "get at an answer below 0": (op("get", export(1), "x", -3), ANSWER),
    "index by a text": (op("index", export(1), "x", 1), "op:index takes an integer and an answer position"),
    "index by true": (op("index", export(1), True, 1), "op:index takes an integer and an answer position"),
    "untag by a number": (op("untag", export(1), 5, 1), "op:untag takes a string and an answer position"),
    # garbage
    "gc with one field": (op("gc-exports", [1]), "op:gc-exports takes positions and counts"),
    "gc with unlike lists": (op("gc-exports", [1], [1, 1]), "op:gc-exports takes as many counts as positions"),
    "gc of a text": (op("gc-exports", ["x"], [1]), "positions and counts are integers"),
    "gc of true": (op("gc-exports", [True], [1]), "positions and counts are integers"),
    "gc of too many": (op("gc-exports", [1], [2]), "position 1 was given back more often than it was sent"),
    "gc of fewer than none": (op("gc-exports", [1], [-1]), "op:gc-exports for position 1, delta -1"),
    "gc of the unknown": (op("gc-exports", [99], [1]), "op:gc-exports for position 99, delta 1"),
    "gc below 0": (op("gc-exports", [-1], [1]), "op:gc-exports for position -1, delta 1"),
    "gc of answers without any": (op("gc-answers"), "op:gc-answers takes positions"),
    "gc of answers that are texts": (op("gc-answers", ["x"]), "positions and counts are integers"),
    # descriptors
    "a descriptor of nothing": (
        deliver(desc("export")),
        "desc:export takes one position, an integer from 0 (at byte 33)",
    ),
    "a descriptor of a text": (
        deliver(desc("export", "x")),
        "desc:export takes one position, an integer from 0 (at byte 33)",
    ),
    "a descriptor below 0": (
        deliver(desc("import-object", -1)),
        "desc:import-object takes one position, an integer from 0 (at byte 33)",
    ),
    "a descriptor of true": (
        deliver(desc("import-promise", True)),
        "desc:import-promise takes one position, an integer from 0 (at byte 33)",
    ),
    "a descriptor of two": (
        deliver(desc("answer", 1, 2)),
        "desc:answer takes one position, an integer from 0 (at byte 33)",
    ),
    "an unknown descriptor": (
        deliver(desc("import", 1)),
        "a record labelled 'desc:import' is not a value of the OCapN model (at byte 33)",
    ),
    # handoffs
    "a give of one field": (
        deliver(envelope(desc("handoff-give", 1))),
        "desc:handoff-give has 5 fields, not 1 (at byte 54)",
    ),
    "a give to nowhere": (deliver(envelope(give(exporter=5))), GIVE),
    "a give of a text": (deliver(envelope(give(gift="x"))), GIVE),
    "a give to half a key": (deliver(envelope(give(key=KEY[:1]))), f"{KEYED} (at byte 54)"),
    "an envelope around data": (
        deliver(envelope(5)),
        "desc:sig-envelope holds a desc:handoff-give or a desc:handoff-receive (at byte 33)",
    ),
    "an envelope of one field": (
        deliver(desc("sig-envelope", 1)),
        "desc:sig-envelope has 2 fields, not 1 (at byte 33)",
    ),
    "a signature that is data": (deliver(envelope(give(), 5)), f"{SIGNED} (at byte 33)"),
    "a signature that is a reference": (deliver(envelope(give(), export(1))), f"{SIGNED} (at byte 33)"),
    "a receive below 0": (deliver(envelope(receive(count=-1))), RECEIVE),
    "a receive of a text": (deliver(envelope(receive(session="x"))), RECEIVE),
    "a receive of data": (deliver(envelope(receive(give=5))), HOLDS),
    "a receive of a receive": (deliver(envelope(receive(give=envelope(receive())))), HOLDS),
    "a bare give": (deliver(give()), PLACE),
    "a bare receive": (deliver([receive()]), PLACE),
    "a receive as argument": (deliver({"x": envelope(receive())}), PLACE),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_ends_the_session_with_its_reason(fault: str) -> None:
    """The exact text of op:abort; the honest peer's session goes on, and nothing is left."""
    messages, text = FAULTS[fault]
    scene = Scene()
    scene.inject(*(messages if isinstance(messages, list) else [messages]))
    assert scene.aborted() == text
    assert text in str(scene.session.cause)
    scene.check_unharmed()


def test_every_protocol_error_of_the_reading_modules_is_in_the_table() -> None:
    """A branch that is added without a fault above is found here."""
    import ast

    texts = " ".join(text for _, text in FAULTS.values())
    for name in ("_crypto", "_descriptors", "_exports", "_incoming", "_session"):
        for node in ast.walk(ast.parse((TOP / f"src/remit/captp/{name}.py").read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ProtocolError":
                parts = [part.value for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant)]
                longest = max((part for part in parts if isinstance(part, str)), key=len)
                assert longest.strip() in texts + " ".join(HELLOS), f"no test of {longest!r}"


# --- before the session is open -----------------------------------------------------------------------------------------


HELLOS = [
    "the first message must be op:start-session with four fields",
    "this node speaks CapTP 1.0, not '0.9'",
    "the location in op:start-session is not a peer locator",
    KEYED,
    SIGNED,
    "the signature of the location is wrong",
    "the claimed location does not carry the key that this connection has proved",
    "this is our own session key",
]


class Door:
    """A responder that waits for its first message."""

    def __init__(self) -> None:
        self.world = World()
        self.b = self.world.node("b")
        self.world.node("h")
        self.session = Session(self.b, NodeKey.generate(), proves, self.b.locator, initiator=False, proved="h")
        self.location = Locator("remit", "h", {"memory": "h"})

    def hello(self, **other: Any) -> list[Any]:
        key = other.get("key", NodeKey.generate())
        location = other.get("location", self.location)
        signed = location if isinstance(location, Locator) else self.location
        fields = {
            "version": "1.0",
            "public": key_value(key.public),
            "place": location,
            "signature": signature_value(key.sign(my_location(signed))),
        }
        return [*{**fields, **{name: value for name, value in other.items() if name in fields}}.values()]

    def answer(self, message: Any) -> bytes:
        self.session.received(encode(message))
        (answer,) = self.session.take() or [b""]
        return answer


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (HELLOS[0], lambda door: None),
        (HELLOS[0], lambda door: door.hello()[:3]),
        (HELLOS[1], lambda door: door.hello(version="0.9")),
        (HELLOS[2], lambda door: door.hello(place="h")),
        (HELLOS[3], lambda door: door.hello(public=[S("public-key")])),
        (HELLOS[3], lambda door: door.hello(public=key_value(b"short"))),
        (HELLOS[4], lambda door: door.hello(signature=signature_value(b"short"))),
        (HELLOS[5], lambda door: door.hello(signature=SIGNATURE)),
        (HELLOS[5], lambda door: door.hello(place=Locator("remit", "h", {"memory": "elsewhere"}))),
        (HELLOS[6], lambda door: door.hello(location=Locator("remit", "x"))),
        (HELLOS[7], lambda door: door.hello(key=door.session.key)),
    ],
)
def test_each_faulty_hello_is_answered_with_its_reason_and_nothing_else(text: str, fields: Any) -> None:
    """No hello of ours goes out, only op:abort; and the peer is not found."""
    door = Door()
    given = fields(door)
    message = deliver(to=0) if given is None else op("start-session", *given)
    assert door.answer(message) == encode(op("abort", text))
    assert door.session.state == "ended"
    assert door.b.meeting.find(door.location) is None


def test_an_honest_hello_opens_the_session() -> None:
    """The hello that the faulty ones differ from by one field each."""
    door = Door()
    assert b"op:start-session" in door.answer(op("start-session", *door.hello()))
    assert door.session.state == "open"


def test_an_early_abort_is_not_answered() -> None:
    """A peer that aborts before its hello hears nothing; whoever waits hears its reason."""
    door = Door()
    assert door.answer(op("abort", "not today")) == b""
    assert door.session.state == "ended"
    assert str(door.session.cause) == "LinkLost: the peer aborted before the session was set up: not today"
    door = Door()
    assert door.answer(op("abort")) == b""
    assert "no reason given" in str(door.session.cause)


# --- limits -------------------------------------------------------------------------------------------------------------


def test_references_of_one_peer_are_bounded() -> None:
    """One more live reference than the limit ends its session."""
    scene = Scene()
    scene.session.imports.limit = 10
    scene.inject(deliver(S("note"), [desc("import-object", i) for i in range(10)]))
    assert scene.aborted() is None
    scene.inject(deliver(S("note"), desc("import-object", 3), desc("import-object", 11)))
    assert scene.aborted() == "more than 10 live references in one session"
    scene.check_unharmed()


@pytest.mark.parametrize("kind", ["import-object", "import-promise"])
def test_results_that_one_peer_waits_for_are_bounded(kind: str) -> None:
    """So calls without an answer position are, too, in whatever form the resolver comes; what is told makes room again."""
    scene = Scene()
    scene.session.most_owed = 10
    calls = [encode(deliver(S("increment"), 1, resolver=desc(kind, i % 7))) for i in range(21)]
    for _ in range(3):
        for call in calls[:10]:
            scene.session.received(call)
        assert scene.aborted() is None
    for call in calls[10:]:
        scene.session.received(call)
    assert scene.aborted() == "more than 10 results are owed in one session"
    scene.check_unharmed()


def test_open_answers_of_one_peer_are_bounded() -> None:
    """One more answer than the limit, without giving any back, ends its session."""
    scene = Scene()
    scene.session.most_answers = 10
    scene.inject(*(deliver(S("notes"), answer=i) for i in range(10)))
    assert scene.aborted() is None
    scene.inject(op("gc-answers", [3]), deliver(S("notes"), answer=3))
    assert scene.aborted() is None
    scene.inject(deliver(S("notes"), answer=10))
    assert scene.aborted() == "more than 10 open answers in one session"
    scene.check_unharmed()


def test_handoff_counts_of_one_peer_are_bounded() -> None:
    """Counts in order cost nothing, however many; out of order they are bounded, and each is good once."""
    scene = Scene()
    assert all(scene.session.count_is_new(count) for count in range(3 * MAX_COUNTS))
    assert not scene.session.count_is_new(5)
    assert scene.session._counts == set()
    for count in range(MAX_COUNTS):
        assert scene.session.count_is_new(10**900 + count)
    assert not scene.session.count_is_new(10**900)
    with pytest.raises(LimitExceeded, match="handoff counts out of order"):
        scene.session.count_is_new(10**901)


def test_gifts_on_their_way_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer can't make us dial without end: past the bound a gift is refused."""
    elsewhere = [Locator("remit", f"elsewhere{i}") for i in range(5)]
    scene = Scene()
    scene.session.most_collecting = 3
    waiting: list[Any] = []
    monkeypatch.setattr(scene.b, "session_to", lambda location, then: waiting.append(then))
    key = key_value(scene.session.key.public)
    gifts = [envelope(give(key=key, exporter=elsewhere[i])) for i in range(5)]
    scene.inject(deliver(S("note"), gifts))
    assert len(waiting) == 3
    notes = scene.result(scene.counter.notes())[0]
    for late in notes[3:]:
        with pytest.raises(Refused, match="3 gifts of this session are on their way"):
            scene.result(late)
    for then in waiting:
        then(LinkLost("nobody there"))
    assert scene.session.collecting == 0
    with pytest.raises(LinkLost, match="nobody there"):
        scene.result(notes[0])
    assert scene.aborted() is None


def test_a_giant_position_is_no_more_than_a_number() -> None:
    """Positions up to 2**60 are taken, answered and given back."""
    scene = Scene()
    giant = 2**60 - 1
    scene.inject(deliver(S("increment"), answer=giant, resolver=desc("import-object", giant)))
    answer, back = scene.answers()
    assert answer.fields[0] == export(giant)
    assert back == op("gc-exports", [giant], [1])
    scene.inject(op("gc-answers", [giant]))
    assert scene.session.answers == {}
    scene.check_unharmed()


# --- what a peer may do, though it is odd ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        op("gc-answers", [99]),
        op("gc-answers", [-1]),
        op("gc-exports", [0], [1000]),
        op("gc-exports", [], []),
        op("gc-exports", [1], [0]),
        deliver(to=0),
        deliver(S("fetch"), to=0),
        deliver(S("fetch"), 5, to=0, answer=3),
        deliver(S("deposit-gift"), b"g", 5, to=0),
        deliver(S("withdraw-gift"), envelope(receive()), to=0, answer=1),
        deliver(S("withdraw-gift"), envelope(give()), to=0, answer=1),
        deliver(give(), to=0),
        deliver(S("increment"), "not a number", answer=2),
        deliver(S("_private")),
        deliver(),
        op("listen", export(1), desc("import-object", 1), False),
        op("get", export(1), "x", 1),
    ],
    ids=lambda odd: str(odd)[:50],
)
def test_what_only_concerns_the_peer_itself_breaks_a_promise_at_most(odd: Any) -> None:
    """Calls that cannot succeed, and garbage that is gone already, do not end the session."""
    scene = Scene()
    scene.inject(odd)
    assert scene.aborted() is None
    scene.check_unharmed()


def test_a_second_answer_is_ignored() -> None:
    """A question is settled once; what its resolver is told later changes nothing."""
    scene = Scene()
    scene.inject(deliver(S("note"), desc("import-object", 1)))
    far = scene.result(scene.counter.notes())[0]
    promise = far.anything()
    scene.world.quiet()
    scene.answers()
    (question,) = scene.session._questions.values()
    (position,) = [p for p, e in scene.session.exports.by_position.items() if e is question]
    for value in (1, 2):
        scene.inject(deliver(S("fulfill"), value, to=position))
    scene.inject(deliver(S("break"), "no", to=position), deliver(S("sing"), to=position, answer=9))
    assert scene.result(promise) == 1
    assert scene.session.state == "open"


def test_an_answer_that_is_itself_breaks_the_question() -> None:
    """A question that is fulfilled with itself, directly or by way of another, breaks instead of waiting for ever."""
    scene = Scene()
    scene.inject(deliver(S("note"), desc("import-object", 1)))
    far = scene.result(scene.counter.notes())[0]
    first, second = far.one(), far.two()
    scene.world.quiet()
    scene.inject(op("gc-answers", []))
    one, two = scene.session._questions.values()
    places = {e: p for p, e in scene.session.exports.by_position.items()}
    scene.session.exports.add(first)
    scene.session.exports.add(second)
    places |= {e.ref: p for p, e in scene.session.exports.by_position.items()}
    scene.inject(deliver(S("fulfill"), export(places[second]), to=places[one]))
    scene.inject(deliver(S("fulfill"), export(places[first]), to=places[two]))
    for promise in (first, second):
        with pytest.raises(Exception, match="resolved to itself"):
            scene.result(promise)
    scene.check_unharmed()
