"""The rules by which services run: order, vanished dependees, weak and order-only dependencies, holds, cycles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit import Symbol
from remit.services import COMPLETE, FAILED, READY, STARTED
from remit.services._circles import components
from remit.services._model import AFTER, NEEDS, PREFERS, Model
from remit.services._why import explain, named, problem
from remit.values import key


class World:
    """A model with services that do at once what they should."""

    def __init__(self) -> None:
        self.model = Model()
        self.log: list[str] = []
        self.slow: set[Any] = set()  # these say nothing by themselves
        self.outside: set[Any] = set()

    def provide(self, *names: Any) -> None:
        for name in names:
            self.model.provide(name, True)

    def needs(self, first: Any, second: Any, kind: str = NEEDS, state: Symbol = READY) -> None:
        self.model.gate(first, second, state, kind, True)

    def want(self, name: Any, yes: bool = True) -> None:
        self.outside ^= {name}
        if self.model.want(name, yes):
            self.model.settle(name)
        self.go()

    def go(self) -> None:
        while True:
            running, wanting = self.model.changes()
            if not running and not wanting:
                return
            for _, other, yes in wanting:
                still = (
                    yes
                    or other.name in self.outside
                    or any(other in each.wants for each in self.model.services.values())
                )
                if self.model.want(other.name, still):
                    self.model.settle(other.name)
            for service in running:
                self.log.append(f"{'+' if service.runs else '-'}{service.name}")
                if service.name not in self.slow:
                    self.states(service.name, service.runs, STARTED, READY)

    def states(self, name: Any, yes: bool, *states: Symbol) -> None:
        for state in states:
            self.model.state(name, state, yes)

    def runs(self) -> set[Any]:
        return {service.name for service in self.model.services.values() if service.runs}


def test_services_start_in_the_order_of_what_they_need_and_stop_in_reverse() -> None:
    """Wanting one starts what it needs first; wanting none stops the depender before the dependee."""
    world = World()
    world.provide("app", "db", "disk")
    world.needs("app", "db")
    world.needs("db", "disk")
    world.want("app")
    assert world.log == ["+disk", "+db", "+app"]
    world.want("app", False)
    assert world.log[3:] == ["-app", "-db", "-disk"]
    world.model.gate("app", "db", READY, NEEDS, False)
    world.model.gate("db", "disk", READY, NEEDS, False)
    for name in ("app", "db", "disk"):
        world.model.provide(name, False)
    world.go()
    assert world.model.services == {}


def test_a_service_stops_when_a_state_that_it_needs_is_gone_and_comes_back_with_it() -> None:
    """The dependee's process died: dependers stop; they start again when it is ready again."""
    world = World()
    world.provide("app", "db")
    world.needs("app", "db")
    world.want("app")
    world.states("db", False, READY)
    world.go()
    assert world.log[2:] == ["-app"]
    world.states("db", True, READY)
    world.go()
    assert world.log[3:] == ["+app"]


def test_a_held_service_stops_after_those_that_need_it() -> None:
    """`remit service stop db` stops what needs db first, and keeps both from starting until it is let go."""
    world = World()
    world.provide("app", "db")
    world.needs("app", "db")
    world.want("app")
    world.model.hold("db", True)
    world.go()
    assert world.log[2:] == ["-app", "-db"]
    assert [reason.text for reason in explain("app", world.model)] == [
        "waits for db to be ready",
        "is held by an operator",
    ]
    world.model.hold("db", False)
    world.go()
    assert world.log[4:] == ["+db", "+app"]


def test_a_restart_stops_what_needs_it_first_and_runs_it_again_once_it_has_stopped() -> None:
    """Whatever runs it is told to stop, waited for, and told to run again; one that was not running is left alone."""
    world = World()
    world.provide("app", "db")
    world.needs("app", "db")
    world.want("app")
    world.slow.add("db")
    assert world.model.restart("db")
    world.go()
    assert world.log[2:] == ["-app", "-db"]
    assert not world.model.unfinished()
    assert "is being restarted" in explain("db", world.model)[0].text
    world.states("db", False, STARTED, READY)
    world.go()
    world.states("db", True, STARTED, READY)
    world.go()
    assert world.log[4:] == ["+db", "+app"]
    world.slow.add("app")
    world.states("app", False, STARTED, READY)
    assert world.model.restart("app")  # it should run, and does not: it is told again
    world.go()
    assert world.model.unfinished()
    world.go()
    assert world.log[6:] == ["-app", "+app"]
    world.want("app", False)
    assert not world.model.restart("app")


@pytest.mark.parametrize("how", ["failed", "unprovided", "late", "held"])
def test_a_weak_dependency_is_started_first_and_holds_nothing_up(how: str) -> None:
    """What is preferred is pulled in and waited for, unless it fails, is nobody's, is late or held; its end stops nobody."""
    world = World()
    world.provide("app")
    world.slow = {"cache"}
    if how != "unprovided":
        world.provide("cache")
    world.needs("app", "cache", PREFERS)
    world.want("app")
    if how != "unprovided":
        assert world.log == ["+cache"]
        do: Callable[[], None] = {
            "failed": lambda: world.states("cache", True, FAILED),
            "late": lambda: world.model.late("cache"),
            "held": lambda: world.model.hold("cache", True),
        }[how]
        do()
        world.go()
    assert "+app" in world.log
    world.states("cache", False, FAILED)
    world.go()
    assert "-app" not in world.log


def test_order_alone_wants_nothing() -> None:
    """`starts-after` waits for what somebody else wants, and for nothing else."""
    world = World()
    world.provide("app", "clock")
    world.needs("app", "clock", AFTER)
    world.want("app")
    assert world.log == ["+app"]
    world.want("app", False)
    world.log.clear()
    world.slow = {"clock"}
    world.want("clock")
    world.want("app")
    assert world.log == ["+clock"]
    world.states("clock", True, STARTED, READY)
    world.go()
    assert world.log == ["+clock", "+app"]


def test_a_one_shot_can_be_waited_for() -> None:
    """Any state can be needed: complete, or words of the service's own."""
    world = World()
    world.provide("app", "migrate")
    world.slow = {"migrate"}
    world.needs("app", "migrate", state=COMPLETE)
    world.want("app")
    world.states("migrate", True, STARTED)
    world.go()
    assert world.runs() == {"migrate"}
    world.states("migrate", False, STARTED)
    world.states("migrate", True, COMPLETE)
    world.go()
    assert world.runs() == {"migrate", "app"}


def test_a_cycle_is_named_and_mended_by_taking_one_dependency_out() -> None:
    """Who depends on itself never runs, says so with the way round, wants nothing; and runs once the cycle is gone."""
    world = World()
    world.provide("a", "b", "c", "app")
    for first, second in (("a", "b"), ("b", "c"), ("c", "a"), ("app", "a")):
        world.needs(first, second)
    world.want("app")
    assert world.log == []
    text = problem(world.model.service("b"), world.model)
    assert text.startswith("depends on itself: ") and all(name in text for name in "abc")
    assert explain("app", world.model)[-1].text.startswith("depends on itself")
    world.model.gate("c", "a", READY, NEEDS, False)
    world.go()
    assert world.log == ["+c", "+b", "+a", "+app"]


def test_a_weak_dependency_in_a_cycle_is_not_waited_for() -> None:
    """A cycle with a weaker dependency in it is none that keeps anybody from running."""
    world = World()
    world.provide("a", "b")
    world.needs("a", "b", PREFERS)
    world.needs("b", "a")
    world.want("b")
    assert world.log == ["+a", "+b"]


def test_why_leads_to_the_cause_and_says_what_to_do() -> None:
    """The chain ends at what nobody provides, with the nearest name that somebody does."""
    world = World()
    world.provide("app", "web", "postgres")
    world.slow = {"postgras"}
    world.needs("app", "web")
    world.needs("web", "postgras")
    world.want("app")
    chain = explain("app", world.model)
    assert [reason.service for reason in chain] == ["app", "web", "postgras"]
    assert chain[-1].text == "nobody provides it; did you mean postgres?"
    assert chain[-1].remedy
    assert (
        problem(world.model.service("web"), world.model)
        == "needs postgras, which nobody provides; did you mean postgres?"
    )
    assert explain("apq", world.model)[0].text == "nobody has spoken of it; did you mean app?"
    assert named("app", ["app", Symbol("x")]) == ["app"]


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=16))
def test_cycles_are_those_that_walking_finds(edges: list[tuple[int, int]]) -> None:
    """A node is in a component exactly if some way from it leads back to it."""

    def reached(start: int) -> set[int]:
        seen: set[int] = set()
        todo = [b for a, b in edges if a == start]
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                todo += [b for a, b in edges if a == node]
        return seen

    found = components(range(8), lambda node: [b for a, b in edges if a == node])
    assert {node for part in found for node in part} == {node for node in range(8) if node in reached(node)}
    assert all(other in reached(node) for part in found for node in part for other in part)


STEPS = st.one_of(
    st.tuples(st.just("want"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("hold"), st.integers(0, 5), st.booleans()),
    st.tuples(
        st.just("gate"),
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([NEEDS, PREFERS, AFTER])),
        st.booleans(),
    ),
    st.tuples(st.just("state"), st.tuples(st.integers(0, 5), st.sampled_from([STARTED, READY, FAILED])), st.booleans()),
    st.tuples(st.just("provide"), st.integers(0, 5), st.just(True)),
)


@given(st.lists(STEPS, max_size=40))
def test_looking_at_what_has_changed_comes_to_the_same_as_looking_at_all(steps: list[tuple[str, Any, bool]]) -> None:
    """After any changes, in any order, each service runs or not as the rules say of the whole."""
    model = Model()
    for what, arguments, yes in steps:
        if what == "want":
            if model.want(arguments, yes):
                model.settle(arguments)
        elif what == "hold":
            model.hold(arguments, yes)
        elif what == "gate":
            model.gate(arguments[0], arguments[1], READY, arguments[2], yes)
        elif what == "state":
            model.state(arguments[0], arguments[1], yes)
        else:
            model.provide(arguments, yes)
        model.changes()
        for service in model.services.values():
            assert service.runs == (service.should_run() or (service.runs and service.must_stay()))
            assert service.wants == service.should_want()
            assert not (service.runs and not service.wanted and not service.must_stay())
    assert all(key(service.name) in model.services for service in model.services.values())
