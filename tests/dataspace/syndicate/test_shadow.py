"""Random conversations between two sessions against a plain record of who said what: delivered packet by packet, and cut at any moment."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from remit.errors import LinkLost
from remit.values import Tagged
from remit.vat import tell
from tests.dataspace.syndicate.hand import Pair


class Conversation(RuleBasedStateMachine):
    """Sources on both sides assert, retract and send values with references; what arrives must be what was said."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair()
        self.ways: list[Any] = [self.pair.space]
        self.said: dict[Any, dict[int, int]] = {}  # way → handle → number of what is asserted
        self.number = 0
        self.over = False
        self.entities = [self.pair.a.notes() for _ in range(3)]

    @rule()
    def nothing(self) -> None:
        """Time passes."""
        self.pair.quiet()

    @precondition(lambda self: not self.over)
    @rule()
    def open(self) -> None:
        if len(self.ways) < 4:
            self.ways.append(self.pair.space._at.open(""))

    @precondition(lambda self: not self.over)
    @rule(
        way=st.integers(0, 3),
        handle=st.integers(1, 5),
        refs=st.lists(st.integers(0, 2), max_size=3),
        also=st.booleans(),
    )
    def say(self, way: int, handle: int, refs: list[int], also: bool) -> None:
        """Assert, or retract what is asserted; perhaps with a message in the same turn."""
        chosen = self.ways[way % len(self.ways)]
        live = self.said.setdefault(chosen, {})
        self.number += 1
        if handle in live:
            del live[handle]
            events: list[Any] = [["retract", handle]]
        else:
            live[handle] = self.number
            events = [["assert", handle, Tagged("v", [self.number, *[self.entities[ref] for ref in refs]])]]
        if also:
            events.append(["message", self.number])
        tell(chosen).turn(events)

    @precondition(lambda self: not self.over)
    @rule(way=st.integers(0, 3))
    def leave(self, way: int) -> None:
        chosen = self.ways[way % len(self.ways)]
        self.said.pop(chosen, None)
        tell(chosen).close()

    @precondition(lambda self: not self.over)
    @rule(which=st.integers(0, 9))
    def answer(self, which: int) -> None:
        """The far side talks to what it was given."""
        self.pair.quiet()
        known = [entry.ref for entry in self.pair.far.imports.by_oid.values()]
        if known:
            tell(known[which % len(known)]).turn([["message", which]])

    @precondition(lambda self: not self.over)
    @rule()
    def sync(self) -> None:
        tell(self.ways[0]).turn([["sync", self.entities[0]]])

    @precondition(lambda self: not self.over)
    @rule(to=st.sampled_from(["near", "far"]))
    def deliver(self, to: str) -> None:
        self.pair.quiet()
        if self.pair.to_far if to == "far" else self.pair.to_near:
            self.pair.deliver(to)

    @precondition(lambda self: not self.over)
    @rule(tear=st.booleans())
    def cut(self, tear: bool) -> None:
        """The connection is lost, perhaps with packets under way."""
        if tear:
            self.over = True
            self.pair.near.end(LinkLost("cut"))
            self.pair.far.end(LinkLost("cut"))
            self.pair.quiet()
            self.said.clear()

    @invariant()
    def tables_are_right(self) -> None:
        self.pair.check()

    def live_there(self) -> list[int]:
        """The numbers that the far object believes to be asserted."""
        live: dict[tuple[str, int], int] = {}
        for name, *events in self.pair.b.hear(self.pair.place):
            for event in events:
                if event[0] == "assert":
                    assert (name, event[1]) not in live, "a handle came twice"
                    live[name, event[1]] = event[2].value[0]
                elif event[0] == "retract":
                    del live[name, event[1]]
                else:
                    live = {key: value for key, value in live.items() if event[0] != "close" or key[0] != name}
        return sorted(live.values())

    def teardown(self) -> None:
        pair = self.pair
        if not self.over:
            pair.settle()
        assert self.live_there() == sorted(number for live in self.said.values() for number in live.values())
        for way in self.ways:
            tell(way).close()
        if not self.over:
            pair.settle()
            leftover = [line for line in (*pair.near.left(), *pair.far.left()) if not line.startswith("export 0")]
            pending = sum(1 for export in pair.near.exports.by_oid.values() if export.pins)
            pinned = sum(1 for entry in pair.far.imports.by_oid.values() if entry.pins)
            assert len(leftover) == pending + pinned, leftover
        else:
            assert pair.near.left() == pair.far.left() == []
        pair.check()


TestConversation = Conversation.TestCase
TestConversation.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
