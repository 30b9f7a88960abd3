"""Doing what a plan says, cut short anywhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.errors import Conflict, Unreachable
from remit.graph import Graph, Node, apply
from remit.lib import Attenuation
from tests.graph.kit import Killed, Town, actions, graph, link, machine, offer, run

READ = Attenuation(read_only=True)
SHOP = [machine("db"), offer("db/main"), machine("app"), link("app/db", "db/main", READ)]
OTHER = graph(
    machine("store", "docker"),
    offer("store/main"),
    machine("web"),
    link("web/db", "store/main"),
    moved=[["db", "store"]],
)


def killed_at(number: int) -> Callable[[str], None]:
    """Ends the process before this write, counted from 0."""
    left = iter(range(number))

    def cut(what: str) -> None:
        if next(left, None) is None:
            raise Killed(what)

    return cut


def test_an_intent_is_noted_before_each_effect() -> None:
    """And its end after it; the plan's beginning and end around all."""
    place = Town()
    place.up(graph(machine("db")))
    assert place.ledger.writes == ["begin", "intent create machine db", "done create machine db", "finish"]


@pytest.mark.parametrize("first", [graph(*SHOP), OTHER])
@pytest.mark.parametrize("number", range(24))
def test_a_run_that_was_killed_is_finished_by_the_next(first: Graph, number: int) -> None:
    """Before any write of the ledger: the same end, nothing made twice, nothing of others touched, and then nothing to do."""
    place = Town()
    place.up(graph(*SHOP))
    place.world.put(machine("hand"))
    place.ledger.cut = killed_at(number)
    wanted = OTHER if first != OTHER else graph(*SHOP, machine("more"), moved=[["store", "db"]])
    if first == OTHER:
        place.ledger.cut = lambda what: None
        place.up(OTHER)
        place.ledger.cut = killed_at(number)
    try:
        place.up(wanted)
    except Killed:
        place.ledger.cut = lambda what: None
        place.up(wanted)
    made = place.plan(wanted)
    assert (actions(made), made.orphans, made.foreign) == ([], [], ["machine hand"])
    assert place.ledger.known().open == []
    created = [key for action, key in place.world.done if action == "create"]
    removed = [key for action, key in place.world.done if action == "remove"]
    assert len(created) - len(removed) == len(place.world.things) - 1


def test_what_does_not_count_on_each_other_may_be_done_together() -> None:
    """Machines with machines, offers with offers, links with links; renames one after the other."""
    place = Town()
    place.up(graph(*SHOP, machine("web"), link("web/db", "db/main")))
    assert place.world.batches == [3, 1, 2]
    deep = [Node("a", "part", {}), Node("b", "part", {}, ["a"]), Node("c", "part", {}), Node("c/d", "part", {})]
    other = Town()
    other.up(graph(*deep))
    assert other.world.batches == [2, 2]  # a and c, then c/d and b
    other.world.batches.clear()
    other.up(graph())
    assert sum(other.world.batches) == 4 and other.world.batches != [4]
    place.world.batches.clear()
    place.up(OTHER)
    assert max(place.world.batches[:3]) == 1


def test_what_was_begun_can_be_given_up() -> None:
    """Made by a run that was killed, and declared no longer: it is removed, not left as an orphan."""
    place = Town()
    place.ledger.cut = killed_at(2)
    with pytest.raises(Killed):
        place.up(graph(machine("db")))
    place.ledger.cut = lambda what: None
    assert actions(place.plan(graph())) == ["remove machine db"]
    place.up(graph())
    assert (place.world.things, place.ledger.known().open) == ({}, [])


def test_what_cannot_be_reached_holds_up_only_what_counts_on_it() -> None:
    """The others go on; what was left undone is named, with what it waits for, and done by the next run."""
    place = Town()
    place.world.away.add("db")
    late = {each.key: (each.why, each.again) for each in place.up(graph(*SHOP, machine("web")))}
    assert late == {
        "machine db": ("db is away", True),
        "offer db/main": ("waits for machine db", True),
        "binding app/db": ("waits for offer db/main", True),
    }
    assert sorted(place.world.things) == ["machine app", "machine web"]
    place.world.away.clear()
    assert place.up(graph(*SHOP, machine("web"))) == []


def test_a_world_that_is_gone_ends_the_run() -> None:
    """What would come after is not tried, and the error says that it can be run again."""
    place = Town()
    made = place.plan(graph(*SHOP))
    place.world.gone = True
    with pytest.raises(Unreachable) as caught:
        run(apply(made, place.ledger, place.world))
    assert "run the same again" in caught.value.__notes__[0]
    assert place.ledger.writes == ["begin", "intent create machine app", "intent create machine db"]
    place.world.gone = False
    assert place.up(graph(*SHOP)) == []


def test_a_plan_that_the_ledger_has_moved_past_is_refused() -> None:
    """Nothing is done."""
    place = Town()
    made = place.plan(graph(*SHOP))
    place.up(graph(machine("web")))
    with pytest.raises(Conflict):
        run(apply(made, place.ledger, place.world))
    assert list(place.world.things) == ["machine web"]


IDS = ["a", "b", "c"]
MACHINES = st.dictionaries(st.sampled_from(IDS), st.sampled_from(["process", "docker"]))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Some machines, an offer on some of them, and links between."""
    chosen = draw(MACHINES)
    offers = [f"{id}/x" for id in draw(st.lists(st.sampled_from(IDS), unique=True)) if id in chosen]
    parts = [*(machine(id, provider) for id, provider in chosen.items()), *(offer(id) for id in offers)]
    for id in chosen:
        names = draw(st.lists(st.sampled_from("pq"), unique=True)) if offers else []
        choices = [(draw(st.sampled_from(offers)), draw(st.sampled_from([READ, Attenuation()]))) for _ in names]
        parts += [link(f"{id}/{name}", *choice) for name, choice in zip(names, choices, strict=True)]
    return graph(*parts)


@given(
    st.lists(
        st.tuples(graphs(), st.integers(0, 30), st.sets(st.sampled_from(IDS), max_size=1)), min_size=1, max_size=5
    ),
    graphs(),
)
@settings(max_examples=60)
def test_any_way_there_leads_to_what_is_declared(way: list[tuple[Graph, int, set[str]]], last: Graph) -> None:
    """Whatever was declared before, wherever it was cut short, whoever was away: two runs at most, and there is nothing to do."""
    place = Town()
    place.world.put(machine("hand"))
    for wanted, number, away in way:
        place.ledger.cut, place.world.away = killed_at(number), away
        try:
            place.up(wanted)
        except Killed:
            pass
    place.ledger.cut, place.world.away = (lambda what: None), set()
    assert place.up(last) == []
    made = place.plan(last)
    assert (actions(made), made.orphans, made.foreign) == ([], [], ["machine hand"])
    assert sorted(place.world.things) == sorted([*last.checked().by_key, "machine hand"])
