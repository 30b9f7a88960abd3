"""Invitations: what a guest of the boss's may do, for how long, and how it ends."""

from __future__ import annotations

import pytest

from remit.errors import BadArgument, Broken, Conflict, Expired, Missing, NotAllowed, Refused, Revoked
from remit.machines import PARTS, Boss
from remit.vat import Ref, actor_type
from tests.machines.town import Town, in_town


def names() -> set[str]:
    """What the boss answers."""
    return {method.name for method in actor_type(Boss).methods.values()}


async def guest(town: Town, *parts: str, until: float | None = None) -> Ref[Boss]:
    """What somebody holds who has fetched an invitation."""
    made = await town.boss.invite("ci", list(parts), until)
    found: Ref[Boss] = town.network.enliven(made)
    return found


def test_a_guest_can_do_what_the_parts_say_and_nothing_else() -> None:
    """Every other method of the boss is refused, making invitations and handing out presences among them."""

    async def work(town: Town) -> None:
        await town.machines("db")
        invited = await guest(town, "status")
        assert [each["name"] for each in (await invited.status())["machines"]] == ["db"]
        for name in names() - set(PARTS["status"]):
            with pytest.raises(NotAllowed):
                await getattr(invited, name)("db")

    in_town(work)


def test_the_parts_name_methods_that_there_are() -> None:
    """None of them gives a reference away: those that make machines and invitations do are left out."""
    methods = {method for part in PARTS.values() for method in part}
    assert methods <= names()
    assert not methods & {"create_machine", "machine", "invite", "uninvite", "resume"}


def test_a_guest_makes_machines_without_holding_them() -> None:
    """What it gets is what is shown of the machine."""

    async def work(town: Town) -> None:
        invited = await guest(town, "machines")
        made = await invited.make_machine("db", "fake")
        assert (made["name"], made["provider"]) == ("db", "fake")
        assert all(not isinstance(value, Ref) for value in made.values())
        with pytest.raises(NotAllowed):
            await invited.create_machine("app", "fake")

    in_town(work)


def test_an_invitation_ends_in_time() -> None:
    """Both what was fetched and the reference itself."""

    async def work(town: Town) -> None:
        invited = await guest(town, "status", until=town.world.time + 100)
        await invited.status()
        town.world.time += 101
        with pytest.raises(Expired):
            await invited.status()
        again = await town.boss.invite("ci", ["status"])  # the name is free again
        await town.network.enliven(again).status()

    in_town(work)


def test_an_invitation_that_is_taken_back_is_worth_nothing() -> None:
    """What was fetched breaks, the number is unknown, and the name is free."""

    async def work(town: Town) -> None:
        made = await town.boss.invite("ci", ["status"])
        invited = town.network.enliven(made)
        await invited.status()
        assert [(each["name"], each["parts"]) for each in await town.boss.invitations()] == [("ci", ["status"])]
        with pytest.raises(Conflict, match="invitation 'ci' already"):
            await town.boss.invite("ci", ["logs"])
        fetched = town.world.fetch(made, None)
        await town.boss.uninvite("ci")
        with pytest.raises(Revoked, match="invitation ci"):
            await fetched.status()
        with pytest.raises((Refused, Revoked)):
            await invited.status()
        assert await town.boss.invitations() == []
        assert "invitation ci" not in town.network.holders()
        with pytest.raises(Missing, match="no invitation 'ci'"):
            await town.boss.uninvite("ci")

    in_town(work)


def test_an_invitation_is_to_parts_that_there_are() -> None:
    """With the nearest one; an invitation to nothing is refused, too."""

    async def work(town: Town) -> None:
        with pytest.raises(Missing, match="did you mean status"):
            await town.boss.invite("ci", ["stattus"])
        for wrong in ([], "status"):
            with pytest.raises((BadArgument, Broken)):
                await town.boss.invite("ci", wrong)
        assert await town.boss.invitations() == []

    in_town(work)
