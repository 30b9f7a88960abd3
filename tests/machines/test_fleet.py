"""A machine's life when its provider fails: nothing is made twice, nothing is listed as active that is not."""

from __future__ import annotations

import asyncio

import pytest

from remit.errors import Broken, Conflict, Missing, Revoked, Unreachable
from remit.net import SignedAddress
from remit.values import decode
from tests.machines.town import Town, in_town


@pytest.mark.parametrize("how", ["before", "half"])
def test_a_provider_that_fails_leaves_the_machine_pending(how: str) -> None:
    """With its age, the error and the remedy; never active; and it can be destroyed."""

    async def work(town: Town) -> None:
        town.provider.fail("create", how)
        town.world.time = 5000.0
        with pytest.raises(Broken) as caught:
            await town.boss.create_machine("db", "fake")
        assert caught.value.kind == "ProviderError"
        (machine,) = await town.boss.list_machines()
        assert (machine["state"], machine["created"], machine["since"]) == ("pending", 5000.0, 5000.0)
        assert machine["error"] in str(caught.value)
        assert "remit machine start db" in machine["remedy"]
        assert "remit machine destroy db" in machine["remedy"]
        await town.boss.destroy_machine("db")
        assert await town.boss.list_machines() == []
        assert town.provider.machines == {}

    in_town(work)


@pytest.mark.parametrize("how", ["before", "half"])
def test_asking_again_makes_nothing_twice(how: str) -> None:
    """`start` asks the provider for the same machine id, and the machine comes."""

    async def work(town: Town) -> None:
        town.provider.fail("create", how)
        with pytest.raises(Broken):
            await town.boss.create_machine("db", "fake")
        await town.boss.start_machine("db")
        (machine,) = await town.boss.list_machines()
        assert (machine["state"], machine["error"]) == ("active", "")
        assert len(town.provider.machines) == 1
        assert len({id for step, id in town.provider.calls if step == "create"}) == 1

    in_town(work)


@pytest.mark.parametrize("how", ["lost", "hang"])
def test_a_machine_whose_provider_lost_the_answer_is_active_when_it_has_come(how: str) -> None:
    """The caller hears of the failure within the patience; what the machine itself has proved counts."""

    async def work(town: Town) -> None:
        town.provider.fail("create", how)
        with pytest.raises(Broken, match="did not answer|lost"):
            await town.boss.create_machine("db", "fake")
        (machine,) = await town.boss.list_machines()
        assert machine["state"] == "active"
        await town.boss.start_machine("db")
        assert (await town.boss.list_machines())[0]["error"] == ""
        assert next(iter(town.provider.machines.values())).starts == 1

    in_town(work)


@pytest.mark.parametrize("how", ["before", "half", "lost", "hang"])
def test_a_destroy_that_fails_is_asked_for_again(how: str) -> None:
    """The machine is shown as being destroyed, with the error, until the provider has done it."""

    async def work(town: Town) -> None:
        await town.machines("db")
        town.provider.fail("destroy", how)
        with pytest.raises(Broken):
            await town.boss.destroy_machine("db")
        (machine,) = await town.boss.list_machines()
        assert machine["state"] == "destroying"
        assert machine["error"]
        assert "remit machine destroy db" in machine["remedy"]
        with pytest.raises(Conflict, match="being destroyed"):
            await town.boss.start_machine("db")
        with pytest.raises(Conflict, match="already"):
            await town.boss.create_machine("db", "fake")
        await town.boss.destroy_machine("db")
        assert await town.boss.list_machines() == []
        assert town.provider.machines == {}

    in_town(work)


def test_resume_finishes_what_was_begun() -> None:
    """After a restart the boss asks again for what its providers did not confirm, without being told to."""

    async def work(town: Town) -> None:
        await town.machines("old")
        town.provider.fail("create", "before")
        with pytest.raises(Broken):
            await town.boss.create_machine("db", "fake")
        town.provider.fail("destroy", "half")
        with pytest.raises(Broken):
            await town.boss.destroy_machine("old")
        await town.boss.resume()
        (machine,) = await town.boss.list_machines()
        assert (machine["name"], machine["state"]) == ("db", "active")

    in_town(work)


def test_a_machine_that_was_being_made_is_told_where_the_next_boss_is() -> None:
    """It may have been started by then, and looks for the boss where that was: asking for it again leaves one that runs as it is."""

    async def work(town: Town) -> None:
        town.enrol = False
        town.provider.fail("create", "lost")
        with pytest.raises(Broken):
            await town.boss.create_machine("db", "fake")
        town.provider.calls.clear()
        await town.boss.resume()
        assert [step for step, _ in town.provider.calls if step in ("create", "start")] == ["create", "start"]
        assert [machine.address != b"" for machine in town.provider.machines.values()] == [True]

    in_town(work)


def test_resume_starts_machines_and_tells_them_where_the_boss_is() -> None:
    """Only if it is asked to; each gets the boss's current address, signed, and no secret."""

    async def work(town: Town) -> None:
        await town.machines("db", "app")
        town.provider.calls.clear()
        await town.boss.resume()
        assert town.provider.calls == []
        await town.boss.resume(True)
        assert sorted(step for step, _ in town.provider.calls) == ["start", "start"]
        told = decode(next(iter(town.provider.machines.values())).address)
        assert isinstance(told, SignedAddress)
        assert told.key == town.network.key.public
        assert told.holds()

    in_town(work)


def test_an_error_at_resume_is_kept_with_its_machine() -> None:
    """One provider that is down keeps neither the boss nor the other machines from starting."""

    async def work(town: Town) -> None:
        await town.machines("db", "app")
        town.provider.fail("start", "before")
        await town.boss.resume(True)
        errors = sorted(machine["error"] for machine in await town.boss.list_machines())
        assert errors[0] == ""
        assert "told to fail" in errors[1]

    in_town(work)


def test_a_name_is_free_again_after_the_end() -> None:
    """The new machine is another one: its own id, its own introduction, and nothing that the old one had."""

    async def work(town: Town) -> None:
        await town.shop()
        old = town.introduction("app")
        await town.boss.destroy_machine("app")
        await town.machines("app")
        assert town.introduction("app").swiss != old.swiss
        assert await town.boxes["app"].hob.bindings() == []
        assert await town.boss.bindings() == []

    in_town(work)


def test_destroying_takes_back_what_the_machine_held() -> None:
    """Its grants at other machines end with it."""

    async def work(town: Town) -> None:
        await town.shop()
        table = await town.boxes["app"].hob.get("db")
        assert await table.names() == []
        app = town.boxes["app"]
        await town.boss.destroy_machine("app")
        await town.holds(lambda status: status["edges"] == [])
        assert await town.boxes["db"].hob.grants() == []
        town.world.down.discard(app.network.designator)  # it lives on somewhere, against all expectation
        with pytest.raises(Revoked):
            await table.names()

    in_town(work)


def test_destroying_takes_back_what_the_machine_provided() -> None:
    """A binding to it is gone where it was held."""

    async def work(town: Town) -> None:
        await town.shop()
        await town.boss.destroy_machine("db")
        await town.holds(lambda status: status["edges"] == [])
        assert await town.boxes["app"].hob.bindings() == []
        with pytest.raises(Missing):
            await town.boss.show("db")

    in_town(work)


def test_an_unreachable_machine_can_be_destroyed() -> None:
    """And what a third machine has to take back for it is done when that one is reached again."""

    async def work(town: Town) -> None:
        await town.shop()
        town.cut("app")
        town.cut("db")
        await town.boss.destroy_machine("app")
        (edge,) = (await town.holds(lambda status: status["edges"][0]["error"] != ""))["edges"]
        assert (edge["state"], edge["awaiting"]) == ("revoking", ["db"])
        town.mend("db")
        await town.boxes["db"].hob.hello()
        await town.holds(lambda status: status["edges"] == [])
        assert await town.boxes["db"].hob.grants() == []

    in_town(work)


def test_destroying_deletes_its_swiss_numbers_at_the_boss() -> None:
    """Neither introduction nor server presence can be fetched any more."""

    async def work(town: Town) -> None:
        await town.machines("db")
        introduction = town.introduction("db")
        box = town.boxes["db"]
        await town.boss.destroy_machine("db")
        async with asyncio.timeout(2):
            while town.network.holders():
                await asyncio.sleep(0)
        town.world.down.discard(box.network.designator)
        with pytest.raises(Broken, match="no object here"):
            await box.redeem(introduction, town.network.key.public)

    in_town(work)


def test_a_machine_destroyed_while_it_is_made_does_not_stay() -> None:
    """The provider is told again to remove what it made after the destruction."""

    async def work(town: Town) -> None:
        town.provider.fail("create", "hang")
        making = town.boss.create_machine("db", "fake")
        async with asyncio.timeout(2):
            while not town.provider.machines:
                await asyncio.sleep(0)
        await town.boss.destroy_machine("db")
        town.provider.calls.clear()
        with pytest.raises(Broken, match="did not answer"):
            await making
        async with asyncio.timeout(2):
            while not any(step == "destroy" for step, _ in town.provider.calls):
                await asyncio.sleep(0)
        assert await town.boss.list_machines() == []

    in_town(work, enrol=False)


def test_a_machine_says_where_it_is_and_learns_where_the_boss_is() -> None:
    """Each hello brings both addresses up to date and is noted; a foreign address is refused."""

    async def work(town: Town) -> None:
        await town.machines("db", "app")
        town.world.time += 100
        await town.boxes["db"].hob.hello()
        seen = {machine["name"]: machine["seen"] for machine in await town.boss.list_machines()}
        assert seen == {"db": town.world.time, "app": None}
        assert town.network.learned[town.boxes["db"].network.key.public].serial == int(town.world.time)
        assert town.boxes["db"].network.learned[town.network.key.public].serial == int(town.world.time)
        report = await town.boxes["db"].hob.report()
        server = town.boxes["db"].hob._at.server
        with pytest.raises(Conflict, match="not signed by machine db"):
            await server.hello(town.boxes["app"].network.address(), report)
        await server.hello(town.boxes["db"].network.address(), report)

    in_town(work)


def test_a_machine_can_ask_where_another_is() -> None:
    """The boss answers with that machine's own signed word."""

    async def work(town: Town) -> None:
        await town.machines("db", "app")
        db = town.boxes["db"].network
        found = await town.boxes["app"].hob._at.server.whereabouts(db.key.public)
        assert found.key == db.key.public
        assert found.holds()
        with pytest.raises(Broken, match="no machine of this boss"):
            await town.boxes["app"].hob._at.server.whereabouts(b"x" * 32)

    in_town(work)


def test_what_the_provider_sees_is_shown() -> None:
    """`show` asks it, and a provider that is down does not hide the machine."""

    async def work(town: Town) -> None:
        await town.shop()
        view = await town.boss.show("db")
        assert view["provider_sees"] == "running"
        assert [offer["service"] for offer in view["offers"]] == ["db.main"]
        assert [edge["target"] for edge in view["grants"]] == ["app.db"]
        assert [edge["target"] for edge in (await town.boss.show("app"))["holds"]] == ["app.db"]
        town.provider.fail("observe", "before")
        assert "told to fail" in (await town.boss.show("db"))["provider_sees"]

    in_town(work)


def test_an_unreachable_machine_breaks_calls_as_such() -> None:
    """Nothing was sent, so it can be tried again."""

    async def work(town: Town) -> None:
        await town.machines("db")
        town.cut("db")
        with pytest.raises(Unreachable):
            await (await town.boss.machine("db")).bindings()

    in_town(work)
