"""A peer that asks for much: what bounds each table, and what numbers it may choose. The honest peer is served meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from remit.captp import _incoming, _seek, _session
from remit.captp._bootstrap import MAX_GIFT_ID
from remit.captp._crypto import key_value
from remit.captp._descriptors import MAX_POSITION
from remit.captp._seek import MAX_SEEKING
from remit.captp._session import MAX_REASON
from remit.errors import Broken, LinkLost, Refused, Unreachable
from remit.net import NodeKey
from remit.testing import World
from remit.values import Locator, Symbol
from tests.captp.hostile import Scene, deliver, desc, envelope, export, give, op, receive
from tests.captp.objects import Counter, Shelf

S = Symbol
HASHES = 2**61 - 1
"""CPython takes an integer modulo this number for its hash."""


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (deliver(S("note"), desc("import-object", HASHES)), "desc:import-object takes one position"),
        (deliver(S("note"), desc("import-promise", MAX_POSITION)), "desc:import-promise takes one position"),
        (deliver(S("notes"), answer=2 * HASHES), "an answer position is an integer from 0"),
        (op("get", export(1), "x", MAX_POSITION), "an answer position is an integer from 0"),
        (deliver(S("withdraw-gift"), envelope(receive(count=HASHES)), to=0), "a count from 0"),
    ],
)
def test_no_number_can_be_chosen_for_its_hash(message: Any, reason: str) -> None:
    """Keys of tables are below 2**60: multiples of 2**61 - 1 would all have one hash, and each look-up would try them all."""
    assert hash(HASHES) == hash(2 * HASHES) == 0 != hash(MAX_POSITION - 1)
    scene = Scene()
    scene.inject(message)
    assert reason in str(scene.aborted())
    scene.check_unharmed()


def test_results_owed_to_one_peer_are_bounded() -> None:
    """Listening without end to one promise that stays pending costs memory for each time, so it ends the session."""
    scene = Scene()
    scene.session.most_owed = 10
    shelf: Any = scene.b.vat.spawn(Shelf)
    scene.session.exports.add(shelf)
    scene.inject(deliver(S("later"), to=2, answer=1))
    for _ in range(10):
        scene.inject(op("listen", desc("answer", 1), desc("import-object", 1), False))
    assert (scene.session.owed, scene.aborted()) == (10, None)
    shelf.fulfil(5)
    assert sum(answer.label == S("op:deliver") for answer in scene.answers()) == 10
    assert scene.session.owed == 0, "what was told is owed no more"
    scene.inject(deliver(S("later"), to=2, answer=2))
    for _ in range(11):
        scene.inject(op("listen", desc("answer", 2), desc("import-object", 1), False))
    assert scene.aborted() == "more than 10 results are owed in one session"
    scene.check_unharmed()


def test_a_result_that_a_stopped_vat_lost_is_owed_no_more() -> None:
    """The peer is told, and the count goes down."""
    scene = Scene()
    scene.inject(deliver(S("note"), desc("import-object", 1)))
    answering = _incoming.answering(scene.session, scene.result(scene.counter.notes())[0])
    assert scene.session.owed == 1
    answering.lost(Broken("as asked"))
    assert scene.session.owed == 0


@pytest.mark.parametrize("verb", ["deposit-gift", "withdraw-gift"])
def test_a_gifts_id_is_short(verb: str) -> None:
    """It is kept while the gift waits, ten thousand of them in one session: a megabyte each would be too much."""
    scene = Scene()
    session = scene.session
    long = b"x" * (MAX_GIFT_ID + 1)
    if verb == "deposit-gift":
        for gift in (long, long[1:]):
            scene.inject(deliver(S(verb), gift, export(1), to=0, answer=len(gift)))
    else:
        key = scene.world.pipes[session].receiver.key
        for count, gift in enumerate((long, long[1:])):
            scene.inject(deliver(S(verb), claim(session, key, count, gift), to=0, answer=len(gift)))
    assert session.bootstrap.waiting() == 1
    with pytest.raises(Refused, match="a gift id of 257 bytes is longer than 256"):
        scene.result(session.answers[MAX_GIFT_ID + 1])
    assert scene.aborted() is None
    scene.check_unharmed()


def claim(session: Any, key: Any, count: int, gift: bytes) -> Any:
    """A well-signed claim by the hostile peer on a gift of its own."""
    from remit.captp._crypto import signature_value
    from remit.values import encode

    def signed(record: Any) -> Any:
        return envelope(record, signature_value(key.sign(encode(record))))

    given = give(
        key=key_value(key.public), exporter=session.location, session=session.id, side=session.remote_side, gift=gift
    )
    return signed(receive(session=session.id, side=session.remote_side, count=count, give=signed(given)))


def test_a_peer_makes_us_dial_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gifts name exporters anywhere: so many are sought at once, the others in their order, one exporter once."""
    scene = Scene()
    sought: list[tuple[Locator, Any]] = []
    monkeypatch.setattr(scene.b, "session_to", lambda location, then: sought.append((location, then)))
    key = key_value(scene.session.key.public)
    places = [Locator("remit", f"x{i}") for i in range(MAX_SEEKING + 3)]
    scene.inject(deliver(S("note"), [envelope(give(key=key, exporter=place)) for place in [*places, places[0]]]))
    assert [location for location, _ in sought] == places[:MAX_SEEKING]
    sought[3][1](Unreachable("nobody"))
    assert [location for location, _ in sought] == places[: MAX_SEEKING + 1]
    for _, then in [*sought[:3], *sought[4:]]:
        then(LinkLost("nobody"))
    for _, then in sought[MAX_SEEKING + 1 :]:
        then(LinkLost("nobody"))
    assert [location for location, _ in sought] == places
    assert scene.session.collecting == 0
    for broken in scene.result(scene.counter.notes())[0]:
        with pytest.raises(LinkLost):
            scene.result(broken)


def test_many_exporters_that_are_known_already_need_no_stack() -> None:
    """A session that is there is found at once, however many gifts wait."""
    from remit.captp._seek import Seeker

    home: Any = type("Home", (), {"session_to": lambda self, location, then: then(location)})()
    seeker, found = Seeker(home), []
    for i in range(5000):
        seeker.seek(Locator("remit", f"x{i}"), found.append)
    assert len(found) == 5000
    assert not seeker._sought and not seeker._queue
    waiting: list[Any] = []
    home.session_to = lambda location, then: (
        waiting.append(then) if len(waiting) < _seek.MAX_SEEKING else then(location)
    )
    for i in range(5000):
        seeker.seek(Locator("remit", f"x{i}"), found.append)
    waiting[0](Unreachable("no"))
    assert len(found) == 10000 - MAX_SEEKING + 1


def test_what_a_peer_is_told_when_it_is_sent_away_is_short() -> None:
    """The reason may quote the peer's own words, and those may be long."""
    scene = Scene()
    scene.inject(op("x" * 100_000))
    reason = scene.aborted()
    assert reason is not None and len(reason) == MAX_REASON
    scene.check_unharmed()


def test_long_lists_of_what_is_given_back_free_no_more_than_was_sent() -> None:
    """The same position forty thousand times in one message frees it once; nobody else's goes."""
    scene = Scene()
    scene.session.exports.add(scene.b.vat.spawn(Shelf))
    scene.inject(op("gc-exports", [1] * 40_000, [1] * 40_000), op("gc-answers", [*range(90_000)]))
    assert list(scene.session.exports.by_position) == [0, 2]
    assert scene.aborted() is None
    scene.check_unharmed()


def test_unproved_claims_do_not_end_our_way_to_a_peer() -> None:
    """Somebody on a netlayer that proves nothing says to be the node that we are dialling over one that proves keys."""
    world = World()
    a, b = world.node("a"), world.node("b")
    b.objects[b"c"] = b.vat.spawn(Counter)
    ours = world.open(a, b)
    for _ in range(8):  # whichever key is the higher one
        claimed = world.open(b, a)
        world.pipes[claimed].receiver.proved = None
        while world.pipes[claimed].messages:
            world.pass_on(world.pipes[claimed])
        world.quiet()
        while world.pipes[claimed].messages:
            world.pass_on(world.pipes[claimed])
        assert ours.state == "greeting"
        assert a.meeting.find(b.locator) is None
    b.meeting = type(b.meeting)()  # it is none of b's doing
    world.pass_on(world.pipes[ours])
    world.settle()
    assert ours.state == "open"
    assert a.meeting.find(b.locator) is ours


def test_a_session_key_that_is_used_again_gives_nothing_of_the_old_session() -> None:
    """The same key in a second session: another id, so that what was signed for the first is refused in it."""
    world = World()
    b = world.node("b")
    world.node("h")
    key = NodeKey.generate()
    ids = []
    for _ in range(2):
        theirs = _session.Session(
            world.nodes["h"], key, lambda *_: True, Locator("remit", "h"), initiator=True, proved="b"
        )
        ours = _session.Session(b, NodeKey.generate(), lambda *_: True, b.locator, initiator=False, proved="h")
        theirs.start()
        ours.received(theirs.take()[0])
        assert ours.state == "open"
        ids.append(ours.id)
    assert ids[0] != ids[1]
    assert b.session_by_id(ids[0]) is None, "the newer session has taken its place"
