"""Who may use which part of a server, for how long, and what becomes of open uses."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from remit.ensemble.admin import AdminKey, _audit, _files, answer
from remit.errors import BadArgument, Broken, Expired, Missing, Refused, Revoked
from remit.net import NodeKey
from remit.vat import Ref, Vat
from tests.ensemble.stewards import WORDS, Silent, Town, name, town, unlocked

Story = Callable[[Town, Any, Any], Awaitable[None]]


def told(path: Path, story: Story, passphrase: str | None = None) -> None:
    """The story of one server, and two nodes with vats that come to it."""

    async def main() -> None:
        async with town(path, passphrase) as place, Vat("one") as one, Vat("two") as two:
            await story(place, place.world.join(one), place.world.join(two))

    asyncio.run(main())


async def settled() -> None:
    """All that is under way without waiting for time."""
    for _ in range(30):
        await asyncio.sleep(0)


# --- without a key ----------------------------------------------------------------------------------------


def test_without_a_key_the_local_user_has_every_part_and_nobody_else_has_any(tmp_path: Path) -> None:
    """A member of the ensemble is not trusted with more than being found."""

    async def story(place: Town, one: Any, two: Any) -> None:
        local = place.local()
        assert sorted(await local.granted()) == [
            "admin",
            "eval",
            "exec",
            "inspect",
            "load",
            "shutdown",
            "till",
            "vault",
        ]
        assert await (await local.part("eval")).use() == "eval by local"
        guest = place.guest(one, "front")
        assert await guest.granted() == {}
        with pytest.raises(Refused, match="remit admin authorize SERVER .* eval"):
            await guest.part("eval")
        with pytest.raises(Refused, match="no administrators' key"):
            await unlocked(guest, one, AdminKey.make(tmp_path / "other", WORDS), place.server.key.public, ["eval"])

    told(tmp_path, story)


def test_a_part_that_there_is_not_is_said_to_be_missing(tmp_path: Path) -> None:
    """To the local user, with those that there are."""

    async def story(place: Town, one: Any, two: Any) -> None:
        with pytest.raises((Missing, Refused), match="nonsense"):
            await place.local().part("nonsense")
        with pytest.raises(BadArgument, match="named by letters"):
            await place.local().part("../eval")

    told(tmp_path, story)


# --- with a key -------------------------------------------------------------------------------------------


def test_with_a_key_sensitive_parts_need_an_unlock(tmp_path: Path) -> None:
    """The local user's, too, and those that the application marks; from the moment on that there is a key."""

    async def story(place: Town, one: Any, two: Any) -> None:
        local = place.local()
        await local.part("vault")
        key = AdminKey.make(place.home, WORDS)
        assert sorted(await local.granted()) == ["inspect", "till"]
        for part in ("load", "eval", "exec", "shutdown", "vault", "admin"):
            with pytest.raises(Refused, match=f"{part} needs an unlock"):
                await local.part(part)
        guest = place.guest(one, "front")
        lease = await unlocked(guest, one, key, place.server.key.public, ["vault", "eval"])
        assert list(await lease.parts()) == ["eval", "vault"]
        assert f"admin, from {name(one)}" in await (await lease.part("vault")).use()
        with pytest.raises(Refused, match="is for eval, vault"):
            await lease.part("shutdown")

    told(tmp_path, story)


def test_an_unlock_works_once(tmp_path: Path) -> None:
    """Replayed in its own session, or by another one of the same node, it is refused, and that is written down."""

    async def story(place: Town, one: Any, two: Any) -> None:
        key = AdminKey.open(place.home, WORDS)
        guest, again = place.guest(one, "front"), place.guest(one, "front")
        challenge = await guest.challenge()
        unlock, signature = answer(challenge, key, place.server.key.public, one.key.public, ["eval"])
        with pytest.raises(Refused, match="answers no challenge"):
            await again.unlock(unlock, signature)
        assert await guest.unlock(unlock, signature)
        with pytest.raises(Refused, match="answers no challenge"):
            await guest.unlock(unlock, signature)
        assert [use.split(":")[2][:9] for use in place.uses()] == [" refused", " eval for", " refused"]

    told(tmp_path, story, WORDS)


def test_a_try_that_fails_costs_the_nonce(tmp_path: Path) -> None:
    """A challenge is answered once, well or badly."""

    async def story(place: Town, one: Any, two: Any) -> None:
        key = AdminKey.open(place.home, WORDS)
        guest = place.guest(one, "front")
        unlock, signature = answer(await guest.challenge(), key, place.server.key.public, one.key.public, ["eval"])
        with pytest.raises(Refused, match="changed after that"):
            await guest.unlock(unlock.__replace__(parts=["eval", "shutdown"]), signature)
        with pytest.raises(Refused, match="answers no challenge"):
            await guest.unlock(unlock, signature)

    told(tmp_path, story, WORDS)


def test_an_unlock_is_for_the_node_that_asked(tmp_path: Path) -> None:
    """Who has seen one pass, or passes it on to another server, gets nothing by it."""

    async def story(place: Town, one: Any, two: Any) -> None:
        key = AdminKey.open(place.home, WORDS)
        mine, thiefs = place.guest(one, "front"), place.guest(two, "thief")
        stolen = answer(await mine.challenge(), key, place.server.key.public, one.key.public, ["eval"])
        with pytest.raises(Refused, match="has brought it"):
            await thiefs.unlock(*stolen)
        elsewhere = NodeKey.generate().public
        with pytest.raises(Refused, match="is for the server"):
            await mine.unlock(*answer(await mine.challenge(), key, elsewhere, one.key.public, ["eval"]))

    told(tmp_path, story, WORDS)


def test_a_challenge_is_to_be_answered_soon(tmp_path: Path) -> None:
    """One that was written down for later is worth nothing."""

    async def story(place: Town, one: Any, two: Any) -> None:
        key = AdminKey.open(place.home, WORDS)
        guest = place.guest(one, "front")
        challenge = await guest.challenge()
        place.hours.pass_(121)
        with pytest.raises(Refused, match="answers no challenge"):
            await guest.unlock(*answer(challenge, key, place.server.key.public, one.key.public, ["eval"]))

    told(tmp_path, story, WORDS)


def test_the_local_way_in_proves_no_key_and_unlocks_nothing(tmp_path: Path) -> None:
    """There would be nothing to bind the unlock to."""

    async def story(place: Town, one: Any, two: Any) -> None:
        with pytest.raises(Refused, match="proved its key"):
            await place.local().challenge()

    told(tmp_path, story, WORDS)


# --- leases -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["time", "lock", "session's lock", "expulsion"])
def test_a_lease_ends_and_takes_everything_along(tmp_path: Path, end: str) -> None:
    """By itself, by `lock`, and with the session: calls in flight, what was reached through its parts, and the part is told."""

    async def story(place: Town, one: Any, two: Any) -> None:
        key = AdminKey.open(place.home, WORDS)
        guest = place.guest(one, "front")
        lifeline = one.vat.spawn(Silent)
        challenge = await guest.challenge(lifeline)
        lease = await guest.unlock(*answer(challenge, key, place.server.key.public, one.key.public, ["eval"], 60))
        part = await lease.part("eval")
        session = await part.session()
        running = part.begin()
        assert await session.use()
        if end == "time":
            place.hours.pass_(61)
        elif end == "lock":
            await lease.lock()
        elif end == "session's lock":
            await guest.lock()
        else:
            await place.steward.expel(name(one), "front was expelled")
        await settled()
        for broken in (running, session.use(), part.use()):
            with pytest.raises((Revoked, Expired)):
                await broken
        if end != "expulsion":
            with pytest.raises(Expired, match="unlock again"):
                await lease.part("eval")
        (ends,) = await place.bench.ends()
        assert len(ends) == 1

    told(tmp_path, story, WORDS)


# --- grants -----------------------------------------------------------------------------------------------


def test_a_grant_is_for_one_key_and_those_parts(tmp_path: Path) -> None:
    """Whoever else claims the id has nothing by it; and it is there again after a restart."""

    async def story(place: Town, one: Any, two: Any) -> None:
        giver = await place.local().part("admin")
        await giver.authorize(name(one), "front", ["shutdown"])
        await giver.authorize(name(one), "front", ["eval"], place.world.time + 100)
        for _ in range(2):
            guest, claims = place.guest(one, "front"), place.guest(two, "front")
            assert await guest.granted() == {"shutdown": None, "eval": place.world.time + 100}
            assert "front" in await (await guest.part("shutdown")).use()
            assert await claims.granted() == {}
            with pytest.raises(Refused, match="no grant of shutdown"):
                await claims.part("shutdown")
            place.restart()
        assert (place.directory / "grants").stat().st_mode & 0o777 == 0o600

    told(tmp_path, story)


def test_retracting_ends_open_uses_at_once_and_leaves_the_other_parts(tmp_path: Path) -> None:
    """Calls in flight, and what was reached through the part."""

    async def story(place: Town, one: Any, two: Any) -> None:
        giver = await place.local().part("admin")
        await giver.authorize(name(one), "front", ["eval", "till"])
        guest = place.guest(one, "front")
        part, till = await guest.part("eval"), await guest.part("till")
        session, running = await part.session(), part.begin()
        await session.use()
        gone = await giver.retract("front", ["eval"])
        assert [(each.shown, each.part) for each in gone] == [("front", "eval")]
        for broken in (running, session.use(), part.use()):
            with pytest.raises(Revoked, match="grant of eval was retracted"):
                await broken
        assert await till.use()
        with pytest.raises(Refused, match=r"it has: till"):
            await guest.part("eval")
        place.restart()
        assert await place.guest(one, "front").granted() == {"till": None}

    told(tmp_path, story)


def test_a_grant_ends_by_itself_and_its_uses_with_it(tmp_path: Path) -> None:
    """By the clock."""

    async def story(place: Town, one: Any, two: Any) -> None:
        giver = await place.local().part("admin")
        await giver.authorize(name(one), "front", ["eval"], place.world.time + 100)
        part = await place.guest(one, "front").part("eval")
        running = part.begin()
        await part.use()
        place.hours.pass_(100)
        await settled()
        for broken in (running, part.use()):
            with pytest.raises((Revoked, Expired)):
                await broken
        assert list(await giver.grants()) == []

    told(tmp_path, story)


def test_a_grant_that_is_made_shorter_ends_then(tmp_path: Path) -> None:
    """What was opened for longer is closed at once, and can be opened again."""

    async def story(place: Town, one: Any, two: Any) -> None:
        giver = await place.local().part("admin")
        await giver.authorize(name(one), "front", ["eval"])
        guest = place.guest(one, "front")
        long = await guest.part("eval")
        await long.use()
        await giver.authorize(name(one), "front", ["eval"], place.world.time + 100)
        with pytest.raises(Revoked):
            await long.use()
        assert await (await guest.part("eval")).use()

    told(tmp_path, story)


def test_nobody_gives_more_than_he_holds(tmp_path: Path) -> None:
    """Neither with a grant of `admin`, nor with an unlock; and what was given on goes with the giver's own."""

    async def story(place: Town, one: Any, two: Any) -> None:
        key = AdminKey.open(place.home, WORDS)
        first = place.guest(one, "front")
        lease = await unlocked(first, one, key, place.server.key.public, ["admin", "eval"])
        root = await lease.part("admin")
        with pytest.raises(Refused, match="not for shutdown"):
            await root.authorize(name(one), "front", ["shutdown"])
        await root.authorize(name(one), "front", ["admin", "eval"])
        giver = await first.part("admin")
        with pytest.raises(Refused, match="no grant of load"):
            await giver.authorize(name(two), "back", ["load"])
        await giver.authorize(name(two), "back", ["eval"])
        part = await place.guest(two, "back").part("eval")
        await part.use()
        with pytest.raises(Refused, match="for administrators"):
            await giver.uses()
        with pytest.raises(Missing):
            await giver.retract("front", ["eval"])  # what he did not give
        await root.retract("front", ["eval"])
        with pytest.raises(Revoked):
            await part.use()
        assert [each.part for each in await root.grants()] == ["admin"]

    told(tmp_path, story, WORDS)


def test_a_giver_who_lost_his_grant_gives_nothing_any_more(tmp_path: Path) -> None:
    """The part that he holds open is closed."""

    async def story(place: Town, one: Any, two: Any) -> None:
        root = await place.local().part("admin")
        await root.authorize(name(one), "front", ["admin", "eval"])
        giver = await place.guest(one, "front").part("admin")
        await giver.grants()
        await root.retract(name(one))
        with pytest.raises(Revoked):
            await giver.authorize(name(two), "back", ["eval"])
        assert list(await root.grants()) == []

    told(tmp_path, story)


def test_a_grant_that_cannot_be_kept_is_not_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: what the administrator is told is what there is, before and after a restart."""

    async def story(place: Town, one: Any, two: Any) -> None:
        giver = await place.local().part("admin")
        await giver.authorize(name(one), "front", ["eval"], place.world.time + 50)

        def full(*_: Any, **__: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(_files, "write_secret_file", full)
            with pytest.raises(Broken):
                await giver.authorize(name(one), "front", ["eval", "load"])
        assert await place.guest(one, "front").granted() == {"eval": place.world.time + 50}
        place.restart()
        assert await place.guest(one, "front").granted() == {"eval": place.world.time + 50}

    told(tmp_path, story)


def test_what_cannot_be_written_down_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Giving, taking back and unlocking alike."""

    async def story(place: Town, one: Any, two: Any) -> None:
        giver = await place.local().part("admin")
        await giver.authorize(name(one), "front", ["till"])
        key = AdminKey.make(place.home, WORDS)
        guest = place.guest(one, "front")

        def full(*_: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(_audit.os, "write", full)
            for refused in (
                giver.authorize(name(one), "front", ["eval"]),
                giver.retract("front"),
                unlocked(guest, one, key, place.server.key.public, ["eval"]),
            ):
                with pytest.raises(Broken, match="nothing is done unrecorded"):
                    await refused
        assert await guest.granted() == {"till": None}

    told(tmp_path, story)


def test_each_change_is_written_down_with_who_made_it(tmp_path: Path) -> None:
    """Before it is made."""

    async def story(place: Town, one: Any, two: Any) -> None:
        giver = await place.local().part("admin")
        await giver.authorize(name(one), "front", ["admin", "eval"])
        theirs = await place.guest(one, "front").part("admin")
        await theirs.authorize(name(two), "back", ["eval"], place.world.time + 10)
        await giver.retract("front")
        end = f"{place.world.time + 10:.0f}"
        assert place.uses() == [
            f"local: admin: authorize front ({name(one)}) admin eval",
            f"front: admin: authorize back ({name(two)}) eval until {end}",
            "local: admin: retract front",
        ]
        assert [use["what"] for use in await giver.uses(1)] == ["retract front"]

    told(tmp_path, story)


def test_a_part_is_opened_once_for_each_holder(tmp_path: Path) -> None:
    """Who asks ten thousand times holds no more of the server than who asks once."""

    async def story(place: Town, one: Any, two: Any) -> None:
        giver = await place.local().part("admin")
        await giver.authorize(name(one), "front", ["till"])
        guest = place.guest(one, "front")
        for _ in range(20):
            await guest.part("till")
        assert len(await place.bench.ends()) == 1

    told(tmp_path, story)


@pytest.mark.parametrize(
    "given", [("x", "front", ["eval"]), (5, "front", ["eval"]), ("", "", []), (None, None, None), ("a", "b", [5])]
)
def test_what_is_no_grant_is_refused_in_words(tmp_path: Path, given: tuple[Any, ...]) -> None:
    """Whatever a client sends."""

    async def story(place: Town, one: Any, two: Any) -> None:
        giver: Ref[Any] = await place.local().part("admin")
        with pytest.raises(BadArgument):
            await giver.authorize(*given)
        assert list(await giver.grants()) == []

    told(tmp_path, story)
