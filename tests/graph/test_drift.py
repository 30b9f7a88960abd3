"""Drift: what differs from what was applied, each difference with its two choices."""

from __future__ import annotations

from typing import Any

import pytest

from remit.errors import Conflict
from remit.graph import Graph, Seen, adoption, apply, drift, only
from remit.lib import Attenuation
from tests.graph.kit import Town, actions, graph, link, machine, offer, run

READ = Attenuation(read_only=True)
SHOP = graph(machine("db"), offer("db/main", rows=1), machine("app"), link("app/db", "db/main", READ))


def town() -> Town:
    """A town in which the shop was applied."""
    made = Town()
    made.up(SHOP)
    return made


def found(place: Town) -> list[tuple[str, str]]:
    return [(each.key, each.what) for each in drift(place.ledger.known(), place.world.actual())]


def restored(place: Town, *keys: str) -> None:
    """What these are restored by."""
    made = only(place.plan(place.ledger.known().graph), keys)
    run(apply(made, place.ledger, place.world))


def adopted(place: Town) -> None:
    """Everything taken over."""
    known, actual = place.ledger.known(), place.world.actual()
    for step in adoption(known, actual, drift(known, actual)):
        place.ledger.done(step, step.name)


def spoil(place: Town, key: str, **changes: Any) -> None:
    """Somebody changes something by hand."""
    seen = place.world.things[key]
    place.world.things[key] = Seen(seen.what.but(**changes), seen.owner, seen.name)


def test_what_is_as_it_was_applied_is_no_drift() -> None:
    """Nor is what others made, or what a run that was cut short has begun."""
    place = town()
    place.world.put(machine("hand"))
    assert found(place) == []
    place.ledger.open["machine db"] = place.plan(graph()).steps[0].but(key="machine db")
    del place.world.things["machine db"]
    assert found(place) == []


def test_what_is_gone_is_made_again_or_forgotten() -> None:
    """Each thing for itself; looking changes nothing."""
    place = town()
    del place.world.things["binding app/db"]
    before = dict(place.world.things)
    assert found(place) == found(place) == [("binding app/db", "missing")]
    assert place.world.things == before and place.ledger.known().graph == SHOP.checked()
    restored(place, "binding app/db")
    assert found(place) == [] and place.world.things["binding app/db"].what == SHOP.links[0]
    del place.world.things["binding app/db"]
    adopted(place)
    assert found(place) == [] and place.ledger.known().graph.links == []
    assert actions(place.plan(SHOP)) == ["create binding app/db"]


def test_what_was_changed_by_hand_is_put_back_or_taken_over() -> None:
    """An attenuation, or a field that can be seen; both values are told."""
    place = town()
    spoil(place, "binding app/db", attenuation=Attenuation())
    spoil(place, "offer db/main", fields={"kind": "table", "rows": 2})
    told = drift(place.ledger.known(), place.world.actual())
    assert [each.text for each in told] == [
        "attenuation is unrestricted, was applied as read-only",
        "rows is 2, was applied as 1",
    ]
    restored(place, "binding app/db")
    assert found(place) == [("offer db/main", "changed")]
    adopted(place)
    assert found(place) == [] and place.ledger.known().graph.by_key["offer db/main"].fields == {
        "kind": "table",
        "rows": 2,
    }  # type: ignore[union-attr]  # a node
    assert place.plan(SHOP).steps != []


def test_what_else_was_declared_of_a_binding_is_compared() -> None:
    """As far as it can be seen."""
    place = town()
    wanted = SHOP.links[0].but(fields={"local": "port", "reload": ["true"]})
    place.up(Graph("shop", SHOP.nodes, [wanted]))
    assert found(place) == []
    spoil(place, "binding app/db", fields={"local": "socket"})
    (told,) = drift(place.ledger.known(), place.world.actual())
    assert told.text == "local is socket, was applied as port"
    adopted(place)
    assert found(place) == [] and place.ledger.known().graph.links[0].fields == {"local": "socket", "reload": ["true"]}


def test_what_goes_with_a_machine_is_adopted_with_it() -> None:
    """A machine that is forgotten takes along what it offered, and the links at it."""
    place = town()
    for key in ("machine db", "offer db/main", "binding app/db"):
        del place.world.things[key]
    known, actual = place.ledger.known(), place.world.actual()
    (gone,) = [each for each in drift(known, actual) if each.key == "machine db"]
    for step in adoption(known, actual, [gone]):
        place.ledger.done(step, "")
    assert [node.id for node in place.ledger.known().graph.nodes] == ["app"] and place.ledger.known().graph.links == []


def test_a_part_of_a_plan_stands_on_what_there_is() -> None:
    """A binding is not restored without the service that is missing, too: that is named."""
    place = town()
    for key in ("offer db/main", "binding app/db"):
        del place.world.things[key]
    with pytest.raises(Conflict, match="needs offer db/main, which has to be made as well"):
        restored(place, "binding app/db")
    restored(place, "binding app/db", "offer db/main")
    assert found(place) == []


def test_what_has_to_be_made_anew_takes_along_what_stands_on_it() -> None:
    """A machine of another provider: its offers and the links at them go and come with it."""
    place = town()
    spoil(place, "machine db", fields={"provider": "docker"})
    restored(place, "machine db")
    assert found(place) == [] and len([1 for action, _ in place.world.done if action == "remove"]) == 3


def test_what_others_have_put_there_is_left_alone() -> None:
    """Ours is gone, and something under its name is not ours: it can only be forgotten."""
    place = town()
    del place.world.things["binding app/db"]
    place.world.put(link("app/db", "db/main"))
    (told,) = drift(place.ledger.known(), place.world.actual())
    assert (told.what, list(told.can)) == ("taken", ["adopt"])
    adopted(place)
    assert found(place) == [] and place.world.things["binding app/db"].owner == ""


def test_an_id_names_one_difference() -> None:
    """It stays while that does, and is another one for another difference: what was not shown is not put right."""
    place = town()
    spoil(place, "binding app/db", attenuation=Attenuation())
    (first,) = drift(place.ledger.known(), place.world.actual())
    assert drift(place.ledger.known(), place.world.actual()) == [first]
    spoil(place, "binding app/db", attenuation=Attenuation(methods=["write"]))
    (second,) = drift(place.ledger.known(), place.world.actual())
    assert second.id != first.id


def test_nothing_applied_is_nothing_drifted() -> None:
    """An empty state."""
    place = Town()
    assert found(place) == [] and adoption(place.ledger.known(), place.world.actual(), []) == []
    assert Graph("shop").checked().nodes == []
