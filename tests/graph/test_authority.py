"""Whose authority changes, and which way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.graph import authority_changes, covers, difference
from remit.lib import FREE, Attenuation, Metered, make_attenuation
from tests.graph.kit import link

READ, WRITE = Attenuation(read_only=True), Attenuation(methods=["write"])
ATTENUATIONS = st.builds(
    make_attenuation,
    methods=st.none() | st.lists(st.sampled_from("abc"), max_size=3),
    read_only=st.booleans(),
    prefix=st.none() | st.text("xy", max_size=2),
    count=st.none() | st.integers(0, 3),
    until=st.none() | st.floats(1, 3),
    rate=st.none() | st.lists(st.tuples(st.integers(1, 3), st.sampled_from([1.0, 2.0, 60.0])), max_size=2),
    bytes=st.none() | st.integers(0, 3),
    connections=st.none() | st.integers(0, 3),
).map(lambda made: made.checked())


@given(ATTENUATIONS, ATTENUATIONS)
def test_what_both_pass_is_covered_by_each(a: Attenuation, b: Attenuation) -> None:
    """The meet of two attenuations is narrower than each, or the same; and one that covers the other gives the other as meet."""
    assert covers(a, a & b)
    assert covers(b, a & b)
    if covers(a, b) and not a.rate and not b.rate and b.methods != []:
        assert a & b == b


@given(ATTENUATIONS, ATTENUATIONS, ATTENUATIONS)
def test_covering_is_an_order(a: Attenuation, b: Attenuation, c: Attenuation) -> None:
    """Each covers itself, and what covers a covering one covers what that covers."""
    assert covers(a, a)
    if covers(a, b) and covers(b, c):
        assert covers(a, c)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (FREE, FREE, "same"),
        (FREE, READ, "narrower"),
        (READ, FREE, "wider"),
        (READ, WRITE, "other"),
        (None, READ, "gained"),
        (READ, None, "lost"),
        (Attenuation(rate=[[10, 1.0]]), Attenuation(rate=[[5, 1.0]]), "narrower"),
        (Attenuation(rate=[[10, 1.0]]), Attenuation(rate=[[20, 60.0]]), "other"),
        (Attenuation(until=10.0), Attenuation(until=20.0), "wider"),
        (Attenuation(prefix="a"), Attenuation(prefix="ab"), "narrower"),
        (FREE, Metered(bytes=10), "narrower"),
        (Metered(bytes=10), Metered(bytes=5, connections=3), "narrower"),
        (Metered(connections=1), Metered(connections=2), "wider"),
    ],
)
def test_differences_have_names(old: Any, new: Any, word: str) -> None:
    """A change narrows, widens, or does both."""
    assert difference(old, new) == word


def test_a_link_under_another_name_changes_no_authority() -> None:
    """What one node holds of one service counts, not under which names."""
    before, after = [link("app/db", "db/main", READ)], [link("app/store", "db/main", READ)]
    assert authority_changes(before, after) == []


def test_what_is_gained_and_lost_is_told_for_each_pair() -> None:
    """A narrowed link loses what it had and gains nothing new; a new grantee gains; one that is gone loses."""
    before = [link("app/db", "db/main"), link("old/db", "db/main", READ)]
    after = [link("app/db", "db/main", READ), link("new/db", "db/main", WRITE)]
    found = {each.grantee: each for each in authority_changes(before, after)}
    assert (found["app"].gained, found["app"].lost, found["app"].left) == ([], [FREE], [READ])
    assert (found["old"].gained, found["old"].lost, found["old"].left) == ([], [READ], [])
    assert (found["new"].gained, found["new"].lost) == ([WRITE], [])


def test_what_is_counted_anew_is_gained() -> None:
    """A link that is made again counts its uses from the beginning."""
    thrice = [link("app/db", "db/main", Attenuation(count=3))]
    assert authority_changes(thrice, thrice) == []
    (change,) = authority_changes(thrice, thrice, ["binding app/db"])
    assert change.gained == [Attenuation(count=3)]
