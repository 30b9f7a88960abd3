"""A dataspace against a naive model of it: a list of assertions, and every pattern tried on every one of them."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from remit.dataspace import ANY, Bind, Group, Lit, Observe, bind, pattern
from remit.values import Symbol, Tagged, key, same
from remit.values.preserves import Map, order
from tests.dataspace.kit import Ear, OtherNode, Party, Present, Says

ATOMS = st.sampled_from([0, 1, True, 1.0, "a", "b", b"a", Symbol("a"), None])
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds(Says, inner, inner),
        st.builds(Present, inner),
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
        st.builds(lambda a, b: Map({1: a, "k": b}), inner, inner),
    ),
    max_leaves=6,
)
WRITTEN = st.recursive(
    st.one_of(ATOMS, st.just(ANY), st.just(bind()), st.builds(lambda: bind(Says)), st.builds(lambda: Present)),
    lambda inner: st.one_of(
        st.builds(Says, inner, inner),
        st.builds(Present, inner),
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
        st.builds(lambda a: Map({1: a}), inner),
        inner.map(bind),
    ),
    max_leaves=5,
)


def parts(value: Any) -> tuple[Any, dict[Any, Any]] | None:
    """The kind of a compound, and its parts by the keys of their keys; nothing of the dataspace's own."""
    if value is None:
        return ("rec", Symbol("void")), {}
    if isinstance(value, Map):
        return "dict", {key(name): part for name, part in value.items()}
    if isinstance(value, dict):
        return "dict", {key(name): part for name, part in value.items()}
    if isinstance(value, list | tuple):
        return "arr", {key(at): part for at, part in enumerate(value)}
    if isinstance(value, Tagged):
        return ("rec", Symbol(value.tag)), {key(at): part for at, part in enumerate(value.value)}
    if hasattr(value, "__record_label__"):
        fields = value.__record_values__()
        return ("rec", Symbol(value.__record_label__)), {key(at): part for at, part in enumerate(fields)}
    return None


def naive(wanted: Any, value: Any) -> list[Any] | None:
    """Match by walking both: the captures, or None."""
    if isinstance(wanted, Bind):
        inner = naive(wanted.pattern, value)
        return None if inner is None else [value, *inner]
    if isinstance(wanted, Lit):
        return [] if same(wanted.value, value) else None
    if not isinstance(wanted, Group):
        return []
    found = parts(value)
    kind = wanted.type.tag if wanted.type.tag != "rec" else ("rec", wanted.type.value[0])
    if found is None or found[0] != kind:
        return None
    captures = []
    for name in sorted(wanted.entries, key=order):
        if key(name) not in found[1]:
            return None
        inner = naive(wanted.entries[name], found[1][key(name)])
        if inner is None:
            return None
        captures += inner
    return captures


class Dataspaces(RuleBasedStateMachine):
    """Parties, near and on another node, that assert, withdraw, say, observe and vanish."""

    def __init__(self) -> None:
        super().__init__()
        self.space = OtherNode()
        self.parties: list[tuple[Party, bool]] = []
        self.bag: list[tuple[Party, int, Any]] = []
        self.watching: list[tuple[Any, Any, Party, int]] = []  # ear, pattern, party, handle
        self.said: dict[Any, list[Any]] = {}

    def _pick(self, draw: Any, things: list[Any]) -> Any:
        return things[draw.draw(st.integers(0, len(things) - 1))]

    @rule(far=st.booleans())
    def arrive(self, far: bool) -> None:
        if len(self.parties) < 4:
            ref = self.space.far if far else self.space.ref
            owner = self.space.there.vat.spawn(Ear) if far else None
            party = Party(self.space, self.space.settle(ref.open(owner)))
            self.parties.append((party, far))

    @precondition(lambda self: self.parties)
    @rule(draw=st.data(), values=st.lists(VALUES, min_size=1, max_size=3))
    def publish(self, draw: Any, values: list[Any]) -> None:
        party, _ = self._pick(draw, self.parties)
        events = []
        for value in values:
            party.handles += 1
            events.append(["assert", party.handles, value])
            self.bag.append((party, party.handles, value))
        party.turn(*events)

    @precondition(lambda self: self.bag)
    @rule(draw=st.data())
    def withdraw(self, draw: Any) -> None:
        at = draw.draw(st.integers(0, len(self.bag) - 1))
        party, handle, _ = self.bag.pop(at)
        party.retract(handle)

    @precondition(lambda self: self.parties)
    @rule(draw=st.data(), written=WRITTEN)
    def observe(self, draw: Any, written: Any) -> None:
        party, far = self._pick(draw, self.parties)
        ear = (self.space.there.vat if far else self.space.vat).spawn(Ear)
        wanted = pattern(written)
        handle = party.put(Observe(wanted, ear))
        self.watching.append((ear, wanted, party, handle))

    @precondition(lambda self: self.watching)
    @rule(draw=st.data())
    def stop_observing(self, draw: Any) -> None:
        at = draw.draw(st.integers(0, len(self.watching) - 1))
        ear, _, party, handle = self.watching.pop(at)
        party.retract(handle)
        assert live(ear) == []

    @precondition(lambda self: self.parties)
    @rule(draw=st.data(), value=VALUES)
    def say(self, draw: Any, value: Any) -> None:
        party, _ = self._pick(draw, self.parties)
        before = [len(messages(ear)) for ear, *_ in self.watching]
        party.message(value)
        for (ear, wanted, *_), heard in zip(self.watching, before, strict=True):
            captures = naive(wanted, value)
            assert [key(each) for each in messages(ear)[heard:]] == ([] if captures is None else [key(captures)])

    @precondition(lambda self: self.parties)
    @rule(draw=st.data())
    def leave(self, draw: Any) -> None:
        party, _ = self._pick(draw, self.parties)
        party.close()
        self._gone([party])

    @rule()
    def sever(self) -> None:
        space = self.space
        space.world.cut(space.session)
        space.world.settle()
        self._gone([party for party, far in self.parties if far])
        space.session = space.world.connect(space.there, space.world.nodes["space"])
        space.world.settle()
        found = space.there.remote(space.session, b"space")
        space.world.settle()
        space.far = space.settle(found)

    def _gone(self, parties: list[Party]) -> None:
        self.parties = [(party, far) for party, far in self.parties if party not in parties]
        self.bag = [entry for entry in self.bag if entry[0] not in parties]
        self.watching = [entry for entry in self.watching if entry[2] not in parties]

    @invariant()
    def what_observers_know_is_what_is_there(self) -> None:
        values = [value for _, _, value in self.bag]
        distinct = {key(value) for value in values}
        assert self.space.size() == len(distinct) + len(self.watching)
        for ear, wanted, *_ in self.watching:
            found = [captures for value in values if (captures := naive(wanted, value)) is not None]
            known = [key(captures) for captures in live(ear)]
            assert len(known) == len(set(known))
            mine = {each for each in known if not about_interest(each)}
            assert mine == {key(captures) for captures in found if not about_interest(key(captures))}

    def teardown(self) -> None:
        for party, _ in self.parties:
            party.close()
        heart = self.space.ref._at._space()
        assert not heart.bag and not heart.observations and not heart.standing
        assert heart.index.shelves.keys() == {None}
        assert not heart.index.shelves[None].entries and not heart.index.shelves[None].skeletons
        assert self.space.faults.words == []


def about_interest(identity: Any) -> bool:
    """Whether these captures tell of an observation: they hold a reference, which is another one at each node."""
    return "reference" in repr(identity) or "Observe" in repr(identity) or "group" in repr(identity)


def events(ear: Any) -> list[Any]:
    return [event for turn in ear._at.turns for event in turn]


def messages(ear: Any) -> list[Any]:
    return [event[1] for event in events(ear) if event[0] == "message"]


def live(ear: Any) -> list[Any]:
    found: dict[int, Any] = {}
    for event in events(ear):
        if event[0] == "assert":
            assert event[1] not in found, "a handle was used twice"
            found[event[1]] = event[2]
        elif event[0] == "retract":
            del found[event[1]]
    return list(found.values())


Dataspaces.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestDataspaces = Dataspaces.TestCase
