"""Tables and sets as objects."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import BadArgument, Missing, NotAllowed
from remit.lib import Attenuated, Attenuation, Map, Set, supports
from remit.values import Symbol
from remit.vat import Vat
from tests.lib.objects import outcome

KEYS = st.text("ab", max_size=2)
CHANGES = st.one_of(
    st.tuples(st.just("set"), KEYS, st.integers()),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("update"), st.dictionaries(KEYS, st.integers(), max_size=3)),
    st.tuples(st.just("clear"), KEYS),
)


def change(model: dict[str, int], name: str, *args: Any) -> None:
    """The same change of a plain dictionary."""
    if name == "set":
        model[args[0]] = args[1]
    elif name == "delete":
        model.pop(args[0], None)
    elif name == "update":
        model.update(args[0])
    else:
        for key in [key for key in model if key.startswith(args[0])]:
            del model[key]


@given(st.lists(CHANGES, max_size=10), KEYS)
def test_a_map_is_a_dictionary_in_the_order_of_its_keys(changes: list[Any], prefix: str) -> None:
    """After any changes it reads as a plain dictionary does that was changed in the same way."""
    vat = Vat()
    table, model = vat.spawn(Map), {}
    for name, *args in changes:
        outcome(vat, getattr(table, name)(*args))
        change(model, name, *args)
    there = {key: model[key] for key in sorted(model) if key.startswith(prefix)}
    assert outcome(vat, table.keys(prefix)) == list(there)
    assert outcome(vat, table.values(prefix)) == list(there.values())
    assert outcome(vat, table.items(prefix)) == [list(item) for item in there.items()]
    assert outcome(vat, table.size(prefix)) == len(there) and outcome(vat, table.size()) == len(model)
    assert outcome(vat, table.get(prefix, "none")) == model.get(prefix, "none")
    assert outcome(vat, table.has(prefix)) is (prefix in model)


def test_keys_of_all_kinds_are_listed_in_one_order() -> None:
    """By kind, then by value; a prefix lists texts only."""
    vat = Vat()
    table = vat.spawn(Map, {"b": 1, 2: 2, Symbol("s"): 3, b"x": 4, "a": 5})
    assert outcome(vat, table.keys()) == [Symbol("s"), b"x", 2, "a", "b"]
    assert outcome(vat, table.keys("a")) == ["a"]


def test_taking_a_key_out() -> None:
    """`delete` says whether it was there, `take` gives the value and breaks where there is none."""
    vat = Vat()
    table = vat.spawn(Map, {"a": 1, "b": 2})
    assert outcome(vat, table.delete("a")) is True and outcome(vat, table.delete("a")) is False
    assert outcome(vat, table.take("b")) == 2
    assert isinstance(outcome(vat, table.take("b")), Missing)


@pytest.mark.parametrize("key", [True, 1.5, None, ["a"]])
def test_other_keys_are_refused(key: Any) -> None:
    """What Python would mistake for another key, or can't look up, is a clear error in tables and sets."""
    vat = Vat()
    for sent in (vat.spawn(Map).set(key, 1), vat.spawn(Map).get(key), vat.spawn(Set).add(key)):
        assert isinstance(outcome(vat, sent), BadArgument)


def test_a_map_can_be_granted_by_prefix() -> None:
    """Keys under the prefix are its holder's, listings of them included; all others are out of reach."""
    assert {"read_only", "prefix"} <= supports(Map)
    vat = Vat()
    table = vat.spawn(Map, {"app/a": 1, "db/a": 2})
    ref = vat.spawn(Attenuated, table, Attenuation(prefix="app/"))
    assert outcome(vat, ref.keys("app/")) == ["app/a"] and outcome(vat, ref.clear("app/")) is None
    assert outcome(vat, ref.set("app/b", 3)) is None
    for refused in (ref.keys(), ref.size(), ref.get("db/a"), ref.clear(), ref.update({"db/a": 1}), ref.items("")):
        assert isinstance(outcome(vat, refused), NotAllowed)
    assert outcome(vat, table.items()) == [["app/b", 3], ["db/a", 2]]


def test_a_set_holds_each_member_once() -> None:
    """Data and references; adding and removing say whether anything changed."""
    vat = Vat()
    members = vat.spawn(Set)
    for member in ("b", "a", 3, members):
        assert outcome(vat, members.add(member)) is True and outcome(vat, members.add(member)) is False
    assert outcome(vat, members.values()) == [3, "a", "b", members]
    assert outcome(vat, members.has("a")) is True and outcome(vat, members.remove("a")) is True
    assert outcome(vat, members.remove("a")) is False and outcome(vat, members.has("a")) is False
    assert outcome(vat, members.size()) == 3
