"""The status as text: it says what the data says, whatever has happened since it was last asked for."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import pytest

from remit.errors import BadArgument, Broken, ProviderError
from remit.machines import _told
from remit.net import NodeKey
from remit.values import DEFAULT_LIMITS, encode
from tests.machines.town import Town, in_town

LISTS = ("alarms", "machines", "edges", "sessions")


async def pages(town: Town, *text: bool) -> list[dict[str, Any]]:
    """The whole status; each page is within the frame of a peer with default limits."""
    found = [await town.boss.status(None, *text)]
    while found[-1]["next"] is not None:
        found.append(await town.boss.status(found[-1]["next"], *text))
    assert all(len(encode(page)) < DEFAULT_LIMITS.frame * 0.8 for page in found)
    return found


async def in_text(town: Town) -> dict[str, Any]:
    """The status as text, read again."""
    told = await pages(town, True)
    texts = {name: b",".join(page[name] for page in told if page[name]) for name in LISTS}
    assert all(text.isascii() and b"\n" not in text for text in texts.values())
    found: dict[str, Any] = {name: json.loads(b"[%b]" % text) for name, text in texts.items()}
    assert told[0]["totals"] == {name: len(found[name]) for name in ("machines", "edges")}
    return found


async def same(town: Town) -> dict[str, Any]:
    """The machines of the status, which is the same in both forms; by a second asking most of the text is there already."""
    told = await pages(town)
    seen = {name: [row for page in told for row in page[name]] for name in LISTS}
    for _ in range(2):
        assert await in_text(town) == seen
    return {each["name"]: each for each in seen["machines"]}


def test_text_says_at_any_time_what_data_says() -> None:
    """A machine is asked for, has more time, comes, says hello, has an alarm, fails, gets another name, and goes."""

    async def work(town: Town) -> None:
        await same(town)
        town.enrol = False
        await town.machines("new")
        first = (await same(town))["new"]["introduction"]
        town.world.time += 10
        await town.boss.start_machine("new")
        assert (await same(town))["new"]["introduction"]["expires"] > first["expires"]
        late = await town.stranger("late")
        await late.redeem(town.introduction("new"), town.network.key.public)
        assert (await same(town))["new"]["introduction"]["redeemed"]
        town.enrol = True
        await town.shop()
        for box in (*town.boxes.values(), late):
            town.world.time += 100
            await box.hob.hello()
            await same(town)
        other = await town.stranger("other")
        with pytest.raises(Broken, match="another key"):
            await other.redeem(town.introduction("db"), town.network.key.public)
        assert (await same(town))["db"]["alarms"]
        await town.boss.clear_alarm("db")
        assert not (await same(town))["db"]["alarms"]
        with mock.patch.object(town.provider, "start", side_effect=ProviderError("die Straße ist gesperrt")):
            with pytest.raises(Broken):
                await town.boss.start_machine("app")
        assert "Straße" in (await same(town))["app"]["error"]
        planner = await town.boss.planner()
        await planner.rename("machine", "app", "shop")
        assert list(await same(town)) == ["db", "new", "shop"]
        town.mend("app")
        await town.boss.destroy_machine("shop")
        assert list(await same(town)) == ["db", "new"]
        await town.machines("shop")
        assert (await same(town))["shop"]["seen"] is None

    in_town(work)


def test_a_machine_is_written_anew_only_when_something_of_it_has_changed() -> None:
    """That one alone, and the rest as it was: what makes asking about thousands quick."""

    async def work(town: Town) -> None:
        await town.machines("a", "b", "c")
        await in_text(town)
        with mock.patch.object(_told, "machine_view", wraps=_told.machine_view) as written:
            await in_text(town)
            await town.boss.glance()
            assert not written.called
            await town.boxes["b"].hob.hello()
            await in_text(town)
            assert [each.args[0].name for each in written.call_args_list] == ["b"]

    in_town(work)


def test_text_of_thousands_comes_in_pages_too() -> None:
    """Of machines and of sessions; each with the machine that it is."""

    async def work(town: Town) -> None:
        for n in range(1500):
            await town.boss.make_machine(f"m{n:04}", "fake")
        town.enrol = True
        await town.machines("db")
        rest = {"transport": "tls", "messages": 0, "bytes": 0, "unread": 0, "paused": False}
        peers = [town.boxes["db"].network.designator, "", *(NodeKey.generate().designator for _ in range(20))]
        town.network.debts = lambda: [{"peer": peer, **rest} for peer in peers * 200]  # type: ignore[method-assign]
        await same(town)
        assert [row["machine"] for row in (await in_text(town))["sessions"][-22:]] == ["db", *[""] * 21]
        for wrong in ("", "nothing"):
            with pytest.raises(BadArgument, match="the one before"):
                await town.boss.status(wrong, True)

    in_town(work, enrol=False)
