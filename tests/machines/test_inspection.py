"""What there really is, inside machines and at providers: found, and put right only where somebody names it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit.errors import BadArgument, Broken, Missing, Unreachable
from remit.lib import Attenuation
from remit.machines._inspection import check_inspection
from remit.testing import FakeMachine, FakeServer
from tests.machines.test_accounts import laid, offered, works
from tests.machines.town import Town, in_town


async def looked(town: Town, machine: str = "db") -> dict[str, Any]:
    """What a machine finds inside."""
    inspector = await town.boss.inspector()
    found: dict[str, Any] = await inspector.inspect(machine)
    return found


def odd(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["what"], each["edge"]) for each in found["accounts"]]


async def bound(town: Town) -> tuple[FakeServer, str]:
    """A server, and the edge of one binding to it."""
    server = await offered(town)
    return server, (await town.boss.bind("app.db", "db.main", Attenuation(methods=["read"])))["id"]


def test_an_account_that_was_dropped_by_hand_is_told_and_left_alone() -> None:
    """However often the machine looks, and whoever asks for its credential; with the time since when. Restored, it works as before."""

    async def work(town: Town) -> None:
        server, edge = await bound(town)
        texts = laid(town)
        assert (await looked(town))["accounts"] == []
        server.accounts.clear()
        await town.boxes["db"].hob.tend()
        since = town.network.now()
        town.world.time += 200
        await town.boxes["db"].hob.tend()
        await town.boxes["app"].hob.refresh()
        found = (await looked(town))["accounts"]
        assert found == [{"offer": "main", "edge": edge, "what": "missing", "since": since, "text": ""}]
        assert server.accounts == {}
        await (await town.boss.inspector()).restore(edge)
        assert works(server, texts) and (await looked(town))["accounts"] == []

    in_town(work)


def test_a_start_of_the_agent_restores_nothing_by_itself() -> None:
    """What the desk knew is forgotten: an account that is gone does not come back because its credential is asked for."""

    async def work(town: Town) -> None:
        server, edge = await bound(town)
        server.accounts.clear()
        town.boxes["db"].accounts._known.clear()
        await town.boxes["app"].hob.refresh()
        assert server.accounts == {} and odd(await looked(town)) == [("missing", edge)]
        town.boxes["db"].accounts._known.clear()
        assert (await town.boss.unbind("app.db"))["unfinished"] == []
        assert (await looked(town))["accounts"] == []

    in_town(work)


def test_what_an_account_can_do_is_compared() -> None:
    """One that was given more by hand is told with both; restored, it can do what it was granted."""

    async def work(town: Town) -> None:
        server, edge = await bound(town)
        texts = laid(town)
        server.powers[texts["username"]] = "everything"
        found = await looked(town)
        assert odd(found) == [("changed", edge)]
        assert found["accounts"][0]["text"] == "it may do everything, and was granted only read"
        await (await town.boss.inspector()).restore(edge)
        assert (await looked(town))["accounts"] == [] and works(server, texts)

    in_town(work)


def test_what_a_service_forgets_by_itself_is_made_again() -> None:
    """A server that keeps its accounts in memory was started anew: that is nobody's decision, and no drift."""

    async def work(town: Town) -> None:
        server, _ = await bound(town)
        texts = laid(town)
        server.forgetful = True
        server.accounts.clear()
        await town.boxes["db"].hob.tend()
        assert works(server, texts) and (await looked(town))["accounts"] == []

    in_town(work)


def test_strays_are_listed_and_removed_only_on_request() -> None:
    """An account with our tag and no edge; others' accounts beside it are not even seen."""

    async def work(town: Town) -> None:
        server, edge = await bound(town)
        tag = laid(town)["username"].partition("_")[0]
        server.accounts |= {f"{tag}_stray_1": "x", "somebody": "y"}
        await town.boxes["db"].hob.tend()
        assert odd(await looked(town)) == [("stray", "stray")]
        inspector = await town.boss.inspector()
        for wrong in (edge, "somebody", "else"):
            with pytest.raises(Missing, match="look again"):
                await inspector.remove_stray("db", "main", wrong)
        with pytest.raises(Missing):
            await inspector.remove_stray("db", "other", "stray")
        assert len(server.accounts) == 3
        await inspector.remove_stray("db", "main", "stray")
        assert sorted(server.accounts) == sorted([laid(town)["username"], "somebody"])
        assert (await looked(town))["accounts"] == []

    in_town(work)


def test_files_of_a_binding_are_compared() -> None:
    """A file that was removed, changed, added, or opened to others; the whole directory; told without any secret, and laid out anew on request."""

    async def work(town: Town) -> None:
        server, edge = await bound(town)
        texts = laid(town)
        root = town.boxes["app"].place / "bindings" / "db"
        inspector = await town.boss.inspector()

        def spoil() -> None:
            (root / "username").unlink()
            (root / "password").write_text("another")
            (root / "type").chmod(0o644)
            (root / "more").touch(0o600)

        spoil()
        found = await looked(town, "app")
        assert found["files"] == [
            {
                "name": "db",
                "edge": edge,
                "text": "lacks: username; has besides: more; can be read by others: type; has been changed: password",
            }
        ]
        assert texts["password"] not in str(found) and "another" not in str(found)
        await inspector.restore(edge)
        assert laid(town) == texts and (await looked(town, "app"))["files"] == []
        (root / "type").chmod(0o644)
        assert [each["text"] for each in (await looked(town, "app"))["files"]] == ["can be read by others: type"]
        await inspector.restore(edge)
        assert (await looked(town, "app"))["files"] == []
        root.unlink()
        assert (await looked(town, "db"))["leases"] == {edge: "main"}
        await inspector.restore(edge)
        assert laid(town) == texts and works(server, texts)

    in_town(work)


def test_what_cannot_be_asked_is_said() -> None:
    """A service that is down, a provider's machine that is away: a failure for each, the rest is looked at."""

    async def work(town: Town) -> None:
        server, _ = await bound(town)
        server.down = True
        found = await looked(town)
        assert [each["where"] for each in found["failures"]] == ["main"] and "down" in found["failures"][0]["error"]
        town.cut("app")
        with pytest.raises(Broken) as caught:
            async with asyncio.timeout(5):
                await looked(town, "app")
        assert isinstance(caught.value, Unreachable)

    in_town(work)


def test_what_carries_our_label_and_is_no_machine_is_an_orphan() -> None:
    """It is listed and destroyed on request; a machine of ours, and what the provider does not list as ours, is refused."""

    async def work(town: Town) -> None:
        await town.machines("db")
        town.provider.machines["lost-1"] = FakeMachine("lost-1", "lost", {})
        inspector = await town.boss.inspector()
        assert list(await inspector.provider_names()) == ["fake"]
        assert [each["id"] for each in await inspector.strangers("fake")] == ["lost-1"]
        for wrong in ((await inspector.machines())[0]["id"], "foreign-1"):
            with pytest.raises(Missing, match="look again"):
                await inspector.remove_stranger("fake", wrong)
        await inspector.remove_stranger("fake", "lost-1")
        assert list(await inspector.strangers("fake")) == []
        assert [each["name"] for each in await town.boss.list_machines()] == ["db"]

    in_town(work)


def test_a_machine_that_does_not_run_is_seen_and_started() -> None:
    """What its provider sees, and not what the boss remembers."""

    async def work(town: Town) -> None:
        await town.machines("db")
        inspector = await town.boss.inspector()
        id = (await inspector.machines())[0]["id"]
        assert (await inspector.observed("db"))["state"] == "running"
        town.provider.machines[id].running = False
        assert (await inspector.observed("db"))["state"] == "made"
        await inspector.start("db")
        assert (await inspector.observed("db"))["state"] == "running"
        await town.provider.destroy(id)
        assert (await inspector.observed("db"))["state"] == "absent"

    in_town(work)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"accounts": [], "files": [], "leases": {"e": 1}, "laid": {}, "failures": []},
        {"accounts": [{"offer": "x"}], "files": [], "leases": {}, "laid": {}, "failures": []},
        {
            "accounts": [],
            "files": [{"name": "x", "edge": "y", "text": "z" * 20_001}],
            "leases": {},
            "laid": {},
            "failures": [],
        },
        {"accounts": [], "files": [], "leases": {}, "laid": {}},
        {"accounts": [], "files": [], "leases": {}, "failures": []},
    ],
)
def test_what_a_machine_says_of_itself_is_checked(answer: Any) -> None:
    """Anything may come from one that has turned bad."""
    with pytest.raises(BadArgument):
        check_inspection(answer)
