"""Two sessions, packet by packet."""

from __future__ import annotations

from typing import Any

import pytest

from remit.dataspace.syndicate import Session
from remit.dataspace.syndicate._door import Door
from remit.dataspace.syndicate._entity import EntityLink, Way
from remit.dataspace.syndicate._outgoing import _last
from remit.errors import LinkLost
from remit.values import Limits, Symbol, Tagged
from remit.values.preserves import text
from remit.vat import Promise, actor, resolved, tell
from tests.dataspace.syndicate.hand import Home, Pair, shown, wire


def present(name: str) -> Tagged:
    return Tagged("Present", [name])


def test_an_assertion_and_its_retraction_are_one_packet_each() -> None:
    """What is asserted at a far object is asserted at the object, with a handle of the other session's own."""
    pair = Pair()
    pair.say(pair.space, ["assert", 7, present("alice")])
    assert pair.deliver("far") == '[[0 <A <Present "alice"> 1>]]'
    pair.check()
    assert pair.b.hear(pair.place) == [["a1", ["assert", 1, present("alice")]]]
    pair.say(pair.space, ["retract", 7])
    assert pair.deliver("far") == "[[0 <R 1>]]"
    assert pair.b.hear(pair.place)[1] == ["a1", ["retract", 1]]
    pair.end()


def test_what_one_turn_says_is_one_packet() -> None:
    """All events of one local turn leave together, and are one turn of each object there; two turns of one source stay two."""
    pair = Pair()
    pair.say(pair.space, ["assert", 1, present("a")], ["message", "hi"], ["assert", 2, present("b")])
    tell(pair.space).turn([["message", 1]])
    tell(pair.space).turn([["message", 2]])
    assert pair.deliver("far") == '[[0 <A <Present "a"> 1>] [0 <M "hi">] [0 <A <Present "b"> 2>]]'
    assert pair.deliver("far") == "[[0 <M 1>]]"
    assert pair.deliver("far") == "[[0 <M 2>]]"
    assert pair.b.hear(pair.place) == [
        ["a1", ["assert", 1, present("a")], ["message", "hi"], ["assert", 2, present("b")]],
        ["a1", ["message", 1]],
        ["a1", ["message", 2]],
    ]
    pair.say(pair.space, ["retract", 1], ["retract", 2])
    pair.end()


def test_lists_that_are_nearly_the_same_are_each_written_as_they_are() -> None:
    """The bytes of a list are used again for the very same atoms only, by whichever session."""
    pair, other = Pair(), Pair()
    word, many = "word", 1000
    lists: list[Any] = [[word, many], [word, many], [word], [word, many, 1], [word, many, True], [word, many, 1.0]]
    lists += [[Symbol(word), many], [[word], many], [word, many], []]
    for at, each in enumerate(lists):
        for one in (pair, other):
            one.say(one.space, ["message", each], ["message", [word, many]], ["message", each])
            written = text(each)
            assert one.deliver("far") == f'[[0 <M {written}>] [0 <M ["word" 1000]>] [0 <M {written}>]]', at
    pair.near._body([word, many])
    assert other.near._body([word, many]) == pair.near._body([word, many])
    assert _last.kept is not None
    assert pair.near.take() == []
    assert _last.kept is None  # nothing that was said is kept
    pair.end()
    other.end()


def test_two_objects_spoken_to_in_one_turn_hear_of_it_by_one_packet() -> None:
    """Ways of different sources that speak before anything is written share a packet."""
    pair = Pair()
    first, second = pair.space, pair.space._at.open("")
    tell(first).turn([["message", 1]])
    tell(second).turn([["message", 2]])
    assert pair.deliver("far") == "[[0 <M 1>] [0 <M 2>]]"
    pair.end()


def test_handles_of_several_sources_do_not_meet() -> None:
    """Each source opens a way of its own, and may use any handles there; closing withdraws its own only."""
    pair = Pair()
    one, two = pair.space._at.open(""), pair.space._at.open("")
    pair.say(one, ["assert", 1, "one"])
    pair.say(two, ["assert", 1, "two"])
    pair.settle()
    tell(one).close()
    assert pair.deliver("far") == "[[0 <R 1>]]"
    pair.say(two, ["retract", 1])
    assert pair.deliver("far") == "[[0 <R 2>]]"
    pair.end()


def test_a_handle_in_use_is_refused_here() -> None:
    """Asserting twice with one handle of one's own is the caller's mistake, and the rest of the turn is sent."""
    pair = Pair()
    pair.say(pair.space, ["assert", 1, "a"])
    pair.settle()
    promise = pair.space.turn([["assert", 1, "b"], ["message", "c"]])
    assert pair.deliver("far") == '[[0 <M "c">]]'
    assert "in use" in str(promise._value.error)
    pair.say(pair.space, ["retract", 1])
    pair.end()


def test_the_end_withdraws_everything() -> None:
    """A session that is over closes its parties, and retracts what it asserted at plain objects; each once."""
    pair = Pair()
    notes = pair.b.notes()
    pair.say(pair.space, ["assert", 1, present("alice")])
    pair.settle()
    heard = pair.a.notes()
    pair.say(pair.space, ["assert", 2, Tagged("watch", [heard])])
    pair.settle()
    watch = pair.b.hear(pair.place)[1][1][2].value[0]
    pair.say(watch, ["assert", 5, [1]], ["assert", 6, notes])
    pair.settle()
    assert pair.a.hear(heard)[0][0] == ["assert", 1, [1]]
    pair.check()
    pair.near.end(LinkLost("cut"))
    pair.far.end(LinkLost("cut"))
    pair.quiet()
    assert pair.b.hear(pair.place)[-1] == ["a1", ["close"]]
    assert pair.a.hear(heard)[-1] == [["retract", 1], ["retract", 2]]
    assert [cause.message for cause in (*pair.a.causes, *pair.b.causes)] == ["cut", "cut"]
    pair.near.end(LinkLost("again"))
    pair.quiet()
    assert len(pair.a.causes) == 1
    pair.end()


def test_a_sync_is_answered_when_all_before_it_is_done() -> None:
    """<S #:ref> reaches the object behind what was said before; the answer is the message #t, and then nothing is pinned."""
    pair = Pair(Home.notes)
    asker = pair.a.notes()
    pair.say(pair.space, ["message", "before"], ["sync", asker])
    assert pair.deliver("far") == '[[0 <M "before">] [0 <S #:[0 1]>]]'
    assert pair.b.hear(pair.place)[0][0] == ["message", "before"]
    assert pair.deliver("near") == "[[1 <M #t>]]"
    assert pair.a.hear(asker) == [[["message", True]]]
    pair.end()


def test_a_sync_with_a_doubly_embedded_peer_is_answered() -> None:
    """syndicate-py sends <S #:#:[0 n]>, which is taken for <S #:[0 n]>."""
    pair = Pair(Home.notes)
    pair.far.received(bytes.fromhex("b5b5b000b4b301538686b5b000b0010984848484"))
    pair.quiet()
    assert [shown(packet) for packet in pair.to_near] == ["[[9 <M #t>]]"]
    assert pair.far.left() == []


def test_references_are_held_by_assertions_on_both_sides() -> None:
    """Each occurrence in a live assertion counts, and each live assertion at it; at zero the entry is gone on both sides."""
    pair = Pair()
    me = pair.a.notes()
    pair.say(pair.space, ["assert", 1, [me, me]])
    assert pair.deliver("far") == "[[0 <A [#:[0 1] #:[0 1]] 1>]]"
    assert pair.near.exports.by_oid[1].count == 2
    proxy = pair.b.hear(pair.place)[0][1][2][0]
    pair.say(proxy, ["assert", 1, "for you"])
    assert pair.deliver("near") == '[[1 <A "for you" 1>]]'
    pair.say(pair.space, ["retract", 1])
    pair.settle()
    assert pair.near.exports.by_oid[1].count == 1, "the assertion at it holds it"
    pair.check()
    pair.say(proxy, ["retract", 1])
    pair.settle()
    assert pair.a.hear(me) == [[["assert", 1, "for you"]], [["retract", 1]]]
    pair.end()
    pair.say(proxy, ["message", "too late"], ["assert", 2, "too late"], ["retract", 2])
    assert not pair.to_near, "what the peer has let go of is not spoken to"


def test_a_reference_goes_home_as_the_object_itself() -> None:
    """The peer's own object is written as [1 oid], and arrives as what was sent first."""
    pair = Pair()
    me = pair.a.notes()
    pair.say(pair.space, ["assert", 1, me])
    pair.settle()
    proxy = pair.b.hear(pair.place)[0][1][2]
    pair.say(proxy, ["assert", 1, Tagged("you", [proxy])])
    assert pair.deliver("near") == "[[1 <A <you #:[1 1]> 1>]]"
    assert pair.a.hear(me)[0][0][2].value[0] is me
    pair.check()
    pair.say(proxy, ["retract", 1])
    pair.say(pair.space, ["retract", 1])
    pair.end()


def test_a_reference_that_nothing_holds_is_not_sent_in_a_message() -> None:
    """A transient reference is refused where it is sent, and the session goes on; one that an assertion holds may be sent."""
    pair = Pair()
    me = pair.a.notes()
    promise = pair.space.turn([["message", me]])
    pair.quiet()
    assert "transient" in str(promise._value.error)
    assert not pair.to_far
    pair.say(pair.space, ["assert", 1, me])
    pair.say(pair.space, ["message", me], ["retract", 1])
    pair.settle()
    assert pair.b.hear(pair.place)[1][1] == ["message", pair.b.hear(pair.place)[0][1][2]]
    pair.end()


def test_a_transient_reference_of_the_peers_ends_the_session() -> None:
    """A reference in a message that no assertion holds is an error: <error …>, and the session is over."""
    pair = Pair()
    pair.far.received(wire("[[0 <M #:[0 5]>]]"))
    pair.quiet()
    assert shown(pair.to_near[0]).startswith('<error "transient reference')
    assert pair.far.state == "ended"
    assert pair.deliver("near").startswith("<error")
    assert pair.near.state == "ended"
    assert "transient" in str(pair.near.cause)


@pytest.mark.parametrize(
    "packet",
    [
        '[[0 <A "a" 1>] [0 <A "b" 1>]]',
        '[[0 <A "a" "handle">]]',
        "[[0 <R #t>]]",
        "[[0 <S 5>]]",
        "[[0 <X 5>]]",
        "[[0]]",
        "[5]",
        '[["oid" <M 1>]]',
        "5",
        "#t",
        "{}",
        "[[0 <A #:5 1>]]",
        "[[0 <A #:[2 5] 1>]]",
        "[[0 <A #:[0 5 <reject <_>>] 1>]]",
    ],
)
def test_what_breaks_the_protocol_ends_the_session(packet: str) -> None:
    """A duplicate handle, an event or packet that is none, a reference that is none: an error, and nothing of the packet is done."""
    pair = Pair()
    pair.far.received(wire(packet))
    pair.quiet()
    assert pair.far.state == "ended"
    assert shown(pair.to_near[-1]).startswith("<error ")
    assert pair.b.hear(pair.place) == []
    assert pair.far.left() == []


@pytest.mark.parametrize(
    "packet",
    [
        "#f",
        "[]",
        '<hello "there" 5>',
        '<error "only one field">',
        "<error 1 2>",
        "<C 5>",
        "<will <something 1>>",
        "[[99 <M 1>]]",
        "[[99 <A [#:[0 7]] 4>]]",
        "[[99 <S #:[0 3]>]]",
        "[[0 <R 99>]]",
    ],
)
def test_what_does_no_harm_is_passed_over(packet: str) -> None:
    """Nops, unknown extensions, objects and handles that are gone: nothing happens, and the session goes on."""
    pair = Pair()
    pair.far.received(wire(packet))
    pair.quiet()
    assert pair.far.state == "open"
    assert list(pair.to_near) == []
    assert pair.far.left() == []
    assert pair.b.hear(pair.place) == []


def test_a_handle_may_be_used_again_after_its_retraction() -> None:
    """Handles are unique among live assertions only; ours at the object are used once."""
    pair = Pair()
    for _ in range(2):
        pair.far.received(wire('[[0 <A "a" 1>]]'))
        pair.far.received(wire("[[0 <R 1>]]"))
    pair.quiet()
    assert [turn[1] for turn in pair.b.hear(pair.place)] == [
        ["assert", 1, "a"],
        ["retract", 1],
        ["assert", 2, "a"],
        ["retract", 2],
    ]


def test_an_object_that_is_not_there_is_inert() -> None:
    """[1 oid] with an oid that was never given out is an object that does nothing, and no error."""
    pair = Pair()
    pair.far.received(wire("[[0 <A <watch #:[1 55]> 1>]]"))
    pair.quiet()
    ref = pair.b.hear(pair.place)[0][1][2].value[0]
    tell(ref).turn([["message", 1]])
    pair.quiet()
    assert pair.far.state == "open"
    pair.far.received(wire("[[0 <R 1>]]"))
    pair.quiet()
    assert pair.far.left() == []


def test_the_answer_is_in_the_syntax_last_received() -> None:
    """A peer that writes text, from a shell for instance, is answered in text, a packet a line; one that writes binary in binary."""
    pair = Pair(Home.notes)
    pair.far.received(b"[[0 <S #:[0 1]>]]\n#f <unknown>\n")
    pair.quiet()
    assert pair.to_near.popleft() == b"[[1 <M #t>]]\n"
    pair.far.received(wire("[[0 <S #:[0 2]>]]"))
    pair.quiet()
    assert pair.to_near.popleft() == wire("[[2 <M #t>]]")
    pair.far.received(b"[[0 <A x>]]\n")
    assert pair.far.take()[0].startswith(b'<error "an event')


def test_bytes_may_be_cut_anywhere() -> None:
    """Packets are found in a stream however it is cut."""
    pair = Pair()
    data = wire('[[0 <A <Present "alice"> 1>]]') + b"\x80" + wire("[[0 <R 1>]]")
    for byte in data:
        pair.far.received(bytes([byte]))
    pair.quiet()
    assert len(pair.b.hear(pair.place)) == 2


@pytest.mark.parametrize(
    "data",
    [
        b"\xb1\xff\xff\xff\x7f" + b"x" * 1000,
        b"\xb5" * 200,
        b"[" * 200,
        b"\xff",
        b'<error "',
    ],
)
def test_oversized_and_deep_input_ends_the_session(data: bytes) -> None:
    """What is above the limits is refused before it is all there."""
    pair = Pair()
    session = Session(pair.b, pair.place, limits=Limits(frame=500))
    session.received(data + b"x" * 600)
    assert session.state == "ended"
    assert shown(session.take()[-1]).startswith("<error ")


def test_an_error_of_the_peers_ends_the_session() -> None:
    """<error "message" detail> is fatal: nothing is answered, everything is withdrawn."""
    pair = Pair()
    pair.far.received(wire('[[0 <A "a" 1>]]'))
    pair.far.received(wire('<error "enough\\u001b[1m" #f>'))
    pair.quiet()
    assert pair.far.state == "ended"
    assert "enough" in str(pair.far.cause)
    assert "\x1b" not in str(pair.far.cause)
    assert pair.b.hear(pair.place)[-1] == ["a1", ["close"]]
    assert list(pair.to_near) == []
    pair.far.received(wire('[[0 <A "a" 1>]]'))
    assert pair.far.left() == []


def test_credit_is_given_to_who_asks_for_it() -> None:
    """<do <credit-flow-control 202506>> is answered with <will …>, and each turn is then counted; only turns are."""
    pair = Pair(credit=True)
    assert pair.deliver("far") == "<do <credit-flow-control 202506>>"
    assert pair.deliver("near") == "<will <credit-flow-control 202506>>"
    pair.say(pair.space, ["message", 1])
    pair.say(pair.space, ["message", 2])
    assert pair.near.credit.untaken == 2
    pair.deliver("far")
    pair.far.received(b"\x80")
    assert pair.deliver("near") == "<C 1>"
    assert pair.near.credit.untaken == 1
    pair.deliver("far")
    assert pair.deliver("near") == "<C 1>"
    assert pair.near.credit.untaken == 0
    pair.end()


def test_on_sever_tells_of_the_end() -> None:
    """Whoever watches a far object hears once when its session ends, and at once when it has ended."""
    pair = Pair()
    vat = pair.a.vat
    pair.near.on_sever(pair.space._at, vat.spawn(Hearer))
    pair.near.end(LinkLost("cut"))
    pair.near.on_sever(pair.space._at, vat.spawn(Hearer))
    vat.run()
    assert pair.near.over() is not None
    assert HEARD == ["cut", "cut"]


HEARD: list = []


@actor(kind="test.syndicate.hearer")
class Hearer:
    def __call__(self, broken: Any) -> None:
        HEARD.append(broken.message)


def test_the_dump_names_what_contradicts_the_tables() -> None:
    """`dump()` shows every entry, and marks a count that is not what holds it."""
    pair = Pair()
    pair.say(pair.space, ["assert", 1, pair.a.notes()])
    pair.settle()
    assert "FAULT" not in pair.far.dump()
    assert "asserted by the peer as 1, at 0" in pair.far.dump()
    pair.far.imports.by_oid[1].count += 1
    assert "FAULT import 1 counts 2, and 1 hold it" in pair.far.dump()


def test_what_was_never_told_is_not_retracted() -> None:
    """Of a packet that breaks the protocol nothing is done, so the end takes nothing of it back."""
    pair = Pair(Home.notes)
    pair.far.received(wire('[[0 <A "a" 1>]]'))
    pair.far.received(wire('[[0 <A "b" 2>] [0 <A "c" 1>]]'))
    pair.quiet()
    assert pair.b.hear(pair.place) == [[["assert", 1, "a"]], [["retract", 1]]]


class Ender(Way):
    """An entity at whose first event the session ends."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def turn(self, events: list, context: Any) -> None:
        self.session.end(LinkLost("enough"))

    def open(self, name: str) -> Any:
        return EntityLink(self.session.vat).reference(self)


def test_a_turn_that_ends_its_own_session_goes_no_further() -> None:
    """What would come after it in the same packet is not asserted, since nobody would withdraw it."""
    again = Pair()
    ender = EntityLink(again.b.vat).reference(Ender(again.far))
    again.far.exports.hold(again.far.exports.find(ender))
    again.far.exports.by_ref[ender].door = Door(again.b.vat, ender)
    again.far.exports.by_ref[ender].door._party = ender
    again.far.received(wire('[[1 <M 1>] [0 <A "late" 1>]]'))
    again.quiet()
    assert again.far.state == "ended"
    assert again.b.hear(again.place) == []


def promised(pair: Pair, target: Any) -> Any:
    """A promise of an object, of which nobody knows beforehand whether it can be opened."""
    made: Promise[Any] = Promise(pair.b.vat)
    pair.later = lambda: made._settle(target, None)
    return made


def test_an_object_that_turns_out_to_have_one_source_is_told_directly() -> None:
    """What waits for `open` is told to an object that does not know it; what is closed before is withdrawn after."""
    pair = Pair()
    notes = pair.b.notes()
    export = pair.far.exports.find(promised(pair, notes))
    pair.far.exports.hold(export)
    pair.far.received(wire('[[1 <A "a" 1>] [1 <M 5>]]'))
    pair.quiet()
    assert pair.b.hear(notes) == []
    pair.far.end(LinkLost("cut"))
    pair.later()
    pair.quiet()
    assert pair.b.hear(notes) == [[["assert", 1, "a"], ["message", 5]], [["retract", 1]]]


def test_a_way_is_closed_when_its_owner_is_lost() -> None:
    """`open(owner)`: when the link to the owner breaks, what was asserted by this way is retracted."""
    pair, other = Pair(), Pair()
    party = pair.space.open(other.space)
    pair.quiet()
    tell(resolved(party)).turn([["assert", 1, "a"]])
    assert pair.deliver("far") == '[[0 <A "a" 1>]]'
    other.near.end(LinkLost("cut"))
    assert pair.deliver("far") == "[[0 <R 1>]]"
    pair.end()


def test_a_session_that_is_over_opens_no_ways() -> None:
    """Whoever opens a way through a session that is over hears why not."""
    pair = Pair()
    pair.near.end(LinkLost("cut"))
    late = pair.space.open()
    pair.quiet()
    with pytest.raises(LinkLost, match="cut"):
        resolved(late)
