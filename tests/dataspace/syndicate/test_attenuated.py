"""Capabilities behind caveats: what passes, what is withdrawn when they are taken back or expire, and how they travel."""

from __future__ import annotations

from typing import Any

import pytest

from remit.dataspace.syndicate import attenuated, revocable, until
from remit.errors import BadArgument, Expired, Revoked
from remit.values import Tagged, preserves
from remit.vat import resolved, tell
from tests.dataspace.syndicate.hand import Home, Pair, shown, wire

ALICE = preserves.parse('<rewrite <rec Present [<_>]> <rec Present [<lit "alice">]>>')
NO_NUMBERS = preserves.parse("<reject SignedInteger>")


class Alarm:
    """A clock by hand."""

    def __init__(self) -> None:
        self.time = 0.0
        self.calls: list[list[Any]] = []

    def now(self) -> float:
        return self.time

    def call_at(self, time: float, call: Any) -> Any:
        self.calls.append([time, call])
        alarm, entry = self, self.calls[-1]

        class Handle:
            def cancel(self) -> None:
                if entry in alarm.calls:
                    alarm.calls.remove(entry)

        return Handle()

    def move(self, time: float) -> None:
        self.time = time
        for entry in list(self.calls):
            if entry[0] <= time:
                self.calls.remove(entry)
                entry[1]()


def test_bodies_go_through_the_caveats() -> None:
    """Assertions and messages are rewritten or dropped; what was dropped is not retracted; syncs pass."""
    home = Home("a")
    target = home.notes()
    ref = attenuated(target, [ALICE])
    asker = home.notes()
    tell(ref).turn(
        [
            ["assert", 1, Tagged("Present", ["bob"])],
            ["assert", 2, "no"],
            ["message", "no"],
            ["message", Tagged("Present", [5])],
        ]
    )
    tell(ref).turn([["retract", 2], ["sync", asker]])
    tell(ref).turn([["retract", 1]])
    home.vat.run()
    alice = Tagged("Present", ["alice"])
    assert home.hear(target) == [[["assert", 1, alice], ["message", alice]], [["sync", asker]], [["retract", 1]]]
    assert home.hear(asker) == [[["message", True]]]


def test_an_entity_of_several_sources_is_opened_for_each() -> None:
    """Behind caveats, too, each source has handles of its own, and only its own assertions are withdrawn when it closes."""
    home = Home("a")
    place = home.place()
    ref = attenuated(place, [NO_NUMBERS])
    one, two = ref.open(name="one"), ref.open(name="two")
    tell(one).turn([["assert", 1, "from one"], ["assert", 2, 5]])
    tell(two).turn([["assert", 1, "from two"]])
    home.vat.run()
    tell(one).close()
    home.vat.run()
    assert home.hear(place) == [
        ["one1", ["assert", 1, "from one"]],
        ["two2", ["assert", 1, "from two"]],
        ["one1", ["close"]],
    ]


def test_caveats_add_up() -> None:
    """What is attenuated twice passes both, the newer caveats first."""
    home = Home("a")
    target = home.notes()
    ref = attenuated(attenuated(target, [NO_NUMBERS]), [preserves.parse("<rewrite String <lit 5>>")])
    tell(ref).turn([["message", "a"], ["message", 5]])
    home.vat.run()
    assert home.hear(target) == []


def test_a_template_attenuates_what_it_passes_on() -> None:
    """<attenuate t caveats> gives the captured reference behind more caveats, the same each time."""
    home = Home("a")
    target, inner = home.notes(), home.notes()
    caveat = preserves.parse("<rewrite <bind Embedded> <attenuate <ref 0> [<reject SignedInteger>]>>")
    tell(attenuated(target, [caveat])).turn([["assert", 1, inner], ["assert", 2, inner], ["assert", 3, "no reference"]])
    home.vat.run()
    first, second = home.hear(target)[0]
    assert first[2] is second[2]
    assert first[2] is not inner
    tell(first[2]).turn([["message", 5], ["message", "five"]])
    home.vat.run()
    assert home.hear(inner) == [[["message", "five"]]]


def test_what_is_revoked_withdraws_what_it_asserted() -> None:
    """`revoke` retracts everything that was asserted by way of the capability, once, tells `on_sever`, and lets nothing through."""
    home = Home("a")
    place, plain = home.place(), home.notes()
    ref, control = revocable(place)
    other, other_control = revocable(plain, [NO_NUMBERS])
    party = ref.open(name="x")
    tell(party).turn([["assert", 1, "a"]])
    tell(other).turn([["assert", 7, "b"], ["assert", 8, 5]])
    home.vat.run()
    tell(control).revoke("enough")
    tell(other_control).revoke()
    tell(control).revoke("again")
    tell(party).turn([["assert", 2, "b"]])
    tell(other).turn([["message", "b"], ["retract", 7]])
    late = ref.open()
    home.vat.run()
    assert home.hear(place) == [["x1", ["assert", 1, "a"]], ["x1", ["close"]]]
    assert home.hear(plain) == [[["assert", 7, "b"]], [["retract", 7]]]
    with pytest.raises(Revoked, match="enough"):
        resolved(late)


def test_what_expires_is_over_at_its_time() -> None:
    """<until seconds> lets everything through before its time and nothing after, and what was asserted is withdrawn."""
    home, alarm = Home("a"), Alarm()
    target = home.notes()
    ref = attenuated(target, [until(10), until(20)], alarm=alarm)
    tell(ref).turn([["assert", 1, "a"]])
    home.vat.run()
    alarm.move(10)
    tell(ref).turn([["message", "late"]])
    home.vat.run()
    assert home.hear(target) == [[["assert", 1, "a"]], [["retract", 1]]]
    late = ref.open()
    with pytest.raises(Expired):
        resolved(late)
    tell(attenuated(target, [until(20)])).turn([["message", "nobody knows the time"]])
    home.vat.run()
    assert len(home.hear(target)) == 2


def test_malformed_caveats_make_no_capability() -> None:
    """`attenuated` refuses what is no caveat."""
    with pytest.raises(BadArgument):
        attenuated(Home("a").notes(), [preserves.parse("<rewrite <_> <ref 0>>")])


# --- on the wire --------------------------------------------------------------------------------------


def test_a_peer_attenuates_our_objects_by_caveats_in_its_references() -> None:
    """[1 oid caveat …] is the object behind these caveats; the same caveats give the same reference; it is counted as the object."""
    pair = Pair()
    me = pair.b.notes()
    watch = pair.b.notes()
    pair.far.exports.find(me)
    pair.far.exports.hold(pair.far.exports.by_ref[me])
    pair.far.received(
        wire("[[0 <A [#:[1 1 <reject SignedInteger>] #:[1 1 <reject SignedInteger>] #:[1 1 <reject String>]] 1>]]")
    )
    pair.quiet()
    first, second, third = pair.b.hear(pair.place)[0][1][2]
    assert first is second
    assert first is not third
    assert first is not me
    assert pair.far.exports.by_oid[1].count == 4
    tell(first).turn([["message", 5], ["message", "five"]])
    pair.quiet()
    assert pair.b.hear(me) == [[["message", "five"]]]
    pair.far.received(wire("[[0 <R 1>]]"))
    pair.far.release(pair.far.exports.by_oid[1])
    assert pair.far.left() == []
    assert pair.far.view_of == {}
    assert pair.b.hear(watch) == []


def test_a_peer_speaks_through_its_own_attenuation() -> None:
    """Such a reference may be sent home to us and spoken to: it is ours, under an oid of its own."""
    pair = Pair()
    me = pair.b.notes()
    pair.far.exports.hold(pair.far.exports.find(me))
    pair.far.received(wire("[[0 <A #:[1 1 <reject SignedInteger>] 1>]]"))
    pair.quiet()
    view = pair.b.hear(pair.place)[0][1][2]
    pair.say(pair.far.root, ["assert", 1, view])
    assert [shown(packet) for packet in pair.to_near] == ["[[0 <A #:[0 2] 1>]]"]
    pair.far.received(wire('[[2 <A "x" 9>] [2 <A 5 10>] [2 <R 10>] [2 <M 6>] [2 <R 9>]]'))
    pair.quiet()
    assert pair.b.hear(me) == [[["assert", 2, "x"], ["retract", 2]]]
    pair.say(pair.far.root, ["retract", 1])
    pair.far.received(wire("[[0 <R 1>]]"))
    pair.far.release(pair.far.exports.by_oid[1])
    pair.far.release(pair.far.imports.by_oid[0])
    assert [line for line in pair.far.left() if "import 0" not in line] == []


def test_malformed_caveats_in_a_reference_give_an_inert_object() -> None:
    """The capability is refused: nothing goes through, and the session lives, since the caveats may be a third party's."""
    pair = Pair()
    me = pair.b.notes()
    pair.far.exports.hold(pair.far.exports.find(me))
    pair.far.received(wire("[[0 <A #:[1 1 <rewrite <_> <ref 0>>] 1>]]"))
    pair.quiet()
    view = pair.b.hear(pair.place)[0][1][2]
    tell(view).turn([["message", 5]])
    pair.quiet()
    assert pair.b.hear(me) == []
    assert pair.far.state == "open"


def test_what_is_attenuated_here_is_a_fresh_object_for_the_peer() -> None:
    """The peer is not trusted to keep our caveats: even its own object, attenuated here, is sent as one of ours."""
    pair = Pair()
    pair.say(pair.space, ["assert", 1, attenuated(pair.space, [NO_NUMBERS])])
    assert pair.deliver("far") == "[[0 <A #:[0 1] 1>]]"
    view = pair.b.hear(pair.place)[0][1][2]
    pair.say(view, ["message", 5], ["message", "five"])
    pair.deliver("near")
    assert pair.deliver("far") == '[[0 <M "five">]]'
    pair.say(pair.space, ["retract", 1])
    pair.end()
