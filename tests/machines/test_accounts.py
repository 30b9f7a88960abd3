"""Services that do not speak CapTP, offered and bound: accounts at the provider's, credentials laid out at the grantee's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from remit.credentials import Secret
from remit.errors import BadArgument, Broken, Conflict, Missing, Refused, Unreachable
from remit.lib import Attenuation
from remit.machines import Layout, read_binding
from remit.testing import FakeServer
from tests.machines.town import Town, in_town

OWNER = Secret("fake://town")


async def offered(town: Town) -> FakeServer:
    """Two machines, and a fake server offered as `db.main`."""
    server = FakeServer("fake://town")
    await town.machines("db", "app")
    await town.boss.offer("db.main", "fake", arguments=[OWNER])
    return server


def laid(town: Town, name: str = "db", machine: str = "app") -> dict[str, str]:
    return read_binding(town.boxes[machine].place / "bindings", name)


def works(server: FakeServer, texts: dict[str, str]) -> bool:
    try:
        server.log_in(texts["username"], texts["password"])
    except Refused:
        return False
    return True


def test_a_bound_account_is_laid_out() -> None:
    """A binding makes an account at the service, and its credential is in private files on the grantee's machine, and nowhere else."""

    async def work(town: Town) -> None:
        server = await offered(town)
        edge = await town.boss.bind("app.db", "db.main", Attenuation(methods=["read"]))
        assert (edge["state"], edge["interface"], edge["attenuation"]) == ("active", "fake-service", "only read")
        texts = laid(town)
        assert texts["type"] == "fake" and works(server, texts)
        root = town.boxes["app"].place / "bindings"
        assert root.stat().st_mode & 0o777 == (root / "db").stat().st_mode & 0o777 == 0o700
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in (root / "db").iterdir())
        assert not (town.boxes["db"].place / "bindings").exists()
        await town.boss.bind("app.db2", "db.main")
        assert laid(town, "db2")["password"] != texts["password"]

    in_town(work)


def test_a_program_gets_the_credential_from_the_reference() -> None:
    """What a program gets from its hob is a live reference, which gives the credential as a record that hides its secrets."""

    async def work(town: Town) -> None:
        await offered(town)
        await town.boss.bind("app.db", "db.main")
        db = await town.boxes["app"].hob.get("db", "fake-service")
        credential = await db.credential()
        assert credential.texts() == laid(town)
        assert laid(town)["password"] not in repr(credential)

    in_town(work)


def test_unbinding_ends_the_account_and_removes_the_files() -> None:
    """When the boss says that an edge is gone, its sessions, its account and its files are."""

    async def work(town: Town) -> None:
        server = await offered(town)
        await town.boss.bind("app.db", "db.main")
        await town.boss.bind("app.other", "db.main")
        texts, other = laid(town), laid(town, "other")
        session = server.log_in(texts["username"], texts["password"])
        db = await town.boxes["app"].hob.get("db")
        assert (await town.boss.unbind("app.db"))["unfinished"] == []
        assert not await session.works() and not works(server, texts) and works(server, other)
        with pytest.raises(Missing, match="did you mean|there are: other"):
            laid(town)
        with pytest.raises(Broken):
            await db.credential()
        await town.boss.revoke("app")
        assert server.accounts == {}
        assert list((town.boxes["app"].place / "bindings").iterdir()) == []

    in_town(work)


def test_rotation_overlaps_and_then_ends_the_old_one() -> None:
    """A rotation lays out the new credential at once; the old one goes on for the overlap, and no longer."""

    async def work(town: Town) -> None:
        server = await offered(town)
        await town.boss.bind("app.db", "db.main")
        old = laid(town)
        done = await town.boss.rotate("app.db", 50.0)
        assert len(done["rotated"]) == 1 and done["unfinished"] == []
        new = laid(town)
        assert new["password"] != old["password"] and works(server, old) and works(server, new)
        assert 0 < await town.boxes["db"].hob.tend() <= 50.0
        assert works(server, old)
        town.world.time += 51.0
        await town.boxes["db"].hob.tend()
        assert not works(server, old) and works(server, new)
        await town.boss.rotate("app", 0)
        assert not works(server, new) and works(server, laid(town))

    in_town(work)


def test_each_rotation_has_its_own_overlap() -> None:
    """Rotating again and again does not prolong the older generations; what has no credential is passed over in a machine's rotation."""

    async def work(town: Town) -> None:
        server = await offered(town)
        await town.boss.offer("db.table", "test.table")
        await town.boss.bind("app.table", "db.table")
        await town.boss.bind("app.db", "db.main")
        first = laid(town)
        await town.boss.rotate("app", 50.0)
        second = laid(town)
        town.world.time += 30.0
        await town.boss.rotate("app", 50.0)
        town.world.time += 21.0
        await town.boxes["db"].hob.tend()
        assert not works(server, first) and works(server, second) and works(server, laid(town))
        with pytest.raises(Missing, match="no credential"):
            await town.boss.rotate("app.table", 1.0)

    in_town(work)


def test_a_missed_rotation_is_noticed() -> None:
    """A grantee that was away when its credential was renewed finds the new one when it looks."""

    async def work(town: Town) -> None:
        server = await offered(town)
        await town.boss.bind("app.db", "db.main")
        old = laid(town)
        town.cut("app")
        done = await town.boss.rotate("app.db", 50.0)
        assert done["rotated"] == done["unfinished"]
        assert laid(town) == old
        town.mend("app")
        await town.boxes["app"].hob.refresh()
        assert laid(town) != old and works(server, laid(town))

    in_town(work)


def test_what_the_service_cannot_enforce_is_refused() -> None:
    """A rate, a count or a prefix that the driver does not know is refused before anything is made; so are unknown methods."""

    async def work(town: Town) -> None:
        server = await offered(town)
        for narrowed in (
            Attenuation(rate=[[1, 1.0]]),
            Attenuation(count=1),
            Attenuation(prefix="x"),
            Attenuation(methods=["drop"]),
        ):
            with pytest.raises(BadArgument, match="cannot enforce|no method"):
                await town.boss.bind("app.db", "db.main", narrowed)
        assert server.accounts == {} and (await town.boss.status())["edges"] == []

    in_town(work)


def test_an_offer_needs_an_owner_that_is_let_in() -> None:
    """The service is asked when it is offered; a connection in plain text is refused, and is in no error."""

    async def work(town: Town) -> None:
        await offered(town)
        with pytest.raises(Unreachable, match="down"):
            await town.boss.offer("db.other", "fake", arguments=[Secret("fake://sesame")])
        with pytest.raises(BadArgument, match="--owner") as caught:
            await town.boss.offer("db.other", "fake", arguments=["fake://sesame"])
        assert "sesame" not in str(caught.value)
        assert [offer["service"] for offer in await town.boss.offers()] == ["db.main"]
        with pytest.raises(Conflict):
            await town.boss.offer("db.main", "test.table")

    in_town(work)


def test_an_edge_ends_when_its_time_has_come() -> None:
    """`until` ends the account itself, open sessions included, with nobody asking for it."""

    async def work(town: Town) -> None:
        server = await offered(town)
        now = town.network.now()
        await town.boss.bind("app.db", "db.main", Attenuation(until=now + 100))
        session = server.log_in(laid(town)["username"], laid(town)["password"])
        town.world.time += 101
        await town.boxes["db"].hob.tend()
        assert not await session.works() and server.accounts == {}

    in_town(work)


def test_a_service_that_is_away_holds_up_nothing_for_good() -> None:
    """With the service away a binding waits and a revocation says that it is not finished; both are finished when it is back."""

    async def work(town: Town) -> None:
        server = await offered(town)
        await town.boss.bind("app.old", "db.main")
        server.down = True
        edge = await town.boss.bind("app.db", "db.main")
        assert edge["state"] == "wanted" and "down" in edge["error"]
        left = (await town.boss.revoke("app.old"))["unfinished"]
        assert [each["target"] for each in left] == ["app.old"]
        with pytest.raises(Missing):
            laid(town, "old")
        server.down = False
        await town.boxes["db"].hob.tend()
        await town.boxes["db"].hob.hello()
        await town.holds(lambda status: [each["state"] for each in status["edges"]] == ["active"])
        assert works(server, laid(town)) and len(server.accounts) == 1

    in_town(work)


def test_last_use_is_told() -> None:
    """Who can reach a service is answered with the last use of each account, as far as it was seen; without asking the machine where nobody wants that."""

    async def work(town: Town) -> None:
        server = await offered(town)
        await town.boss.bind("app.db", "db.main")
        await town.boss.bind("app.other", "db.main")
        assert "used" not in (await town.boss.who_can("db.main"))[0]
        assert (await town.boss.who_can("db.main", True))[0]["used"] is None
        server.used[laid(town)["username"]] = town.network.now() - 5
        await town.boxes["db"].hob.tend()
        assert (await town.boss.who_can("db.main", True))[0]["used"] == town.network.now() - 5

    in_town(work)


def test_withdrawing_ends_all_accounts() -> None:
    """A service that is offered no longer has none of our accounts; if it cannot be reached that is kept, and done later."""

    async def work(town: Town) -> None:
        server = await offered(town)
        await town.boss.bind("app.db", "db.main")
        server.down = True
        assert (await town.boss.withdraw("db.main"))["unfinished"]
        assert server.accounts
        server.down = False
        await town.boxes["db"].hob.hello()
        await town.holds(lambda status: status["edges"] == [] and server.accounts == {})
        assert server.accounts == {} and await town.boss.offers() == []

    in_town(work)


def test_files_are_replaced_in_one_step(tmp_path: Path) -> None:
    """Whoever opens the directory of a binding sees one credential whole, while it is replaced again and again."""
    from remit.credentials import Credential

    layout = Layout(tmp_path / "bindings")

    def credential(number: int) -> Credential:
        return Credential("fake", {"username": str(number)}, {"password": Secret(str(number))}, number)

    async def main() -> None:
        await layout.write("db", "e1", credential(1))
        for number in range(2, 30):
            before = (tmp_path / "bindings" / "db").resolve()
            await layout.write("db", "e1", credential(number))
            texts = read_binding(tmp_path / "bindings", "db")
            assert texts == {"type": "fake", "username": str(number), "password": str(number)}
            assert not before.exists()
        assert layout.held() == {"db": "e1"}
        await layout.remove("db", "e2")
        assert layout.held() == {"db": "e1"}
        await layout.remove("db", "e1")
        assert list((tmp_path / "bindings").iterdir()) == []

    asyncio.run(main())
