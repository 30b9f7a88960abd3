"""Joining promises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import Broken, Conflict
from remit.lib import all_of, any_of, race
from remit.vat import PENDING, Promise, Vat, actor, promise, resolved
from tests.lib.objects import outcome

JOINS = {"all": all_of, "any": any_of, "race": race}


@actor(kind="test.joiner", version=1)
class Joiner:
    resolvers: list[Any] = []

    def join(self, how: str, count: int) -> Any:
        pairs = [promise() for _ in range(count)]
        self.resolvers = [resolver for _, resolver in pairs]
        return [JOINS[how](*[made for made, _ in pairs])]

    def settle(self, at: int, value: Any) -> None:
        if isinstance(value, Broken):
            self.resolvers[at].break_(value)
        else:
            self.resolvers[at].fulfill(value)

    def at_once(self, how: str, *values: Any) -> Any:
        return JOINS[how](*values)

    def joined_and_failed(self, given: Any) -> None:
        all_of(given)
        raise ValueError

    async def awaiting(self, *values: Any) -> Any:
        return await all_of(*values)


def expected(how: str, results: dict[int, Any], order: list[int], count: int) -> Any:
    """What a join is after these results came in this order; PENDING if that is not decided."""
    for done, at in enumerate(order, 1):
        failed = isinstance(results[at], Broken)
        if how == "race" or (how == "all") is failed:
            return results[at]
        if done == count:
            return [results[i] for i in range(count)] if how == "all" else Broken
    return PENDING


@given(st.sampled_from(["all", "any", "race"]), st.data())
def test_joins_settle_with_what_decides_them(how: str, data: st.DataObject) -> None:
    """all_of with all results in their order or the first break, any_of with the first result or all breaks, race with the first."""
    count = data.draw(st.integers(1, 4))
    order = data.draw(st.permutations(range(count)))
    broken = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    results = {at: Conflict(f"break {at}") if broken[at] else f"result {at}" for at in range(count)}
    vat = Vat()
    joiner = vat.spawn(Joiner)
    (joined,) = outcome(vat, joiner.join(how, count))
    for done in range(count + 1):
        want = expected(how, results, order[:done], count)
        found = outcome(vat, joined)
        if want is PENDING:
            assert isinstance(found, Promise)
        elif want is Broken and count > 1:
            assert all(f"break {at}" in found.message for at in range(count))
        else:
            assert found == (results[order[0]] if want is Broken else want)
        if done < count:
            outcome(vat, joiner.settle(order[done], results[order[done]]))


def test_values_stand_for_themselves() -> None:
    """What is no promise is settled already, references included; all_of of nothing is an empty list."""
    vat = Vat()
    joiner = vat.spawn(Joiner)
    assert outcome(vat, joiner.at_once("all", 1, [2], joiner)) == [1, [2], joiner]
    assert outcome(vat, joiner.at_once("any", 1, 2)) == 1 and outcome(vat, joiner.at_once("race", 3)) == 3
    assert outcome(vat, joiner.at_once("all")) == []
    assert outcome(vat, joiner.awaiting(1, joiner.at_once("all", 2))) == [1, [2]]


@pytest.mark.parametrize("how", ["any", "race"])
def test_nothing_to_wait_for_is_an_error(how: str) -> None:
    """A promise that could never settle is not made."""
    vat = Vat()
    assert "Misuse" in str(outcome(vat, vat.spawn(Joiner).at_once(how)))


def test_promises_of_other_vats_join() -> None:
    """Results come from wherever they are."""
    ours, theirs = Vat("ours"), Vat("theirs")
    joined = ours.spawn(Joiner).at_once("all", theirs.spawn(Joiner).at_once("all", 1), 2)
    while ours.run() + theirs.run():
        pass
    assert resolved(joined) == [[1], 2]


def test_a_turn_that_fails_waits_for_nothing() -> None:
    """A join is an effect of its turn."""
    vat = Vat()
    joiner = vat.spawn(Joiner)
    (pending,) = outcome(vat, joiner.join("all", 1))
    assert outcome(vat, joiner.joined_and_failed(pending)).kind == "ValueError"
    assert pending._pending is None
