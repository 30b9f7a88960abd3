"""What goes wrong with other ways to bring trust to a new machine, tried on introductions. docs/security.md has the table."""

from __future__ import annotations

import pytest

from remit.errors import Broken, Refused
from remit.net import designator_of
from tests.machines.town import Town, in_town

YEAR = 366 * 86400.0


def test_a_machine_that_has_slept_for_a_year_is_known() -> None:
    """By its key, which nothing renews and nothing ends: no token of it can lapse while all clocks stand."""

    async def work(town: Town) -> None:
        await town.shop()
        town.world.time += YEAR
        await town.boxes["db"].hob.hello()
        await town.boss.bind("app.again", "db.main")
        assert [each["state"] for each in await town.boss.list_machines()] == ["active", "active"]
        assert (await town.boss.status())["alarms"] == []

    in_town(work)


def test_the_introduction_of_a_machine_that_was_given_up_is_worth_nothing() -> None:
    """It goes with its machine, without anybody remembering to clean it up."""

    async def work(town: Town) -> None:
        await town.boss.create_machine("db", "fake")
        introduction = town.introduction("db")
        await town.boss.destroy_machine("db")
        late = await town.stranger("late")
        with pytest.raises(Refused):
            await late.redeem(introduction, town.network.key.public)
        assert await town.boss.list_machines() == []

    in_town(work, enrol=False)


def test_a_machine_that_was_made_anew_has_nothing_in_common_with_the_old_one() -> None:
    """The name is the new one's, with another key and another introduction; the old one's key and introduction are refused."""

    async def work(town: Town) -> None:
        await town.machines("db")
        old, introduction = town.boxes["db"], town.introduction("db")
        await town.boss.destroy_machine("db")
        await town.machines("db")
        assert town.introduction("db").swiss != introduction.swiss
        (machine,) = await town.boss.list_machines()
        assert machine["introduction"]["key"] == town.boxes["db"].network.designator != old.network.designator
        town.world.down.discard(old.network.designator)
        with pytest.raises(Refused):
            await old.redeem(introduction, town.network.key.public)
        with pytest.raises(Broken):
            await old.hob.hello()
        assert (await town.boss.list_machines())[0]["introduction"]["key"] == town.boxes["db"].network.designator

    in_town(work)


def test_an_introduction_names_the_key_of_its_issuer() -> None:
    """So there is no first bundle to fetch, and no fingerprint to compare or to skip: who has another key is not asked."""

    async def work(town: Town) -> None:
        await town.boss.create_machine("db", "fake")
        told = town.introduction("db")
        assert told.locator.designator == designator_of(town.network.key.public)

    in_town(work, enrol=False)


def test_each_machine_has_an_introduction_of_its_own() -> None:
    """None is shared, and none makes two machines: what leaks is one machine's, and says whose."""

    async def work(town: Town) -> None:
        for name in ("a", "b", "c"):
            await town.boss.create_machine(name, "fake")
        assert len({town.introduction(name).swiss for name in ("a", "b", "c")}) == 3
        first, second = await town.stranger("first"), await town.stranger("second")
        await first.redeem(town.introduction("a"), town.network.key.public)
        with pytest.raises(Refused):
            await second.redeem(town.introduction("a"), town.network.key.public)
        states = {each["name"]: each["state"] for each in await town.boss.list_machines()}
        assert states == {"a": "active", "b": "pending", "c": "pending"}

    in_town(work, enrol=False)


def test_the_boss_says_which_key_came_when_and_from_where() -> None:
    """Whoever looks into a leak finds the tie between an introduction and the machine that it made."""

    async def work(town: Town) -> None:
        town.world.time += 60
        await town.machines("db")
        story = (await town.boss.show("db"))["introduction"]
        assert story["key"] == town.boxes["db"].network.designator
        assert story["from"] == "fake=db"
        assert story["at"] == town.world.time

    in_town(work)


def test_one_introduction_lost_with_its_answer_a_hundred_times_is_still_that_machines() -> None:
    """Each answer may be lost: the machine asks with its key until one has come, and nobody has to make another introduction."""

    async def work(town: Town) -> None:
        await town.boss.create_machine("db", "fake")
        box = await town.stranger("db")
        for _ in range(100):
            gate = box.network.enliven(town.introduction("db"))
            await gate.register(await box.hob.presence(town.network.key.public), box.network.address())
        await box.redeem(town.introduction("db"), town.network.key.public)
        status = await town.boss.status()
        assert (len(status["machines"]), status["alarms"]) == (1, [])

    in_town(work, enrol=False)
