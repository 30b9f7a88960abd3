"""Facets: what objects say and hear in scopes that end. (docs/shapes.md, *dataspace*)"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from remit.dataspace import (
    ANY,
    bind,
    complete,
    dataflow,
    during,
    facet,
    interest,
    message,
    on_asserted,
    on_message,
    on_retracted,
    once,
    publish,
    state,
    sync,
    this_facet,
    variable,
)
from remit.errors import Broken, Misuse
from remit.vat import on, tell, this
from tests.dataspace.kit import KINDS, Present, Says, Space, person


@pytest.fixture(params=KINDS)
def space(request: pytest.FixtureRequest) -> Iterator[Space]:
    """The contract holds wherever the object is; nothing but what tests raise themselves may fail."""
    made = KINDS[request.param]()
    yield made
    assert [words for words in made.faults.words if not words.startswith("ValueError: no")] == []


def there(space: Space, wanted: Any = None) -> list[Any]:
    """The first captures of what is there."""
    return sorted(captures[0] for captures in space.query(wanted or Present(name=bind())))


def test_what_is_published_ends_with_its_facet(space: Space) -> None:
    """A facet's assertions are there while it lives; those of the facets inside go with it, those outside stay."""
    it = person(space)
    scopes: list[Any] = []

    def begin(self: Any) -> None:
        publish(self.space, Present("outside"))
        with facet() as outer:
            publish(self.space, Present("outer"))
            with facet() as inner:
                publish(self.space, Present("inner"))
        scopes.extend([outer, inner])

    it.act(begin)
    assert there(space) == ["inner", "outer", "outside"]
    it.act(lambda self: scopes[0].stop())
    assert there(space) == ["outside"]
    assert not scopes[1].alive
    it.act(lambda self: this_facet().stop())
    assert there(space) == []


def test_stop_actions_run_inside_out_before_the_withdrawal(space: Space) -> None:
    """Facets inside stop first; a stop action still has its assertions, and what it begins belongs to the facet around."""
    it = person(space)
    watching = space.party().observe(Present(name=bind()))
    scopes: list[Any] = []

    def begin(self: Any) -> None:
        with facet() as outer:
            publish(self.space, Present("outer"))
            outer.on_stop(lambda: self.log.append("outer stops"))
            outer.on_stop(lambda: publish(self.space, Present("left behind")))
            with facet() as inner:
                inner.on_stop(lambda: self.log.append("inner stops"))
        scopes.append(outer)

    it.act(begin)
    it.act(lambda self: scopes[0].stop())
    assert it.log == ["inner stops", "outer stops"]
    assert watching.events() == [("+", ["outer"]), ("+", ["left behind"]), ("-", ["outer"])]


def test_during_is_a_facet_for_each_match(space: Space) -> None:
    """What a handler begins for a match ends with the match; other matches' go on."""
    it = person(space)
    it.act(lambda self: during(self.space, Present(name=bind()), lambda name: publish(self.space, Says(name, "hello"))))
    other = space.party()
    first = other.put(Present("a"))
    other.put(Present("b"))
    assert there(space, Says(who=bind(), what="hello")) == ["a", "b"]
    other.retract(first)
    assert there(space, Says(who=bind(), what="hello")) == ["b"]


def test_handlers_of_what_comes_goes_and_is_said(space: Space) -> None:
    """`on_asserted`, `on_retracted` and `on_message` run with the captures."""
    it = person(space)

    def begin(self: Any) -> None:
        on_asserted(self.space, Present(name=bind()), lambda name: self.log.append(f"+{name}"))
        on_retracted(self.space, Present(name=bind()), lambda name: self.log.append(f"-{name}"))
        on_message(self.space, Says, lambda said: self.log.append(said.what))

    it.act(begin)
    other = space.party()
    handle = other.put(Present("a"))
    other.message(Says("a", "x"))
    other.retract(handle)
    assert it.log == ["+a", "x", "-a"]


def test_a_handler_runs_as_a_turn_of_its_object(space: Space) -> None:
    """A handler reads and changes its object's fields, and sends as the object."""
    it = person(space)

    def begin(self: Any) -> None:
        def heard(name: str) -> None:
            self.log += [name]
            message(self.space, Says("it", name))

        on_asserted(self.space, Present(name=bind()), heard)

    it.act(begin)
    watching = space.party().observe(Says(who="it", what=bind()))
    space.party().put(Present("a"))
    assert it.log == ["a"]
    assert watching.events() == [("!", ["a"])]


def test_a_turn_that_raises_says_nothing(space: Space) -> None:
    """What a method has published before it raises is undone with the turn, facets and all."""
    it = person(space)

    def begin(self: Any) -> None:
        publish(self.space, Present("a"))
        during(self.space, Present(name=bind()), lambda name: None)
        raise ValueError("no")

    with pytest.raises(Broken, match="no"):
        it.act(begin)
    assert space.size() == 0
    it.act(lambda self: publish(self.space, Present("b")))
    assert there(space) == ["b"]


def test_a_handler_that_raises_stops_its_facet(space: Space) -> None:
    """Nothing of a failed handler stays; its facet stops, with its stop actions; handlers of other facets go on."""
    it = person(space)

    def begin(self: Any) -> None:
        on_asserted(self.space, Present(name=bind()), lambda name: self.log.append(f"other {name}"))
        with facet() as scope:
            publish(self.space, Says("scope", "alive"))
            scope.on_stop(lambda: self.log.append("stopped"))

            def heard(name: str) -> None:
                publish(self.space, Says("heard", name))
                self.log.append("undone")
                raise ValueError("no")

            on_asserted(self.space, Present(name=bind()), heard)

    it.act(begin)
    other = space.party()
    other.put(Present("a"))
    other.put(Present("b"))
    assert it.log == ["other a", "stopped", "other b"]
    assert there(space, Says(who=bind(), what=ANY)) == []
    (words,) = space.faults.words  # the recorder has heard of it, once
    assert words.startswith("ValueError: no in a handler of")


def test_a_failed_match_stops_alone(space: Space) -> None:
    """A `during` whose handler raises for one match serves the others."""
    it = person(space)

    def heard(self: Any, name: str) -> None:
        publish(self.space, Says(name, "hello"))
        if name == "bad":
            raise ValueError("no")

    it.act(lambda self: during(self.space, Present(name=bind()), lambda name: heard(self, name)))
    other = space.party()
    for name in ("a", "bad", "b"):
        other.put(Present(name))
    assert there(space, Says(who=bind(), what=ANY)) == ["a", "b"]


def test_once_goes_from_state_to_state(space: Space) -> None:
    """Each event ends the state that waited for it, with all its alternatives, and begins the next one in its place."""
    it = person(space)

    def begin(self: Any) -> None:
        with state():
            closed(self)

    def closed(self: Any) -> None:
        publish(self.space, Present("closed"))
        once(self.space, Says("door", "open"), lambda: opened(self))
        once(self.space, Says("door", "lock"), lambda: publish(self.space, Present("locked")))

    def opened(self: Any) -> None:
        publish(self.space, Present("open"))
        once(self.space, Says("door", "close"), lambda: closed(self))

    it.act(begin)
    other = space.party()
    seen = [there(space)]
    for what in ("close", "open", "open", "close", "lock", "open"):
        other.message(Says("door", what))
        seen.append(there(space))
    assert seen == [["closed"], ["closed"], ["open"], ["open"], ["closed"], ["locked"], ["locked"]]


def test_once_is_once(space: Space) -> None:
    """Outside of a state, `once` waits by itself: the facet around it stays, and the function runs for the first event only."""
    it = person(space)

    def begin(self: Any) -> None:
        publish(self.space, Says("it", "waits"))
        once(self.space, Present(name=bind()), lambda name: self.log.append(name))

    it.act(begin)
    space.party().turn(["assert", 1, Present("a")], ["assert", 2, Present("b")])
    assert it.log == ["a"]
    assert there(space, Says(who=bind(), what=ANY)) == ["it"]


def test_complete_comes_after_what_was_there(space: Space) -> None:
    """The marker comes when everything that was there has been told, whatever the order in which the turn asked."""
    for name in ("a", "b"):
        space.party().put(Present(name))
    it = person(space)

    def begin(self: Any) -> None:
        complete(self.space, lambda: self.log.append("complete"))
        on_asserted(self.space, Present(name=bind()), self.log.append)

    it.act(begin)
    space.party().put(Present("c"))
    assert it.log == ["a", "b", "complete", "c"]


def test_sync_comes_when_all_before_is_handled(space: Space) -> None:
    """The function runs when what was said before has been handled."""
    it = person(space)

    def begin(self: Any) -> None:
        on_message(self.space, Says, lambda said: self.log.append(said.what))
        message(self.space, Says("it", "before"))
        sync(self.space, lambda: self.log.append("sync"))

    it.act(begin)
    assert it.log == ["before", "sync"]


def test_an_assertion_is_replaced_without_a_gap(space: Space) -> None:
    """The new value is there before the old one goes; the same value again is nothing new."""
    it = person(space)
    published: list[Any] = []
    it.act(lambda self: published.append(publish(self.space, Present("a"))))
    watching = space.party().observe(Present(name=bind()))
    it.act(lambda self: published[0].replace(Present("a")))
    it.act(lambda self: published[0].replace(Present("b")))
    assert watching.events() == [("+", ["a"]), ("+", ["b"]), ("-", ["a"])]
    it.act(lambda self: published[0].retract())
    it.act(lambda self: published[0].retract())
    assert watching.events() == [("-", ["b"])]


def test_dataflow_publishes_what_its_variables_say(space: Space) -> None:
    """A published function is asserted anew when a variable that it has read changes; steps between are not told; None is nothing."""
    it = person(space)
    cells: list[Any] = []

    def begin(self: Any) -> None:
        cells.append(variable(1))
        publish(self.space, lambda: Present(cells[0].value) if cells[0].value else None)

    it.act(begin)
    watching = space.party().observe(Present(name=bind()))

    def change(self: Any) -> None:
        cells[0].value = 2
        cells[0].value = 3

    it.act(change)
    assert watching.events() == [("+", [1]), ("+", [3]), ("-", [1])]
    it.act(lambda self: setattr(cells[0], "value", 0))
    assert watching.events() == [("-", [3])]
    it.act(lambda self: setattr(cells[0], "value", 4))
    assert watching.events() == [("+", [4])]
    with pytest.raises(Broken, match="no"):

        def fail(self: Any) -> None:
            cells[0].value = 5
            raise ValueError("no")

        it.act(fail)
    assert watching.events() == []
    assert cells[0].value == 4


def test_dataflow_follows_only_what_it_read(space: Space) -> None:
    """A function is run again for the variables that it read the last time, and stops with its facet."""
    it = person(space)
    cells: list[Any] = []
    scopes: list[Any] = []

    def begin(self: Any) -> None:
        cells.extend([variable(True), variable("a"), variable("b")])
        with facet() as scope:
            dataflow(lambda: self.log.append(cells[1].value if cells[0].value else cells[2].value))
        scopes.append(scope)

    it.act(begin)
    it.act(lambda self: setattr(cells[2], "value", "c"))
    it.act(lambda self: setattr(cells[0], "value", False))
    it.act(lambda self: setattr(cells[1], "value", "d"))
    it.act(lambda self: setattr(cells[2], "value", "e"))
    it.act(lambda self: scopes[0].stop())
    it.act(lambda self: setattr(cells[2], "value", "f"))
    assert it.log == ["a", "c", "e"]


def test_interest_of_others_is_demand(space: Space) -> None:
    """Whoever serves what is wanted sees for which values somebody has asked."""
    it = person(space)
    serve = lambda self: during(  # noqa: E731
        self.space, interest(Says(who=bind(), what=ANY)), lambda who: publish(self.space, Says(who, "served"))
    )
    it.act(serve)
    watching = space.party().observe(Says(who="a", what=bind()))
    space.party().observe(Says(who=ANY, what=bind()))  # asks for nobody by name
    space.party().observe(Present("a"))
    assert watching.events() == [("+", ["served"])]
    watching.stop()
    assert there(space, Says(who=bind(), what=ANY)) == []


def test_a_handler_may_be_async(space: Space) -> None:
    """An `async` handler goes on in turns of its own, in its facet; where it fails, the facet stops."""
    it = person(space)

    async def heard(self: Any, name: str) -> None:
        size = await self.space.size()
        publish(self.space, Says(name, size))
        if name == "bad":
            raise ValueError("no")

    it.act(lambda self: during(self.space, Present(name=bind()), lambda name: heard(self, name)))
    other = space.party()
    first = other.put(Present("a"))
    assert there(space, Says(who=bind(), what=ANY)) == ["a"]
    other.put(Present("bad"))
    assert there(space, Says(who=bind(), what=ANY)) == ["a"]
    other.retract(first)
    assert there(space, Says(who=bind(), what=ANY)) == []


def test_what_is_begun_in_a_stopped_facet_is_not_there(space: Space) -> None:
    """A facet that has stopped takes nothing more."""
    it = person(space)

    def begin(self: Any) -> None:
        with facet() as scope:
            scope.stop()
            publish(self.space, Present("late"))
            on_asserted(self.space, Present(name=bind()), self.log.append)

    it.act(begin)
    assert space.size() == 0


def test_conversations_belong_to_objects(space: Space) -> None:
    """Outside of a turn there is nobody whose conversation it could be."""
    with pytest.raises(Misuse, match="turn"):
        publish(space.ref, Present("a"))


def test_what_others_fail_at_is_theirs(space: Space) -> None:
    """A facet stops for its own object's errors: one in another object, to which a handler has sent something, ends nothing here."""
    it = person(space)

    def begin(self: Any) -> None:
        with facet():
            on_asserted(self.space, Present(name=bind()), lambda name: tell(self.space).open(None, -1.0))
            publish(self.space, Says("it", "goes on"))

    it.act(begin)
    space.party().put(Present("a"))
    assert there(space, Says(who=bind(), what=ANY)) == ["it"]
    assert any("BadArgument" in words for words in space.faults.words)
    space.faults.words.clear()


def test_what_an_object_fails_at_for_a_facet_stops_it(space: Space) -> None:
    """A message that a handler sends to its own object, and nobody waits for, belongs to the facet: if it raises, the facet stops."""
    it = person(space)

    def fail(self: Any) -> None:
        raise ValueError("no")

    def begin(self: Any) -> None:
        it.acts.append(fail)
        with facet() as scope:
            publish(self.space, Says("it", "was here"))
            scope.on_stop(lambda: self.log.append("stopped"))
            on_asserted(self.space, Present(name=bind()), lambda name: tell(this()).do(len(it.acts) - 1))

    it.act(begin)
    space.party().put(Present("a"))
    assert it.log == ["stopped"]
    assert there(space, Says(who=bind(), what=ANY)) == []


def test_a_function_given_to_on_may_end_with_a_conversation(space: Space) -> None:
    """`on(answer, lambda n: publish(…))`: the handle that it returns passes nowhere, and undoes nothing."""
    it = person(space)
    results: list[Any] = []

    def begin(self: Any) -> None:
        answer = on(self.space.size(), lambda _: publish(self.space, Present("counted")))
        on(answer, lambda value: results.append(value), lambda error: results.append(error))
        on(self.space.size(), lambda _: during(self.space, Present(bind()), self.log.append))
        on(self.space.size(), lambda _: facet())

    it.act(begin)
    assert (results, it.log) == ([None], ["counted"])
