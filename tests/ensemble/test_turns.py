"""Time travel of servers: turns, objects as they were, who called whom, on one node and across two."""

from __future__ import annotations

import asyncio
import json

import pytest

from remit.ensemble import calls_picture, joined, serve
from remit.errors import BadArgument, Broken, Missing
from remit.graph.picture import as_data, dot, mermaid, svg, text
from remit.values import Secret
from remit.vat import actor
from tests.ensemble.town import town


@actor(kind="test.turns.till")
class Till:
    """Counts what comes in, and passes it on."""

    total: int = 0
    code: object = None
    book: object = None

    def pay(self, amount: int):
        self.total += amount
        return self.book.enter(amount)


@actor(kind="test.turns.book")
class Book:
    entries: list

    def enter(self, amount: int):
        self.entries.append(amount)
        return len(self.entries)


def on_stage(tmp_path, main):
    async def staged():
        async with asyncio.timeout(20), town(tmp_path) as place, serve("shop", home=place.home) as server:
            till = server.vat.spawn(Till, 0, Secret("hunter2"), server.vat.spawn(Book, []))
            server.name("till", till)
            part = await (await place.console.control("shop", ["inspect"])).part("inspect")
            await main(place, server, till, part)

    asyncio.run(staged())


def test_turns_of_a_server_are_kept_when_somebody_asks(tmp_path):
    """Off before and after; with cause, what was sent and changed; of one object by its name; one turn with what it led to."""

    async def main(place, server, till, part):
        with pytest.raises(Missing, match="--keep"):
            await part.turns()
        assert (await part.keep_turns(60.0))["keeping"] is True
        await till.pay(5)
        paid = (await part.turns(10, "till"))[-1]
        assert paid["actor"].startswith("till (test.turns.till#")
        assert (paid["method"], paid["node"]) == ("pay(int)", "shop@/")
        whole = await part.turn(paid["turn"])
        assert whole["changes"] == [
            {"actor": paid["actor"].partition("(")[2][:-1], "field": "total", "before": "0", "after": "5"}
        ]
        entered = await part.turn(whole["led_to"][0])
        assert (entered["method"], entered["cause"]) == ("enter(int)", paid["turn"])
        assert [change["after"] for change in entered["changes"]] == ["[5]"]
        await part.keep_turns(0.0)
        assert server.vat._past is None
        assert (await part.turn(paid["turn"]))["turn"] == paid["turn"]

    on_stage(tmp_path, main)


def test_an_object_is_looked_at_by_name_and_turn(tmp_path):
    """As it is, after a turn, and before it; by the server's name or by its label; no secret is in it."""

    async def main(place, server, till, part):
        assert (await part.object_at("till"))["fields"]["total"] == "0"
        await part.keep_turns(60.0)
        await till.pay(5)
        await till.pay(7)
        first, second = [turn["turn"] for turn in await part.turns(10, "till")]
        fields = [
            (await part.object_at("till", number))["fields"]["total"] for number in (first - 1, first, second, None)
        ]
        assert fields == ["0", "5", "12", "12"]
        found = await part.object_at("till", None)
        assert "hunter2" not in str(found)
        label = found["actor"].partition("(")[2][:-1]
        assert (await part.object_at("#" + label.partition("#")[2], first))["fields"] == (
            await part.object_at("till", first)
        )["fields"]
        with pytest.raises(Missing, match="no object is called 'nope' here"):
            await part.object_at("nope", None)

    on_stage(tmp_path, main)


def test_keeping_ends_by_itself_and_has_bounds(tmp_path):
    """After its time the vat runs as before; more than there is room for is refused."""

    async def main(place, server, till, part):
        await part.keep_turns(0.05)
        async with asyncio.timeout(10):
            while server.vat._past is not None:
                await asyncio.sleep(0.01)
        for wrong in ((1e9,), (10.0, 10**9), (10.0, 0, 10**12)):
            with pytest.raises(BadArgument, match="at most"):
                await part.keep_turns(*wrong)

    on_stage(tmp_path, main)


def test_turns_are_spilled_to_a_private_file(tmp_path):
    """One line of JSON for each, without states."""

    async def main(place, server, till, part):
        await part.keep_turns(60.0, 0, 0, True)
        await till.pay(5)
        await part.keep_turns(0.0)
        file = server.file_directory / "turns.jsonl"
        assert file.stat().st_mode & 0o777 == 0o600
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert "pay(int)" in [line["method"] for line in lines]
        assert "hunter2" not in file.read_text()

    on_stage(tmp_path, main)


def test_turns_of_two_servers_are_put_together(tmp_path):
    """A message from one server to another: the turn there has the turn here as its cause, and the picture shows the call."""

    async def main(place, server, till, part):
        async with serve("books", home=place.home) as other:
            book = other.vat.spawn(Book, [])
            far = await server.node.fetch_from(await other.network.sturdy(book))
            branch = server.vat.spawn(Till, 0, None, far)
            server.name("branch", branch)
            theirs = await (await place.console.control("books", ["inspect"])).part("inspect")
            for each in (part, theirs):
                await each.keep_turns(60.0)
            entry = await place.console.node.fetch_from(await server.network.sturdy(branch))
            assert await entry.pay(5) == 1
            found = [*await part.turns(1000), *await theirs.turns(1000)]
            traces = sorted({turn["trace"] for turn in found if turn["trace"]})
            turns = joined(found, [*await part.steps(traces), *await theirs.steps(traces)])
            (paid,) = [turn for turn in turns if turn["method"] == "pay(int)"]
            (entered,) = [turn for turn in turns if turn["method"] == "enter(int)"]
            assert entered["by"] == ["shop@/", paid["turn"]]
            drawn = calls_picture(turns, "both")
            assert any(
                "shop@/ branch" in hold.box and "books@/" in hold.service and hold.name == "enter"
                for hold in drawn.holds
            )

    on_stage(tmp_path, main)


def test_a_picture_shows_who_called_whom_and_how_often():
    """In every format; calls from outside stand by themselves, failures are counted, names are printable."""

    def turn(number, actor, method, by, **more):
        return {
            "node": "a@/",
            "turn": number,
            "actor": actor,
            "method": method,
            "by": by,
            "began": None,
            "error": "",
            **more,
        }

    turns = [
        turn(1, "till#1", "pay(int)", None),
        turn(2, "book#2", "enter(int)", ["a@/", 1]),
        turn(3, "till#1", "pay(int)", None, error="x"),
        turn(4, "book#2", "enter(int)", ["a@/", 3]),
        turn(5, "till#1", "pay(int)", ["a@/", 3], began=3),
        turn(6, "evil\x1b[2J", "()", ["a@/", 99]),
    ]
    drawn = calls_picture(turns, "a")
    calls = {(hold.box, hold.name, hold.service): hold.words for hold in drawn.holds}
    assert calls == {
        ("outside", "pay", "till#1"): "2 calls, 1 failed",
        ("till#1", "enter", "book#2"): "2 calls",
        ("outside", "()", "evil\\x1b[2J"): "1 call",
    }
    assert {box.id: box.note for box in drawn.boxes}["till#1"] == "3 turns"
    for form in (text, svg, dot, mermaid):
        assert "till#1" in form(drawn).replace("#35;", "#")
        assert "\x1b" not in form(drawn)
    assert as_data(drawn)


def test_only_who_may_inspect_sees_turns(tmp_path):
    """It is a part of the control object as others: a key without a grant gets nothing."""

    async def main(place, server, till, part):
        with pytest.raises(Broken):
            await (await place.console.presence("shop")).part("inspect")

    on_stage(tmp_path, main)
