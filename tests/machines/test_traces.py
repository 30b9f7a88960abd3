"""Traces over machines: the boss has them followed, and puts together what each has recorded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit.errors import Missing
from remit.machines._traces import MOST, WORDS, merged
from tests.machines.town import Town

STEP = {
    "trace": "0123456789abcdef",
    "id": "abc-2",
    "cause": "abc-1",
    "at": 5.0,
    "took": 0.5,
    "turn": 3,
    "vat": "db",
    "kind": "test.table",
    "method": "names",
    "from": "abcdefghij",
    "to": "",
    "result": "ok",
    "error": "",
}


def test_steps_of_all_machines_are_in_causal_order_with_their_machines() -> None:
    """By their ids, which count from cause to effect; nodes are called by their machines' names where these are known."""
    earlier = {**STEP, "id": "xyz-1", "cause": None, "from": "unknown-node"}
    made = merged({"db": {"steps": [STEP]}, "boss": {"steps": [earlier], "recent": ["a", "b"]}}, {"abcdefghij": "app"})
    assert [(step["machine"], step["from"]) for step in made["steps"]] == [("boss", "unknown-"), ("db", "app")]
    assert made["recent"] == ["a", "b"]


def test_a_machine_cannot_speak_for_another_or_fill_the_boss() -> None:
    """Whatever it answers: it is named by whom was asked, fields have their types and sizes, and there are only so many."""
    odd: list[Any] = [
        {**STEP, "machine": "boss", "extra": "x" * 10**6},
        5,
        None,
        {"id": 7, "at": "now", "took": float("nan")},
    ]
    odd += [{"method": "\x1b[2J" + "x" * 10**6, "cause": ["list"]}]
    made = merged(
        {"db": {"steps": odd, "failure": {"id": "a", "kind": "K", "traceback": "secret"}, "recent": [1, "x" * 10**6]}},
        {},
    )
    assert {step["machine"] for step in made["steps"]} == {"db"}
    assert len(made["steps"]) == 3
    for step in made["steps"]:
        assert set(step) == {*STEP, "machine"}
        assert all(len(value) <= 4 * WORDS and value.isprintable() for value in step.values() if isinstance(value, str))
        assert step["cause"] is None or isinstance(step["cause"], str)
    assert "traceback" not in made["failures"][0]
    assert len(repr(made)) < 20_000
    assert len(merged({"db": {"steps": [STEP] * (5 * MOST)}}, {})["steps"]) == MOST
    for nonsense in (None, 5, [], {"steps": 5, "failure": 5, "recent": 5}):
        assert merged({"db": nonsense}, {}) == {"steps": [], "failures": [], "recent": []}


def test_all_machines_are_told_and_asked() -> None:
    """One machine, or all and the boss itself; those that are away are named, and the others answer."""

    async def main() -> None:
        async with Town() as town:
            await town.machines("db", "app")
            await town.boss.watch("0123456789abcdef", 60.0)
            for box in town.boxes.values():
                assert list(box.network.tracing._followed) == ["0123456789abcdef"]
            told = await town.boss.watch(None, 60.0, "db")
            assert told == {"watching": ["db"], "missing": []}
            assert town.boxes["db"].network.tracing.remaining > 0
            assert town.boxes["app"].network.tracing.remaining == 0
            town.boxes["db"].network.tracing.remember({**STEP, "error": "db.1"})
            town.boxes["app"].network.tracing.remember({**STEP, "id": "abc-3"})
            town.world.down.add(town.boxes["app"].network.designator)
            found = await town.boss.recall("0123")
            assert [step["machine"] for step in found["steps"]] == ["db"]
            assert [absent["machine"] for absent in found["missing"]] == ["app"]
            town.world.down.clear()
            assert len((await town.boss.recall("0123"))["steps"]) == 2
            with pytest.raises(Missing, match="did you mean 0123456789abcdef"):
                await town.boss.recall("0123456789abcxyz")
            with pytest.raises(Missing):
                await town.boss.watch(None, 60.0, "nobody")

    asyncio.run(main())


def test_an_error_is_found_with_the_whole_trace_that_led_to_it() -> None:
    """By its correlation id: where it happened, without the traceback; then the steps of all machines."""

    async def main() -> None:
        async with Town() as town:
            await town.machines("db", "app")
            db, app = town.boxes["db"].network, town.boxes["app"].network
            db.tracing.remember({**STEP, "error": "db.1"})
            app.tracing.remember({**STEP, "id": "abc-1", "cause": None})
            db.log = Found(
                {"id": "db.1", "at": 7.0, "vat": "db", "where": "names()", "kind": "KeyError", "message": "no"}
            )  # type: ignore[assignment]
            found = await town.boss.recall("db.1")
            assert [step["machine"] for step in found["steps"]] == ["app", "db"]
            (failure,) = found["failures"]
            assert (failure["machine"], failure["where"], failure["kind"]) == ("db", "names()", "KeyError")

    asyncio.run(main())


class Found:
    """A log that knows one failure."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.entry = entry

    def find(self, id: str) -> dict[str, Any] | None:
        return self.entry if id == self.entry["id"] else None

    def ids(self) -> list[str]:
        return [self.entry["id"]]
