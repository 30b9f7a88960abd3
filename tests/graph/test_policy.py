"""Policies: what they mean, and that a violation names the way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.errors import BadArgument
from remit.graph import Actual, Graph, Known, Node, Violation, check, check_policies, plan
from remit.lib import Attenuation
from tests.graph.kit import KINDS, graph, link, machine, offer

READ = Attenuation(read_only=True)
TOWN = [
    Node("public", "machine", {"provider": "process", "tags": ["outside"]}),
    *(machine("api"), offer("api/main"), machine("db"), offer("db/main"), machine("ledger"), offer("ledger/main")),
    *(link("public/api", "api/main"), link("api/db", "db/main", READ), link("db/books", "ledger/main")),
]


def violations(policy: dict[str, Any], *more: Any, load: Any = None) -> list[Violation]:
    """Of this one policy, in the town and what is added to it."""
    return check(graph(*TOWN, *more, policies=[policy]).checked(), load)


def texts(policy: dict[str, Any], *more: Any) -> list[str]:
    return [each.text for each in violations(policy, *more)]


def test_nothing_public_reaches_the_ledger() -> None:
    """A way through two others is found, and each step of it is named, with how much is held."""
    found = violations({"name": "quiet", "deny": {"from": "public/*", "to": "ledger.*"}})
    assert [each.policy for each in found] == ["quiet"]
    assert found[0].text == (
        "public reaches ledger/main: public holds api/main as api (unrestricted); api/main belongs to api; api holds db/main as db (read-only); "
        "db/main belongs to db; db holds ledger/main as books (unrestricted)"
    )
    assert found[0].at == ["public", "public/api", "api/db", "db/books", "ledger/main"]


def test_a_way_that_is_not_there_is_no_violation() -> None:
    """The other way round, directly only, through a gate, or with less than what is denied."""
    assert texts({"deny": {"from": "ledger", "to": "public"}}) == []
    assert texts({"deny": {"from": "public", "to": "ledger", "direct": True}}) == []
    assert texts({"deny": {"from": "public", "to": "ledger", "gates": "api"}}) == []
    assert texts({"deny": {"from": "public", "to": "ledger", "unless": {"read_only": True}}}) == []
    assert len(texts({"deny": {"from": "public", "to": "ledger", "gates": "api"}}, link("public/db", "db/main"))) == 1
    assert len(texts({"deny": {"from": "api", "to": "db", "direct": True}})) == 1


def test_a_service_has_what_its_machine_holds() -> None:
    """Who denies by the name of a service means the programs behind it; nothing is told twice."""
    assert len(texts({"deny": {"from": "api/main", "to": "ledger"}})) == 1
    assert len(texts({"deny": {"from": "api", "to": "ledger"}})) == 1


def test_selectors_take_kinds_tags_and_exceptions() -> None:
    """A tag is a field `tags` of the node."""
    assert len(texts({"deny": {"from": {"tag": "outside"}, "to": "ledger"}})) == 1
    assert texts({"deny": {"from": {"tag": "inside"}, "to": "ledger"}}) == []
    assert len(texts({"deny": {"from": {"kind": "machine", "except": ["db", "api"]}, "to": "ledger"}})) == 1
    assert len(texts({"deny": {"from": "*", "to": "ledger", "direct": True}})) == 1
    assert texts({"deny": {"from": ["p?blic", "nobody-*"], "to": "db"}}) != []


def test_only_some_may_hold_it() -> None:
    """`allow`: who else holds it is named; who uses one that may does not hold it."""
    assert texts({"allow": {"from": "api", "to": "db"}}) == []
    assert texts({"allow": {"from": "api", "to": "db"}}, link("public/db", "db/main", READ)) == [
        "public holds db/main (read-only) as public/db, and is not one of those that may"
    ]
    assert (
        texts({"allow": {"from": "api", "to": "db", "unless": {"read_only": True}}}, link("public/db", "db/main", READ))
        == []
    )


def test_some_have_to_reach_it() -> None:
    """`require`: through others, or directly."""
    assert texts({"require": {"from": "public", "to": "ledger"}}) == []
    assert texts({"require": {"from": "public", "to": "ledger", "direct": True}}) == [
        "public reaches nothing of ledger, and has to"
    ]


def test_how_much_may_be_held() -> None:
    """`limit`: each link to it is within; `expires` wants an end."""
    assert texts({"limit": {"to": "db/main", "read_only": True}}) == []
    assert texts({"limit": {"to": "db/main", "read_only": True}}, link("public/db", "db/main")) == [
        "public/db (db/main: unrestricted) gives more than this: read-only"
    ]
    assert texts({"limit": {"from": "api", "to": "db/main", "read_only": True}}, link("public/db", "db/main")) == []
    ends = Attenuation(until=2e9)
    assert texts({"limit": {"to": "ledger", "expires": True}}) == [
        "db/books (ledger/main: unrestricted) does not expire"
    ]
    assert texts({"limit": {"from": "public", "to": "db", "expires": True}}, link("public/db", "db/main", ends)) == []


def test_how_many_may_hold_it() -> None:
    """`most`: holders, not links."""
    more = [link("public/db", "db/main"), link("public/db2", "db/main")]
    assert texts({"most": {"to": "db", "holders": 2}}, *more) == []
    assert texts({"most": {"to": "db", "holders": 1}}, *more) == ["2 hold db/main, and 1 may: api, public"]


def test_why_is_told() -> None:
    """Who reads the violation may not be who wrote the policy."""
    assert texts({"why": "audit 7", "most": {"to": "db", "holders": 0}}) == ["1 hold db/main, and 0 may: api (audit 7)"]


def test_functions_are_asked() -> None:
    """They give texts or violations; one that raises has not passed."""

    def checks(name: str) -> Any:
        assert name == "checks:weekday"
        return lambda graph: [f"{len(graph.links)} links", Violation("own", "mine", ["db"])]

    found = violations({"name": "n", "python": "checks:weekday"}, load=checks)
    assert found == [Violation("n", "3 links", []), Violation("own", "mine", ["db"])]
    assert violations({"python": "checks:weekday"}, load=lambda name: lambda graph: None) == []
    broken = violations({"python": "checks:weekday"}, load=lambda name: lambda graph: 1 // 0)
    assert "checks:weekday failed: ZeroDivisionError" in broken[0].text


def test_a_name_that_is_nowhere_has_not_passed() -> None:
    """A policy with a typo would pass for ever; a pattern may mean nothing yet."""
    assert texts({"name": "quiet", "deny": {"from": "publik", "to": "ledger"}}) == [
        "policy quiet means nothing: publik is not declared: did you mean public?"
    ]
    assert texts({"deny": {"from": "guest-*", "to": "ledger"}}) == []


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({}, "policy 1 has nothing to check: one of deny, allow"),
        ({"deny": {}, "allow": {}}, "has deny and allow"),
        ({"denny": {"from": "a", "to": "b"}}, "nothing to check"),
        ({"deny": {"from": "a"}}, "deny lacks 'to'"),
        ({"deny": {"from": "a", "tu": "b"}}, "no 'tu': from, to"),
        ({"name": "x", "deny": "a"}, "policy x: deny = {"),
        ({"nam": "x", "deny": {"from": "a", "to": "b"}}, "no 'nam': did you mean name"),
        ({"deny": {"from": [], "to": "b"}}, "is a name such as"),
        ({"deny": {"from": {"colour": "red"}, "to": "b"}}, "colour: it has id, kind, tag"),
        ({"deny": {"from": {}, "to": "b"}}, "empty table"),
        ({"deny": {"from": "a", "to": "b", "direct": "yes"}}, "true or false"),
        ({"deny": {"from": "a", "to": "b", "unless": "reads"}}, "is a table"),
        ({"deny": {"from": "a", "to": "b", "unless": {"reads": True}}}, "no reads"),
        ({"limit": {"to": "b"}}, "limits nothing"),
        ({"limit": {"to": "b", "count": "x"}}, "policy 1: limit"),
        ({"most": {"to": "b", "holders": "two"}}, "whole number"),
        ({"python": "checks"}, "module:function"),
        ({"python": "checks:f"}, "cannot be asked here"),
    ],
)
def test_what_makes_no_sense_is_refused(policy: dict[str, Any], says: str) -> None:
    """With the policy's name or number, and what it could be."""
    with pytest.raises(BadArgument, match=says):
        violations(policy)
    if "f" not in str(policy.get("python", "")):
        with pytest.raises(BadArgument, match=says):
            check_policies([policy])


def test_a_violation_fails_the_plan() -> None:
    """What is planned is judged as it would be afterwards."""
    wanted = graph(*TOWN, policies=[{"deny": {"from": "public", "to": "ledger"}}])
    assert len(plan(wanted, Known("shop"), Actual(), KINDS, check).violations) == 1


NODES = [machine(name) for name in "abcdef"] + [offer(f"{name}/x") for name in "abcdef"]


@settings(max_examples=60, deadline=None)
@given(st.sets(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=14))
def test_a_way_is_found_exactly_where_there_is_one(pairs: set[tuple[str, str]]) -> None:
    """Compared with the transitive closure; every way is one of links that follow each other, and none is longer than it has to be."""
    links = [link(f"{one}/{other}", f"{other}/x") for one, other in sorted(pairs)]
    distance = {(one, one): 0 for one in "abcdef"} | {pair: 1 for pair in pairs if pair[0] != pair[1]}
    for by in "abcdef":
        for one in "abcdef":
            for other in "abcdef":
                if (one, by) in distance and (by, other) in distance:
                    far = distance[one, by] + distance[by, other]
                    distance[one, other] = min(far, distance.get((one, other), far))
    found = check(Graph("shop", NODES, links, [{"deny": {"from": "a", "to": {"id": "*", "kind": "offer"}}}]).checked())
    ways = {each.at[-1].removesuffix("/x"): each.at[1:-1] for each in found if each.at[-1] != "a/x"}
    assert {end: len(way) for end, way in ways.items()} == {
        other: far for (one, other), far in distance.items() if one == "a" and far
    }
