"""The JSON form of values."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from remit.app.store._form import LARGEST, from_json, to_json
from remit.errors import BadArgument, NotPassable, StoreCorrupt
from remit.values import NULL, Secret, Symbol, passable, same
from tests.strategies import VALUES, Point


@given(VALUES)
def test_values_come_back_by_kind(value: object) -> None:
    """What was written is read as the same value, kinds included."""
    assert same(from_json(to_json(value)), passable(value))
    assert to_json(from_json(to_json(value))) == to_json(value)


def test_people_can_read_it() -> None:
    """What JSON has is written as JSON has it, in jsonb's order of keys."""
    text = to_json({"name": "Ada", "n": 1, "x": 1.5, "list": [None, True], "p": Point(1, "two")})
    assert text == b'{"n":1,"p":{"$":"tests.point","x":1,"y":"two"},"x":1.5,"list":[null,true],"name":"Ada"}'
    assert json.loads(to_json([NULL, Symbol("s"), b"hi", "a\0b", {"$": 1}])) == [
        {"$null": True},
        {"$symbol": "s"},
        {"$bytes": "aGk="},
        {"$text": ["a", "b"]},
        {"$$": 1},
    ]


def test_a_record_with_a_new_field() -> None:
    """A field that was added with a default has it; one without, one that is gone, and a class that is not known are told, and nothing is guessed."""
    assert same(from_json('{"$":"tests.point","x":7}'), Point(7))
    for text, words in (
        ('{"$":"tests.point"}', "no field 'x'"),
        ('{"$":"tests.point","x":1,"z":2}', "has a field 'z'"),
        ('{"$":"tests.nobody"}', "import the module"),
        ('{"$":1}', "does not know"),
        ('{"$new":1}', r"has the key '\$new'"),
        ('{"$bytes":"!"}', "cannot be read"),
        ('{"$bytes":1}', "cannot be read"),
        ("{", "no JSON"),
    ):
        with pytest.raises(StoreCorrupt, match=words):
            from_json(text)


def test_what_is_refused() -> None:
    """No reference, no set, nothing that contains itself; and nothing larger than a message can carry."""
    endless: list[object] = []
    endless.append(endless)
    for value in (object(), {1, 2}, endless, {"a": print}):
        with pytest.raises(NotPassable):
            to_json(value)
    with pytest.raises(BadArgument, match="too large"):
        to_json(b"x" * LARGEST)


def test_a_secret_is_kept_and_not_shown() -> None:
    """A `Secret` is kept as a record, and errors about values never show any."""
    assert from_json(to_json(Secret("s3cret"))).text == "s3cret"
    with pytest.raises(BadArgument) as caught:
        to_json([Secret("s3cret"), "x" * LARGEST])
    assert "s3cret" not in str(caught.value)
