"""From the wish for a machine to its enrolment: introductions, and what a second party gets."""

from __future__ import annotations

import pytest

from remit.errors import BadArgument, Conflict, Expired, Missing, Refused, Unreachable
from remit.net import NodeKey
from tests.machines.town import Town, in_town


def test_a_created_machine_enrols_itself_and_is_active() -> None:
    """The machine is told nothing but an introduction, and ends up active, under the key that it made itself."""

    async def work(town: Town) -> None:
        await town.boss.create_machine("db", "fake")
        (machine,) = await town.boss.list_machines()
        assert (machine["name"], machine["state"], machine["error"]) == ("db", "active", "")
        assert machine["introduction"]["redeemed"]
        assert machine["introduction"]["key"] == town.boxes["db"].network.designator
        assert machine["introduction"]["from"] == "fake=db"
        assert machine["since"] == machine["introduction"]["at"]

    in_town(work)


def test_a_machine_that_has_not_come_is_pending() -> None:
    """Making it is not enough: it is listed pending until it has enrolled, and calls to it break as unreachable."""

    async def work(town: Town) -> None:
        hob = await town.boss.create_machine("db", "fake")
        (machine,) = await town.boss.list_machines()
        assert machine["state"] == "pending"
        with pytest.raises(Unreachable, match="has not come yet"):
            await hob.bindings()

    in_town(work, enrol=False)


def test_creating_gives_the_server_presence() -> None:
    """What `create_machine` answers is the way to use the machine: the same object, before and after it has come."""

    async def work(town: Town) -> None:
        hob = await town.boss.create_machine("db", "fake")
        assert await hob.bindings() == []
        assert hob is await town.boss.machine("db")

    in_town(work)


def test_the_same_key_gets_the_same_answer_again() -> None:
    """A machine whose answer was lost redeems again, and finds itself where it was."""

    async def work(town: Town) -> None:
        await town.machines("db")
        box = town.boxes["db"]
        first = await box.redeem(town.introduction("db"), town.network.key.public)
        second = await box.redeem(town.introduction("db"), town.network.key.public)
        assert first == second
        status = await town.boss.status()
        assert (len(status["machines"]), status["alarms"]) == (1, [])

    in_town(work)


def test_another_key_is_refused_and_raises_an_alarm() -> None:
    """A stolen introduction gives nothing, and the boss says when, for which machine, and by which two keys it was used."""

    async def work(town: Town) -> None:
        await town.machines("db")
        town.world.time += 60
        thief = await town.stranger("thief")
        with pytest.raises(Refused, match="used by another key"):
            await thief.redeem(town.introduction("db"), town.network.key.public)
        (alarm,) = (await town.boss.status())["alarms"]
        assert alarm["machine"] == "db"
        assert alarm["at"] == town.world.time
        assert alarm["known"] == town.boxes["db"].network.designator
        assert alarm["other"] == thief.network.designator

    in_town(work)


def test_the_same_thief_raises_one_alarm() -> None:
    """Trying again fills no list."""

    async def work(town: Town) -> None:
        await town.machines("db")
        thief = await town.stranger("thief")
        for _ in range(3):
            with pytest.raises(Refused):
                await thief.redeem(town.introduction("db"), town.network.key.public)
        assert len((await town.boss.status())["alarms"]) == 1

    in_town(work)


def test_a_thief_who_comes_first_is_seen_when_the_machine_comes() -> None:
    """The first key wins, since the boss cannot know better; the true machine's arrival is the alarm."""

    async def work(town: Town) -> None:
        await town.boss.create_machine("db", "fake")
        thief, true = await town.stranger("thief"), await town.stranger("db")
        await thief.redeem(town.introduction("db"), town.network.key.public)
        with pytest.raises(Refused):
            await true.redeem(town.introduction("db"), town.network.key.public)
        assert (await town.boss.list_machines())[0]["alarms"] != []

    in_town(work, enrol=False)


def test_an_introduction_expires_and_start_gives_more_time() -> None:
    """A machine that comes too late is refused with the remedy, and the remedy works."""

    async def work(town: Town) -> None:
        await town.boss.create_machine("db", "fake")
        box = await town.stranger("db")
        town.world.time += 3600
        with pytest.raises(Expired, match="remit machine start db"):
            await box.redeem(town.introduction("db"), town.network.key.public)
        await town.boss.start_machine("db")
        await town.stranger("db")
        await box.redeem(town.introduction("db"), town.network.key.public)
        assert (await town.boss.list_machines())[0]["state"] == "active"

    in_town(work, enrol=False)


def test_an_enrolled_machine_may_redeem_after_the_time() -> None:
    """The time limits the first use only: a lost answer can be asked for however late, by the same key."""

    async def work(town: Town) -> None:
        await town.machines("db")
        town.world.time += 100_000
        await town.boxes["db"].redeem(town.introduction("db"), town.network.key.public)

    in_town(work)


def test_a_node_that_proves_no_key_is_refused() -> None:
    """On a netlayer that proves nothing, an introduction cannot be redeemed, and is not used up."""

    async def work(town: Town) -> None:
        await town.boss.create_machine("db", "fake")
        with pytest.raises(Refused, match="proved its key"):
            await town.world.fetch(town.introduction("db"), None)
        assert not (await town.boss.list_machines())[0]["introduction"]["redeemed"]

    in_town(work, enrol=False)


def test_a_machine_can_register_only_itself() -> None:
    """Neither a client presence nor an address of another node is taken."""

    async def work(town: Town) -> None:
        await town.machines("db", "app")
        gate = town.boxes["app"].network.enliven(town.introduction("app"))
        foreign = await town.boxes["db"].hob.presence(town.network.key.public)
        own = await town.boxes["app"].hob.presence(town.network.key.public)
        with pytest.raises(BadArgument, match="client presence"):
            await gate.register(foreign, town.boxes["app"].network.address())
        with pytest.raises(BadArgument, match="address"):
            await gate.register(own, town.boxes["db"].network.address())

    in_town(work)


def test_the_server_presence_is_for_the_machine_alone() -> None:
    """Whoever steals what a machine was answered cannot fetch it with another key."""

    async def work(town: Town) -> None:
        await town.machines("db")
        answer = await town.boxes["db"].redeem(town.introduction("db"), town.network.key.public)
        with pytest.raises(Refused):
            town.world.fetch(answer.server, NodeKey.generate().public)

    in_town(work)


def test_a_name_is_used_once() -> None:
    """A second machine of the same name is a conflict, also when both are asked for at once."""

    async def work(town: Town) -> None:
        first, second = town.boss.create_machine("db", "fake"), town.boss.create_machine("db", "fake")
        await first
        with pytest.raises(Conflict, match="already"):
            await second
        assert len(town.provider.machines) == 1

    in_town(work)


@pytest.mark.parametrize("name", ["", "a.b", "-a", "a b", "../x", "a\n", "ä", "x" * 64])
def test_a_machines_name_is_plain(name: str) -> None:
    """Names go into paths, commands and dotted names, so anything else is refused with the rule."""

    async def work(town: Town) -> None:
        with pytest.raises(BadArgument, match="letters, digits"):
            await town.boss.create_machine(name, "fake")

    in_town(work)


def test_an_unknown_provider_is_refused() -> None:
    """The nearest ones are named, and nothing is recorded."""

    async def work(town: Town) -> None:
        with pytest.raises(Missing, match="did you mean fake"):
            await town.boss.create_machine("db", "fakee")
        assert await town.boss.list_machines() == []

    in_town(work)


def test_no_secret_is_shown() -> None:
    """Neither status nor a machine's page holds the introduction."""

    async def work(town: Town) -> None:
        await town.boss.create_machine("db", "fake")
        secret = town.introduction("db")
        shown = str([await town.boss.status(), await town.boss.show("db"), await town.boss.list_machines()])
        assert secret.uri().split("/s/")[1].split("?")[0] not in shown
        assert repr(secret.swiss) not in shown

    in_town(work, enrol=False)
