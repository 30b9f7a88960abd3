"""Taking edges back, and edges whose machines are away or have lost their side."""

from __future__ import annotations

import asyncio

import pytest

from remit.errors import Missing, Revoked
from tests.machines.town import Town, held, in_town

# --- taking back ------------------------------------------------------------------------------------


def test_revoking_breaks_what_is_held_and_what_came_through_it() -> None:
    """The next call breaks, on the reference and on one obtained through it; another binding goes on working."""

    async def work(town: Town) -> None:
        await town.shop()
        await town.boss.bind("app.other", "db.main")
        table = await held(town, "app", "db")
        row = await table.put("ann", "one")
        await town.boss.revoke("app.db")
        for use in (table.names, row.read):
            with pytest.raises(Revoked, match="taken back"):
                await use()
        assert await (await held(town, "app", "other")).names() == ["ann"]
        with pytest.raises(Missing):
            await held(town, "app", "db")

    in_town(work)


def test_revoking_deletes_the_swiss_number() -> None:
    """Not even the grantee can fetch it again."""

    async def work(town: Town) -> None:
        await town.shop()
        holders = town.boxes["db"].network.holders()
        assert any("edge" in holder for holder in holders)
        await town.boss.unbind("app.db")
        assert not any("edge" in holder for holder in town.boxes["db"].network.holders())

    in_town(work)


def test_all_that_a_machine_holds_can_be_revoked() -> None:
    """By its name; what others hold stays."""

    async def work(town: Town) -> None:
        await town.shop()
        await town.machines("web")
        await town.boss.bind("app.more", "db.main")
        await town.boss.bind("web.db", "db.main")
        answer = await town.boss.revoke("app")
        assert len(answer["revoked"]) == 2
        assert [edge["target"] for edge in await town.boss.bindings()] == ["web.db"]

    in_town(work)


def test_what_cannot_be_revoked_is_named() -> None:
    """An unknown edge, binding or machine is an error, and not a revocation of nothing."""

    async def work(town: Town) -> None:
        await town.shop()
        for what in ("app.dd", "ap", "0000"):
            with pytest.raises(Missing):
                await town.boss.revoke(what)

    in_town(work)


def test_a_revocation_that_cannot_reach_the_provider_says_so() -> None:
    """It is not reported as done before the authority has ended, and is finished when the machine says hello."""

    async def work(town: Town) -> None:
        await town.shop()
        table = await held(town, "app", "db")
        town.cut("db")
        answer = await town.boss.revoke("app.db")
        assert answer["revoked"] == []
        assert answer["unfinished"][0]["awaiting"] == ["db"]
        assert "db has not confirmed" in answer["unfinished"][0]["error"]
        town.mend("db")
        assert await table.names() == []
        await town.boxes["db"].hob.hello()
        await town.holds(lambda status: status["edges"] == [])
        with pytest.raises(Revoked):
            await table.names()

    in_town(work)


# --- machines that are away, lost answers -------------------------------------------------------------


@pytest.mark.parametrize("away", ["db", "app"])
def test_a_binding_is_finished_when_the_machine_is_back(away: str) -> None:
    """Neither side has to be there when it is asked for; status says what it waits for."""

    async def work(town: Town) -> None:
        await town.machines("db", "app")
        await town.boss.offer("db.main", "test.table")
        town.cut(away)
        edge = await town.boss.bind("app.db", "db.main")
        assert edge["state"] == ("wanted" if away == "db" else "granted")
        assert "link is down" in edge["error"]
        town.mend(away)
        await town.boxes[away].hob.hello()
        await town.holds(lambda status: status["edges"][0]["state"] == "active")
        assert await (await held(town, "app", "db")).names() == []

    in_town(work)


def test_a_grant_that_no_edge_accounts_for_is_taken_back() -> None:
    """What a machine reports and the boss does not know ends, on both sides."""

    async def work(town: Town) -> None:
        await town.shop()
        table = await held(town, "app", "db")
        assert await table.names() == []
        dict.clear(town.boss._at.wiring._at.edges)  # as after an old copy of the boss's store was put back
        for name in ("db", "app"):
            await town.boxes[name].hob.hello()
        async with asyncio.timeout(2):
            while await town.boxes["app"].hob.bindings() or await town.boxes["db"].hob.grants():
                await asyncio.sleep(0)
        with pytest.raises(Revoked):
            await table.names()

    in_town(work)


def test_a_machine_that_lost_its_side_gets_it_again() -> None:
    """An active edge whose grant or binding is gone is made anew when the machine says hello."""

    async def work(town: Town) -> None:
        await town.shop()
        edge = (await town.boss.bindings())[0]["id"]
        await town.boxes["db"].hob.revoke(edge)
        await town.boxes["db"].hob.hello()
        async with asyncio.timeout(2):
            while not await town.boxes["db"].hob.grants():
                await asyncio.sleep(0)
        await town.holds(lambda status: status["edges"][0]["error"] == "")
        async with asyncio.timeout(2):
            while True:
                try:
                    assert await (await held(town, "app", "db")).names() == []
                    return
                except Revoked:
                    await asyncio.sleep(0)

    in_town(work)
