"""From what there is to what is declared."""

from __future__ import annotations

import pytest

from remit.errors import Conflict, Missing
from remit.graph import Node, Plan, Seen, Violation, canonical, check_same, data
from remit.lib import FREE, Attenuation
from tests.graph.kit import Town, actions, graph, link, machine, offer

READ = Attenuation(read_only=True)
SHOP = [machine("db"), offer("db/main"), machine("app"), link("app/db", "db/main", READ)]


def town() -> Town:
    """The shop, as declared."""
    made = Town()
    assert made.up(graph(*SHOP)) == []
    return made


def test_what_is_needed_is_made_first() -> None:
    """Machines, then what they offer, then who holds it; and the authority that comes of it."""
    made = Town().plan(graph(*SHOP))
    assert actions(made) == ["create machine app", "create machine db", "create offer db/main", "create binding app/db"]
    (change,) = made.authority
    assert (change.grantee, change.service, change.gained, change.lost) == ("app", "db/main", [READ], [])


def test_after_a_plan_there_is_nothing_to_do() -> None:
    """What was applied is there."""
    made = town().plan(graph(*SHOP))
    assert (actions(made), made.authority) == ([], [])


def test_what_goes_goes_before_what_it_stands_on() -> None:
    """Links first, machines last; nothing is taken from under what needs it."""
    made = town().plan(graph())
    assert actions(made) == ["remove binding app/db", "remove offer db/main", "remove machine app", "remove machine db"]
    (change,) = made.authority
    assert (change.gained, change.lost) == ([], [READ])


def test_authority_is_taken_before_any_is_given() -> None:
    """A link that only gets narrower is replaced before anything is made, one that gets wider at the end."""
    place = Town()
    place.up(graph(*SHOP, link("app/rw", "db/main")))
    wanted = graph(*SHOP[:3], link("app/db", "db/main"), link("app/rw", "db/main", READ), machine("x"))
    made = place.plan(wanted)
    assert actions(made) == ["replace binding app/rw", "create machine x", "replace binding app/db"]
    assert made.authority == []  # the same two, under the other's name


def test_a_changed_field_is_changed_in_place_or_made_anew() -> None:
    """A kind says which; what is made anew takes along what needs it and the links at it, and says why."""
    place = town()
    assert actions(place.plan(graph(*SHOP[:1], offer("db/main", note="x"), *SHOP[2:]))) == ["change offer db/main"]
    made = place.plan(graph(machine("db", "docker"), *SHOP[1:]))
    assert actions(made) == [
        *("remove binding app/db", "remove offer db/main", "remove machine db"),
        *("create machine db", "create offer db/main", "create binding app/db"),
    ]
    assert [step.why for step in made.steps][:3] == ["db/main is made anew", "db is made anew", "provider"]
    assert all(step.anew for step in made.steps)
    assert made.authority == []


def test_what_was_changed_by_hand_is_said_to_be() -> None:
    """Drift: the declaration is as it was, and what there is is not."""
    place = town()
    place.world.put(link("app/db", "db/main"), "shop")
    (step,) = place.plan(graph(*SHOP)).steps
    assert (step.action, step.why) == ("replace", "changed by hand")
    del place.world.things["binding app/db"]
    (step,) = place.plan(graph(*SHOP)).steps
    assert (step.action, step.why) == ("create", "was made before, and is gone")


def test_nothing_of_others_is_touched() -> None:
    """What was made by hand, or by another project, is listed; a declared name that is theirs is refused, with the way out."""
    place = town()
    place.world.put(machine("hand"))
    place.world.put(link("hand/db", "db/main"), "another")
    made = place.plan(graph(*SHOP))
    assert (actions(made), made.foreign) == ([], ["binding hand/db", "machine hand"])
    with pytest.raises(Conflict, match=r"not of project shop: machine hand \(made by hand\).*--adopt 'machine hand'"):
        place.plan(graph(*SHOP, machine("hand")))


def test_what_others_made_can_be_adopted() -> None:
    """On request a declared name is taken over, as it is where it fits."""
    place = town()
    place.world.put(machine("hand"))
    wanted = graph(*SHOP, machine("hand"))
    assert actions(place.plan(wanted, adopt=["machine hand"])) == ["adopt machine hand"]
    place.up(wanted, adopt=["machine hand"])
    assert actions(place.plan(wanted)) == []
    assert actions(place.plan(graph(*SHOP))) == ["remove machine hand"]


def test_what_is_external_is_linked_to_and_never_made() -> None:
    """It has to be there; it is not changed, and not removed when it is declared no longer."""
    place = town()
    wanted = graph(*SHOP, machine("hand", external=True), link("hand/db", "db/main"))
    with pytest.raises(Missing, match="machine hand is declared as made by others"):
        place.plan(wanted)
    place.world.put(machine("hand"))
    assert actions(place.plan(wanted)) == ["create binding hand/db"]
    place.up(wanted)
    assert actions(place.plan(graph(*SHOP))) == ["remove binding hand/db"]


def test_what_comes_by_itself_may_come_later() -> None:
    """An external offer of a machine that is made here; links to it are made anew with the machine."""
    place = Town()
    clock = Node("db/clock", "offer", {}, ["db"], external=True)
    wanted = [machine("db"), clock, machine("app"), link("app/clock", "db/clock")]
    assert actions(place.plan(graph(*wanted))) == [
        "create machine app",
        "create machine db",
        "create binding app/clock",
    ]
    place.up(graph(*wanted[:3]))
    place.world.put(clock)
    place.up(graph(*wanted))
    made = place.plan(graph(machine("db", "docker"), *wanted[1:]))
    assert actions(made) == [
        *("remove binding app/clock", "remove machine db", "create machine db", "create binding app/clock"),
    ]


def test_others_links_that_end_with_a_node_are_told() -> None:
    """Whoever loses something by a removal is on the front page, declared or not."""
    place = town()
    place.world.put(machine("hand"))
    place.world.put(link("hand/db", "db/main"))
    made = place.plan(graph())
    assert [(change.grantee, change.lost) for change in made.authority] == [("app", [READ]), ("hand", [FREE])]
    assert "binding hand/db, made by others, ends with what is removed" in made.notes


def test_what_is_protected_is_not_removed() -> None:
    """Neither for good nor in order to be made anew; the plan is refused and says what to do."""
    place = Town()
    place.up(graph(machine("db", protect=True)))
    for wanted in (graph(), graph(machine("db", "docker", protect=True)), graph(machine("db", "docker"))):
        (violation,) = place.plan(wanted).violations
        assert violation.policy == "protect"
        assert "set protect = false and apply that first" in violation.text
        with pytest.raises(Conflict, match="refused"):
            place.up(wanted)
    assert actions(place.plan(graph(machine("db")))) == ["note machine db"]
    place.up(graph(machine("db")))
    assert actions(place.plan(graph())) == ["remove machine db"]


def test_what_is_to_be_kept_is_forgotten() -> None:
    """A retained machine stays, with all below it and all authority; it is ours no longer."""
    place = Town()
    place.up(graph(machine("db", retain=True), *SHOP[1:3], link("db/own", "db/main"), SHOP[3]))
    made = place.plan(graph(machine("app")))
    assert actions(made) == [
        *("forget binding db/own", "forget machine db", "forget offer db/main", "remove binding app/db"),
    ]
    assert [change.grantee for change in made.authority] == ["app"]
    place.up(graph(machine("app")))
    assert place.plan(graph(machine("app"))).foreign == ["binding db/own", "machine db", "offer db/main"]


def test_policies_are_asked() -> None:
    """What they find is in the plan, which is not applied."""
    place = Town()
    found = [Violation("quiet", "nobody holds db", ["app/db"])]
    made = place.plan(graph(*SHOP), check=lambda wanted: found if wanted.links else [])
    assert made.violations == found


def test_a_lost_ledger_is_found_again_by_the_labels() -> None:
    """What carries the project's label and is as declared is noted, and nothing is made."""
    place = town()
    place.ledger.__init__()  # type: ignore[misc]  # as if its file were gone
    made = place.plan(graph(*SHOP))
    assert {step.action for step in made.steps} == {"note"}
    place.up(graph(*SHOP))
    assert actions(place.plan(graph(*SHOP))) == []


def test_a_lost_label_is_no_loss_where_the_permanent_name_is_known() -> None:
    """What has the name that the ledger knows is ours; what was made by hand in its place is not."""
    place = town()
    for key, seen in list(place.world.things.items()):
        place.world.things[key] = Seen(seen.what, "", seen.name)
    assert actions(place.plan(graph(*SHOP))) == []
    place.world.put(machine("db"))
    with pytest.raises(Conflict, match=r"machine db \(made by hand\)"):
        place.plan(graph(*SHOP))


def test_what_carries_the_label_and_is_declared_nowhere_is_an_orphan() -> None:
    """It is named, and never removed by a plan."""
    place = town()
    place.world.put(machine("lost"), "shop")
    made = place.plan(graph(*SHOP))
    assert (actions(made), made.orphans) == ([], ["machine lost"])


def test_a_plan_is_the_same_every_time_and_survives_json() -> None:
    """The same grounds give the same bytes; what was saved can be compared with what would be planned now."""
    place = town()
    wanted = graph(machine("db"), offer("db/main"), machine("web"), link("web/db", "db/main"))
    made = place.plan(wanted)
    assert canonical(made) == canonical(place.plan(wanted))
    assert Plan.of(data(made)) == made
    check_same(Plan.of(data(made)), place.plan(wanted))


def test_a_plan_that_is_out_of_date_is_refused() -> None:
    """Other declarations, another plan applied meanwhile, or other facts: the words say which."""
    place = town()
    wanted = graph(*SHOP, machine("web"))
    shown = place.plan(wanted)
    with pytest.raises(Conflict, match="what is declared has changed"):
        check_same(shown, place.plan(graph(*SHOP, machine("wbe"))))
    place.world.put(link("far/away", "elsewhere/x"))
    check_same(shown, place.plan(wanted))
    place.world.put(link("app/hand", "db/main"))
    with pytest.raises(Conflict, match="what there is has changed"):
        check_same(shown, place.plan(wanted))
    place.ledger.serial += 1
    with pytest.raises(Conflict, match="another plan was applied, and what there is has changed"):
        check_same(shown, place.plan(wanted))


def test_a_move_renames_and_makes_nothing_anew() -> None:
    """A machine, what it offers, and the links at both get other ids; nothing else happens, and no authority changes."""
    place = town()
    names = {seen.name for seen in place.world.things.values()}
    wanted = graph(
        machine("store"),
        offer("store/main"),
        machine("app"),
        link("app/db", "store/main", READ),
        moved=[["db", "store"]],
    )
    made = place.plan(wanted)
    assert actions(made) == ["move machine store", "move offer store/main", "move binding app/db"]
    assert [(step.was, step.why) for step in made.steps] == [
        *(("machine db", ""), ("offer db/main", "with db"), ("binding app/db", "with db")),
    ]
    assert made.authority == []
    place.up(wanted)
    assert actions(place.plan(wanted)) == []
    assert {seen.name for seen in place.world.things.values()} == names


def test_a_move_and_a_change_come_together() -> None:
    """What is renamed is compared under its new id, and others' links at it come along."""
    place = town()
    place.world.put(machine("hand"))
    place.world.put(link("hand/db", "db/main"))
    wanted = graph(
        machine("store"), offer("store/main"), machine("app"), link("app/db", "store/main"), moved=[["db", "store"]]
    )
    made = place.plan(wanted)
    assert actions(made)[3:] == ["replace binding app/db"]
    assert made.notes == []
    assert [(each.grantee, each.service, each.gained) for each in made.authority] == [("app", "store/main", [FREE])]


def test_a_move_to_a_taken_name_is_refused() -> None:
    """A rename never pushes aside what is there."""
    place = town()
    place.world.put(machine("store"))
    with pytest.raises(Conflict, match="machine db cannot be moved to machine store"):
        place.plan(graph(machine("store"), machine("app"), moved=[["db", "store"]]))
