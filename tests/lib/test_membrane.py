"""Membranes: what passes is exchanged for proxies, and a revocation takes all of it back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.errors import BadArgument, Conflict, Expired, NotAllowed, Refused, Revoked
from remit.lib import Attenuation, Clock, Membrane, Proxy, membrane
from remit.values import Locator, SturdyRef, Symbol, Tagged, record
from remit.values.preserves import Compound, Map, Set
from remit.vat import Promise, Ref, Vat, actor, call, final, resolved, send, tell
from tests.lib.objects import Party, Table, granted, outcome


@record("test.parcel")
class Parcel:
    what: Any
    more: Any = None


@actor(kind="test.provider", version=1)
class Provider:
    """Makes and revokes a membrane inside its own turns."""

    def grant(self, target: Ref[Any], attenuation: Attenuation) -> Any:
        made = membrane(target, attenuation)
        return [made, call(made).root()]

    def revoke_and_fail(self, made: Ref[Membrane]) -> None:
        call(made).revoke("by mistake")
        raise ValueError("undo")

    def now(self, ref: Ref[Any], name: str, *args: Any) -> Any:
        return getattr(call(ref), name)(*args)


def references(value: Any) -> list[Ref[Any]]:
    """All references in a value."""
    if isinstance(value, Ref):
        return [value]
    parts = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    if isinstance(value, Tagged):
        parts = [value.value]
    if isinstance(value, Parcel):
        parts = [value.what, value.more]
    return [ref for part in parts for ref in references(part)]


def is_proxy(ref: Ref[Any]) -> bool:
    return isinstance(ref._at, Proxy)


class World:
    """Parties on the two sides of one membrane, and every reference that each side has got hold of."""

    def __init__(self) -> None:
        self.vat = Vat()
        self.parties = {side: [self.vat.spawn(Party) for _ in range(3)] for side in ("inside", "outside")}
        self.membrane, self.root = granted(self.vat, self.parties["inside"][0])
        self.bag: dict[str, list[Ref[Any]]] = {side: list(found) for side, found in self.parties.items()}
        self.bag["outside"].append(self.root)
        self.count = 0

    def send(self, side: str, at: int, picked: list[int], shape: int) -> None:
        """One side sends something made of its references to a party of the other side, and gets it back."""
        bag = self.bag[side]
        proxies = [ref for ref in bag if is_proxy(ref)]
        if not proxies:
            return
        target = proxies[at % len(proxies)]
        refs = [bag[i % len(bag)] for i in picked]
        value = [refs, {"a": refs}, Tagged("t", refs), Parcel(refs, {"deep": [refs]})][shape % 4]
        self.count += 1
        name = f"n{self.count}"
        assert outcome(self.vat, target.keep(name, value)) is None
        arrived = references(target._at.target._at.held[name])
        self.check(references(value), arrived, side)
        other = "outside" if side == "inside" else "inside"
        self.bag[other] += arrived
        back = references(outcome(self.vat, target.give(name)))
        assert back == references(value), "what comes back is what was sent"

    def check(self, sent: list[Ref[Any]], arrived: list[Ref[Any]], side: str) -> None:
        """Each reference was exchanged: for the original if it went home, else for the one proxy of its object."""
        for before, after in zip(sent, arrived, strict=True):
            if is_proxy(before):
                assert after is before._at.target and not is_proxy(after)
            else:
                assert is_proxy(after) and after._at.target is before
                assert after._at.outward is (side == "inside")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["inside", "outside"]),
        st.integers(0, 20),
        st.lists(st.integers(0, 40), max_size=3),
        st.integers(0, 3),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(STEPS)
def test_a_revocation_takes_back_all_that_passed_and_nothing_else(steps: list[Any]) -> None:
    """Whatever was passed back and forth: every reference obtained through the membrane is dead after it, every other works."""
    world = World()
    for step in steps:
        world.send(*step)
    tell(world.membrane).revoke("the binding was deleted")
    world.vat.run()
    for ref in [*world.bag["inside"], *world.bag["outside"]]:
        answer = outcome(world.vat, ref.note("x"))
        if is_proxy(ref):
            assert isinstance(answer, Revoked) and "the binding was deleted" in answer.message
        else:
            assert isinstance(answer, int)


@settings(deadline=None)
@given(STEPS)
def test_no_original_is_ever_on_the_other_side(steps: list[Any]) -> None:
    """Each side holds its own objects, and proxies for the others', one for each."""
    world = World()
    for step in steps:
        world.send(*step)
    for side, bag in world.bag.items():
        own = world.parties[side]
        foreign = [ref for ref in bag if ref not in own]
        assert all(is_proxy(ref) for ref in foreign)
        assert len({id(ref) for ref in foreign}) == len({id(ref._at.target) for ref in foreign})


def test_messages_pass_as_they_are() -> None:
    """Named arguments, any selector, function calls by symbol, data and errors reach the other side unchanged."""
    vat = Vat()
    _, root = granted(vat, vat.spawn(Table, {"a": 1}))
    assert outcome(vat, root.echo(1, [2.5, {"k": b"x"}], named=Symbol("s"))) == [
        [1, [2.5, {"k": b"x"}]],
        {"named": Symbol("s")},
    ]
    assert outcome(vat, send(root, "deposit-gift", "rose")) == "rose"
    assert outcome(vat, root(Symbol("get"), "a")) == 1
    assert outcome(vat, root.fail()).kind == "ValueError"
    assert outcome(vat, root.nonsense()).kind == "NoSuchMethod"


def test_this_comes_out_as_the_root() -> None:
    """A method that returns its own object gives the reference that was called, with its attenuation."""
    vat = Vat()
    _, root = granted(vat, vat.spawn(Table), Attenuation(methods=["me"]))
    assert outcome(vat, root.me()) is root
    assert isinstance(outcome(vat, outcome(vat, root.me()).size()), NotAllowed)


def test_callbacks_work_and_die() -> None:
    """The provider may call what it was given until the revocation, and not after it."""
    vat = Vat()
    provider, guest = vat.spawn(Party), vat.spawn(Party)
    made, root = granted(vat, provider)
    assert outcome(vat, root.ask(guest, "hello")) == 1
    root.keep("guest", guest)
    vat.run()
    stored = provider._at.held["guest"]
    assert outcome(vat, stored.note("again")) == 2
    tell(made).revoke()
    vat.run()
    assert isinstance(outcome(vat, stored.note("late")), Revoked)
    assert len(guest._at.log) == 2


def test_a_call_in_flight_breaks_even_if_nobody_answers() -> None:
    """A result that the target holds back breaks at the revocation; what the target says later goes nowhere."""
    vat = Vat()
    target = vat.spawn(Party)
    made, root = granted(vat, target)
    waiting = root.later("r")
    assert isinstance(outcome(vat, waiting), Promise)
    tell(made).revoke("over")
    assert isinstance(outcome(vat, waiting), Revoked)
    target.settle("r", 5)
    assert isinstance(outcome(vat, waiting), Revoked)
    assert not made._waiting


def test_promises_inside_data_pass_both_ways() -> None:
    """A promise has its counterpart on the other side: the same each time, the original when it goes home, settled with proxies."""
    vat = Vat()
    target, guest = vat.spawn(Party), vat.spawn(Party)
    _, root = granted(vat, target)
    promised = guest.later("r")
    root.keep("p", [promised, promised])
    vat.run()
    first, second = target._at.held["p"]
    assert first is second and first is not promised
    assert outcome(vat, root.give("p"))[0] is outcome(vat, promised)
    guest.settle("r", [guest, 1])
    (proxy, number) = outcome(vat, first)
    assert number == 1 and is_proxy(proxy) and proxy._at.target is guest
    assert resolved(promised) == [guest, 1]


def test_a_promise_pending_at_the_revocation_breaks_on_the_far_side_only() -> None:
    """The counterpart breaks with Revoked; the original is its owner's and settles as it will."""
    vat = Vat()
    target, guest = vat.spawn(Party), vat.spawn(Party)
    made, root = granted(vat, target)
    promised = guest.later("r")
    root.keep("p", [promised])
    vat.run()
    tell(made).revoke()
    assert isinstance(outcome(vat, target._at.held["p"][0]), Revoked)
    guest.settle("r", 1)
    assert outcome(vat, promised) == 1


def test_a_broken_promise_passes_its_error() -> None:
    """What broke on one side is broken with the same error on the other."""
    vat = Vat()
    target = vat.spawn(Table)
    _, root = granted(vat, target)
    broken = target.fail()
    vat.run()
    (arrived,), _ = outcome(vat, root.echo(broken))
    assert outcome(vat, arrived) == outcome(vat, broken)


def test_the_reason_of_a_break_is_exchanged_like_a_value() -> None:
    """A promise may be broken with any value, references included; those don't pass as they are."""
    vat = Vat()
    target = vat.spawn(Party)
    _, root = granted(vat, target)
    answer = root.later("r")
    vat.run()
    target._at.held["r"].break_([target])
    vat.run()
    assert final(answer)._value.reason == [root]


def test_pipelined_messages_keep_their_order() -> None:
    """Messages sent to a result before it is there, and to the reference, arrive in the order sent."""
    vat = Vat()
    target = vat.spawn(Party)
    _, root = granted(vat, target)
    me = root.me()
    for i in range(20):
        me.note(i)
    vat.run()
    for i in range(20, 40):
        root.note(i)
    vat.run()
    assert [entry[0] for entry in target._at.log] == list(range(40))


def test_a_call_through_a_membrane_takes_no_further_turn() -> None:
    """The message crosses in its own place in the queue, and the answer without one."""
    vat = Vat()
    _, root = granted(vat, vat.spawn(Table), Attenuation(read_only=True))
    sent = root.size()
    assert vat.run() == 1 and resolved(sent) == 0


def test_read_only_holds_for_everything_that_comes_out() -> None:
    """An object reached through a read-only root is read-only, too, by the marks of its own class."""
    vat = Vat()
    _, root = granted(vat, vat.spawn(Table, {"a": 1}), Attenuation(read_only=True))
    part = outcome(vat, root.part())
    assert outcome(vat, part.size()) == 0
    assert isinstance(outcome(vat, part.put("a", 1)), NotAllowed)
    assert isinstance(outcome(vat, part.fail()), NotAllowed)
    assert isinstance(outcome(vat, root.part().put("a", 1)), NotAllowed)


def test_methods_and_prefix_hold_for_the_root() -> None:
    """Other objects have other methods and keys: what comes out is not bound by the root's."""
    vat = Vat()
    _, root = granted(vat, vat.spawn(Table), Attenuation(methods=["get", "put", "part"], prefix="a/"))
    assert isinstance(outcome(vat, root.part()), NotAllowed)
    _, root = granted(vat, vat.spawn(Table), Attenuation(methods=["part"]))
    part = outcome(vat, root.part())
    assert outcome(vat, part.put("b", 1)) is None and outcome(vat, part.size()) == 1


def test_uses_are_counted_over_all_references() -> None:
    """Every message from outside is one use, whichever reference it goes to; callbacks are not."""
    vat = Vat()
    made, root = granted(vat, vat.spawn(Party), Attenuation(count=3))
    guest = vat.spawn(Party)
    assert outcome(vat, root.ask(guest, 1)) == 1
    me = outcome(vat, root.me())
    assert outcome(vat, me.note(1)) == 1
    assert isinstance(outcome(vat, root.note(2)), Expired)
    assert outcome(vat, made.state()) == {
        "attenuation": Attenuation(count=3),
        "used": 3,
        "revoked": False,
        "reason": "",
    }


def test_a_time_ends_messages_both_ways() -> None:
    """From `until` on, calls and callbacks break with Expired."""
    vat = Vat()
    clock, target, guest = vat.spawn(Clock, 1.0), vat.spawn(Party), vat.spawn(Party)
    _, root = granted(vat, target, Attenuation(until=5), clock=clock)
    assert outcome(vat, root.keep("guest", guest)) is None
    tell(clock).set(5.0)
    assert isinstance(outcome(vat, root.note(1)), Expired)
    assert isinstance(outcome(vat, target._at.held["guest"].note(1)), Expired)


def test_narrowing_later_holds_from_then_on() -> None:
    """A membrane can be narrowed in place; it can't be widened, nor narrowed when revoked."""
    vat = Vat()
    made, root = granted(vat, vat.spawn(Table))
    assert outcome(vat, root.put("a", 1)) is None
    assert outcome(vat, made.narrow(Attenuation(read_only=True))) is None
    assert outcome(vat, made.narrow(Attenuation())) is None
    assert isinstance(outcome(vat, root.put("a", 2)), NotAllowed) and outcome(vat, root.get("a")) == 1
    assert isinstance(outcome(vat, made.narrow(Attenuation(until=5))), BadArgument)
    tell(made).revoke()
    assert isinstance(outcome(vat, made.narrow(Attenuation())), Conflict)


def test_the_first_revocation_counts() -> None:
    """Its reason stays; a second one changes nothing."""
    vat = Vat()
    made, root = granted(vat, vat.spawn(Table))
    tell(made).revoke("first")
    tell(made).revoke("second")
    answer = outcome(vat, root.size())
    assert isinstance(answer, Revoked) and answer.message.endswith("owner: first")
    assert outcome(vat, made.state())["reason"] == "first"


def test_a_revocation_that_is_undone_did_not_happen() -> None:
    """A turn that revokes and then raises leaves references and calls in flight alive."""
    vat = Vat()
    provider, target = vat.spawn(Provider), vat.spawn(Party)
    made, root = outcome(vat, provider.grant(target, Attenuation()))
    waiting = root.later("r")
    assert outcome(vat, provider.revoke_and_fail(made)).kind == "ValueError"
    target.settle("r", 7)
    assert outcome(vat, waiting) == 7 and outcome(vat, root.note(1)) == 1


def test_an_immediate_call_passes_the_same_way() -> None:
    """`call` exchanges arguments and result, applies the attenuation, and breaks after a revocation."""
    vat = Vat()
    caller, target, guest = vat.spawn(Provider), vat.spawn(Party), vat.spawn(Party)
    made, root = granted(vat, target, Attenuation(methods=["keep", "give", "me"]))
    assert outcome(vat, caller.now(root, "keep", "g", guest)) is None
    assert is_proxy(target._at.held["g"]) and outcome(vat, caller.now(root, "give", "g")) is guest
    assert outcome(vat, caller.now(root, "me")) is root
    assert isinstance(outcome(vat, caller.now(root, "note", 1)), NotAllowed)
    tell(made).revoke()
    assert isinstance(outcome(vat, caller.now(root, "me")), Revoked)


def test_a_sturdyref_does_not_pass() -> None:
    """It would outlive the membrane: a call or an answer with one in it breaks."""
    vat = Vat()
    ref = SturdyRef(Locator("remit", "a", {}), b"swiss")
    target = vat.spawn(Party, {"ref": [ref]})
    _, root = granted(vat, target)
    assert isinstance(outcome(vat, root.give("ref")), Refused)
    assert isinstance(outcome(vat, root.note({"x": ref})), Refused) and not target._at.log


def test_two_membranes_keep_apart() -> None:
    """What passes two membranes dies with either; references of one are wrapped by the other like any."""
    vat = Vat()
    target = vat.spawn(Party)
    first, root = granted(vat, target)
    second, outer = granted(vat, root)
    assert outcome(vat, outer.note(1)) == 1
    assert outcome(vat, outer.me()) is outer
    third, other = granted(vat, target)
    tell(second).revoke("outer only")
    assert isinstance(outcome(vat, outer.note(2)), Revoked) and outcome(vat, root.note(2)) == 2
    tell(first).revoke()
    assert isinstance(outcome(vat, root.note(3)), Revoked) and outcome(vat, other.note(3)) == 3
    assert outcome(vat, third.state())["revoked"] is False


def test_messages_between_vats_pass() -> None:
    """Target, membrane and caller in three vats of one process."""
    ours, theirs, third = Vat("ours"), Vat("theirs"), Vat("third")
    target, guest = theirs.spawn(Party), third.spawn(Party)
    made, root = granted(ours, target)
    sent = third.spawn(Party).ask(root, guest)

    def run() -> None:
        while ours.run() + theirs.run() + third.run():
            pass

    run()
    assert resolved(sent) == 1
    assert target._at.log[0][0]._at.target is guest
    late = third.spawn(Party).ask(root, guest)
    tell(made).revoke()
    third.run()
    run()
    with pytest.raises(Revoked):
        resolved(late)


def test_proxies_are_forgotten_when_nobody_holds_them() -> None:
    """A membrane keeps no object alive that neither side holds."""
    vat = Vat()
    target = vat.spawn(Party)
    made, root = granted(vat, target)
    for _ in range(10):
        outcome(vat, root.keep("guest", vat.spawn(Party)))
    assert len(made._proxies[False]) == 1 and len(made._proxies[True]) == 0 and not made._waiting


def test_references_inside_sets_and_mappings_are_exchanged() -> None:
    """Values of Preserves hold their parts in tuples: what is in them passes as everywhere else, and comes out of the same class."""
    vat = Vat()
    target = vat.spawn(Party)
    _, root = granted(vat, target)
    guest = vat.spawn(Party)
    for value in (Map({1: guest}), Set([guest]), Compound(5, [guest]), Map({1: [Set([guest])]})):
        outcome(vat, root.keep("value", value))
        kept = target._at.held["value"]
        assert type(kept) is type(value)
        assert "remit.proxy" in repr(kept)
        assert outcome(vat, root.give("value")) == value
