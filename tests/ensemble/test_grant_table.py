"""The table of grants: merging, taking back, ends, and that nobody gives what he has not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.ensemble.admin import ADMIN, LOCAL, Grant, GrantTable
from remit.ensemble.admin._table import MOST, UNLOCKED
from remit.errors import BadArgument, Conflict, Missing, Refused, StoreCorrupt, StoreTooNew
from remit.net import designator_of

A, B, C = (designator_of(bytes([number]) * 32) for number in (1, 2, 3))
NAMES = {A: "a", B: "b", C: "c"}
NOW = 1000.0


def grant(key: str, part: str, expires: float | None = None, by: str = LOCAL) -> Grant:
    return Grant(key, NAMES[key], part, expires, by, NOW)


def table(*grants: Grant, now: float = NOW) -> GrantTable:
    made = GrantTable()
    for each in grants:
        made = made.with_grants([each], now)
    return made


def test_authorising_merges() -> None:
    """Parts given later are added to those given before."""
    made = table(grant(A, "eval"), grant(A, "load", 2000.0))
    assert made.held(A, NOW) == {"eval": None, "load": 2000.0}
    assert made.held(B, NOW) == {}


def test_the_same_part_again_by_the_same_giver_has_its_new_end() -> None:
    """Also an earlier one."""
    assert table(grant(A, "eval"), grant(A, "eval", 1500.0)).held(A, NOW) == {"eval": 1500.0}


def test_several_givers_count_each() -> None:
    """A second giver takes nothing of what the first gave."""
    made = table(grant(B, ADMIN), grant(B, "eval", 1800.0), grant(A, "eval"), grant(A, "eval", 1500.0, by=B))
    assert made.held(A, NOW) == {"eval": None}
    left, _ = made.without(A, ["eval"], LOCAL, NOW)
    assert left.held(A, NOW) == {}


def test_taking_back_some_parts_leaves_the_others() -> None:
    """E14: gerbil's retract takes all."""
    made = table(grant(A, "eval"), grant(A, "load"), grant(B, "eval"))
    left, gone = made.without("a", ["eval"], LOCAL, NOW)
    assert left.held(A, NOW) == {"load": None}
    assert left.held(B, NOW) == {"eval": None}
    assert [(each.shown, each.part) for each in gone] == [("a", "eval")]
    assert left.without(A, [], LOCAL, NOW)[0].held(A, NOW) == {}


def test_a_grant_ends() -> None:
    """At its time, and is then forgotten."""
    made = table(grant(A, "eval", 1500.0))
    assert made.next_end(NOW) == 1500.0
    assert made.held(A, 1499.0) == {"eval": 1500.0}
    assert made.held(A, 1500.0) == {}
    assert made.pruned(1500.0).grants == []


@pytest.mark.parametrize("missing", [ADMIN, "eval"])
def test_nobody_gives_what_he_does_not_hold(missing: str) -> None:
    """Neither a part, nor anything without the right to give."""
    have = [grant(A, part) for part in (ADMIN, "eval") if part != missing]
    with pytest.raises(Refused, match=f"no grant of {missing}"):
        table(*have, grant(B, "eval", by=A))


def test_nobody_gives_for_longer_than_he_holds() -> None:
    """Not for ever, where his own has an end."""
    have = [grant(A, ADMIN), grant(A, "eval", 1500.0)]
    for end in (None, 1501.0):
        with pytest.raises(Refused, match="ends at 1500"):
            table(*have, grant(B, "eval", end, by=A))
    assert table(*have, grant(B, "eval", 1500.0, by=A)).held(B, NOW) == {"eval": 1500.0}


def test_what_was_given_on_goes_with_what_it_came_from() -> None:
    """Over as many givers as there are."""
    made = table(
        *(grant(A, ADMIN), grant(A, "eval")),
        *(grant(B, ADMIN, by=A), grant(B, "eval", by=A)),
        grant(C, "eval", by=B),
    )
    assert made.held(C, NOW) == {"eval": None}
    left, gone = made.without(A, ["eval"], LOCAL, NOW)
    assert (left.held(B, NOW), left.held(C, NOW)) == ({ADMIN: None}, {})
    assert [(each.shown, each.part) for each in gone] == [("a", "eval"), ("b", "eval"), ("c", "eval")]


def test_two_that_gave_to_each_other_do_not_hold_each_other_up() -> None:
    """What began with a grant that is taken back ends with it."""
    made = table(
        *(grant(A, ADMIN), grant(A, "eval")),
        *(grant(B, ADMIN, by=A), grant(B, "eval", by=A)),
        *(grant(A, ADMIN, by=B), grant(A, "eval", by=B)),
    )
    left, _ = made.without(A, [], LOCAL, NOW)
    assert left.grants == []


def test_a_giver_takes_back_only_what_he_gave() -> None:
    """The roots take back anything."""
    made = table(grant(A, ADMIN), grant(A, "eval"), grant(B, "eval"), grant(C, "eval", by=A))
    with pytest.raises(Missing, match="there are: c eval"):
        made.without("b", [], A, NOW)
    assert made.without("c", [], A, NOW)[0].held(C, NOW) == {}
    assert made.without("b", [], UNLOCKED, NOW)[0].held(B, NOW) == {}


def test_taking_back_what_is_not_there_says_what_is() -> None:
    """Nothing else is taken back then."""
    made = table(grant(A, "eval"))
    with pytest.raises(Missing, match=r"no grant of load here.*there are: a eval"):
        made.without("a", ["eval", "load"], LOCAL, NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        Grant("x", "x", "eval", None, LOCAL, NOW),
        Grant(A, "x", "ev al", None, LOCAL, NOW),
        Grant(A, "x", "eval", NOW, LOCAL, NOW),
        Grant(A, "x", "eval", float("nan"), LOCAL, NOW),
        Grant(A, "", "eval", None, LOCAL, NOW),
        Grant(A, "x", "eval", None, "somebody", NOW),
        Grant(A, "x", "eval", True, LOCAL, NOW),
    ],
)
def test_what_is_no_grant_is_refused(wrong: Grant) -> None:
    """And changes nothing."""
    with pytest.raises(BadArgument):
        table(wrong)


def test_a_table_has_a_limit() -> None:
    """The error says which."""
    grants = [grant(A, f"part{number}") for number in range(MOST)]
    made = GrantTable().with_grants(grants, NOW)
    with pytest.raises(Conflict, match=str(MOST)):
        made.with_grants([grant(B, "eval")], NOW)


def test_a_damaged_file_gives_nothing() -> None:
    """It is not taken for an empty one; a newer one says so."""
    good = table(grant(A, "eval")).to_bytes()
    for data in (
        b"",
        b"[]",
        b"{}",
        good[:-20],
        good.replace(A.encode(), b"x"),
        b'{"version":1,"grants":[3]}',
        b"[" * 9999,
    ):
        with pytest.raises(StoreCorrupt, match="/srv/grants is damaged"):
            GrantTable.from_bytes(data, "/srv/grants")
    with pytest.raises(StoreTooNew):
        GrantTable.from_bytes(json.dumps({"version": 2}).encode(), "x")


KEYS = st.sampled_from([A, B, C])
WORDS = st.sampled_from([ADMIN, "eval", "load"])
ENDS = st.sampled_from([None, 1100.0, 1200.0])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("give"), KEYS, WORDS, ENDS, st.sampled_from([LOCAL, A, B, C])),
        st.tuples(st.just("take"), KEYS, WORDS, ENDS, st.sampled_from([LOCAL, A, B, C])),
        st.tuples(st.just("wait"), st.sampled_from([0.0, 60.0])),
    ),
    max_size=25,
)


@given(STEPS)
def test_nobody_ever_holds_more_than_the_roots_gave_to_somebody(steps: list[Any]) -> None:
    """Whatever was given, taken back and waited for; and the file says the same as the table."""
    made, now = GrantTable(), NOW
    for step in steps:
        if step[0] == "wait":
            now += step[1]
            continue
        what, key, part, end, by = step
        try:
            if what == "give":
                made = made.with_grants([Grant(key, NAMES[key], part, end, by, now)], now)
            else:
                made, gone = made.without(key, [part], by, now)
                assert gone
        except (Refused, Missing, BadArgument):
            continue
        roots = {each.part for each in made.grants if each.by == LOCAL}
        held = {each: made.held(each, now) for each in (A, B, C)}
        assert {part for parts in held.values() for part in parts} <= roots
        again = GrantTable.from_bytes(made.to_bytes(), "x")
        assert again.grants == made.grants
        assert (
            {each: again.held(each, now) for each in (A, B, C)}
            == held
            == {each: made.pruned(now).held(each, now) for each in (A, B, C)}
        )
