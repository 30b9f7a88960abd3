"""Drift and orphans, with a boss and machines in this process: found everywhere, and put right only where somebody names it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from remit.cli._declared import Declared
from remit.cli._looking import look_inside
from remit.cli._mending import Found, adopt, find, restore
from remit.cli._orphans import _find, _remove
from remit.credentials import Credential, check_credential
from remit.errors import Conflict, Missing
from remit.graph import Finding, Graph, Known, Late, Link, Node, apply, plan
from remit.ledger import open_ledger
from remit.lib import Attenuation
from remit.machines import MACHINE_KINDS, BossWorld
from remit.testing import FakeMachine, FakeServer
from remit.values import Secret
from tests.credentials import servers
from tests.credentials.kits import PostgresKit
from tests.machines.test_accounts import OWNER, laid, works
from tests.machines.town import Town, in_town

READ = Attenuation(methods=["read"])
SHOP = Graph(
    "shop",
    [
        Node("db", "machine", {"provider": "fake", "options": {}}),
        Node("app", "machine", {"provider": "fake", "options": {}}),
        Node("db/main", "offer", {"kind": "fake", "owner": "owner"}, ["db"]),
        Node("db/table", "offer", {"kind": "test.table"}, ["db"]),
    ],
    [Link("app/db", "app", "db/main", READ), Link("app/table", "app", "db/table", Attenuation(read_only=True))],
    [{"name": "quiet", "limit": {"to": "db/table", "read_only": True}}],
)


class Shop:
    """A project in a town, applied once."""

    def __init__(self, town: Town, place: Path) -> None:
        self.town = town
        self.server = FakeServer("fake://town")
        self.ledger = open_ledger(place / "state" / "shop.db", "shop")
        self.project = Declared(SHOP, place, place / "state" / "shop.db")
        self.world = BossWorld(town.boss, "shop", owner=lambda _: OWNER, patience=0.5)

    async def up(self) -> None:
        with self.ledger.locked("up") as journal:
            made = plan(SHOP, self.ledger.known(), await self.world.observe(), MACHINE_KINDS)
            assert await apply(made, journal, self.world) == []

    async def found(self, *machines: str) -> Found:
        return await find(self.town.boss, self.world, self.ledger.known(), SHOP.policies, machines)

    async def kinds(self) -> list[tuple[str, str]]:
        return [(each.key, each.what) for each in (await self.found()).findings]

    async def restored(self, *ids: str) -> list[Late]:
        chosen = (await self.found()).named(ids or ["all"], "restore")
        with self.ledger.locked("drift") as journal:
            return await restore(self.town.boss, self.world, self.ledger, journal, chosen, lambda *_: None)

    async def adopted(self, *ids: str) -> None:
        found = await self.found()
        with self.ledger.locked("drift") as journal:
            await adopt(self.town.boss, self.ledger, journal, found.named(ids or ["all"], "adopt"), found.actual)

    async def to_do(self) -> list[str]:
        made = plan(SHOP, self.ledger.known(), await self.world.observe(), MACHINE_KINDS)
        return [f"{step.action} {step.key}" for step in made.steps]


def in_shop(work: Any, place: Path) -> None:
    """Run it in a town with a shop that was applied."""

    async def main(town: Town) -> None:
        shop = Shop(town, place)
        await shop.up()
        assert (await shop.found())[:3] == ([], [], [])
        try:
            await work(shop)
        finally:
            shop.ledger.close()

    in_town(main)


def test_a_role_that_was_dropped_is_restored_or_given_up(tmp_path: Path) -> None:
    """It is found where only its service knows; nothing happens by itself; both choices do what they say."""

    async def work(shop: Shop) -> None:
        texts = laid(shop.town)
        shop.server.accounts.clear()
        await shop.town.boxes["db"].hob.tend()
        (found,) = (await shop.found()).findings
        assert (found.key, found.what, list(found.can)) == ("binding app/db", "account", ["restore", "adopt"])
        assert "its account at db.main is gone" in found.text and found.since and shop.server.accounts == {}
        await shop.restored(found.id)
        assert works(shop.server, texts) and await shop.kinds() == []
        shop.server.accounts.clear()
        await shop.adopted()
        assert await shop.kinds() == [] and await shop.to_do() == ["create binding app/db"]
        assert [each["target"] for each in await shop.town.boss.bindings()] == ["app.table"]

    in_shop(work, tmp_path)


def test_more_than_was_granted_is_found_inside_the_service(tmp_path: Path) -> None:
    """An account that somebody has given more; it cannot be adopted here, and it is said how."""

    async def work(shop: Shop) -> None:
        shop.server.powers[laid(shop.town)["username"]] = "everything"
        (found,) = (await shop.found()).findings
        assert (found.key, found.what) == ("binding app/db", "power")
        with pytest.raises(Conflict, match="change its attenuation in remit.toml"):
            await shop.adopted(found.id)
        await shop.restored(found.id)
        assert await shop.kinds() == []

    in_shop(work, tmp_path)


def test_files_of_a_binding_are_found_missing(tmp_path: Path) -> None:
    """One file, or all of them."""

    async def work(shop: Shop) -> None:
        root, texts = shop.town.boxes["app"].place / "bindings" / "db", laid(shop.town)
        (root / "username").unlink()
        (found,) = (await shop.found("app")).findings
        assert (found.what, found.text) == ("files", "its credential on app lacks: username")
        root.unlink()
        (found,) = (await shop.found()).findings
        assert (found.what, found.text) == ("files", "its credential on app is not laid out")
        await shop.restored(found.id)
        assert laid(shop.town) == texts and await shop.kinds() == []

    in_shop(work, tmp_path)


def test_a_machine_that_stopped_is_started(tmp_path: Path) -> None:
    """Its provider has it, and it does not run: nobody starts it but who asks for it."""

    async def work(shop: Shop) -> None:
        (id,) = [id for id, machine in shop.town.provider.machines.items() if machine.name == "app"]
        await shop.town.provider._halt(shop.town.provider.machines[id])  # type: ignore[misc]  # it is given
        shop.town.provider.machines[id].running = False
        assert ("machine app", "stopped") in await shop.kinds()
        (found,) = [each for each in (await shop.found()).findings if each.what == "stopped"]
        shop.town.boxes["app"] = shop.town.spare.pop()
        await shop.restored(found.id)
        assert shop.town.provider.machines[id].running and await shop.kinds() == []

    in_shop(work, tmp_path)


def test_a_machine_that_is_gone_is_made_again_with_all_that_was_on_it(tmp_path: Path) -> None:
    """Or forgotten with all its edges."""

    async def lose(shop: Shop, name: str) -> str:
        (id,) = [id for id, machine in shop.town.provider.machines.items() if machine.name == name]
        await shop.town.provider.destroy(id)
        return id

    async def work(shop: Shop) -> None:
        id = await lose(shop, "app")
        (found,) = [each for each in (await shop.found()).findings if each.what == "gone"]
        assert found.key == "machine app" and "what it kept is lost" in found.restore
        assert await shop.restored(found.id) == []
        assert await shop.kinds() == [] and await shop.to_do() == []
        assert works(shop.server, laid(shop.town)) and id not in shop.town.provider.machines
        await lose(shop, "app")
        await shop.adopted()
        assert await shop.kinds() == []
        assert await shop.to_do() == ["create machine app", "create binding app/db", "create binding app/table"]

    in_shop(work, tmp_path)


def test_what_was_unbound_or_widened_by_hand(tmp_path: Path) -> None:
    """Restored as it was applied; and what there is is judged by the policies, whoever made it."""

    async def work(shop: Shop) -> None:
        boss = shop.town.boss
        await boss.unbind("app.db")
        await shop.restored()
        assert await shop.kinds() == []
        await boss.bind("db.mine", "db.table")
        found = await shop.found()
        assert found.findings == [] and [each.policy for each in found.violations] == ["quiet"]
        assert "db/mine" in found.violations[0].text

    in_shop(work, tmp_path)


def test_what_was_not_shown_is_not_put_right(tmp_path: Path) -> None:
    """An id of something that has changed meanwhile is refused; so is all of it while a run that was cut short is not finished."""

    async def work(shop: Shop) -> None:
        await shop.town.boss.unbind("app.db")
        (found,) = (await shop.found()).findings
        await shop.restored(found.id)
        with pytest.raises(Missing, match="look again"):
            await shop.restored(found.id)
        await shop.town.boss.unbind("app.db")
        with shop.ledger.locked("up") as journal:
            made = plan(SHOP, shop.ledger.known(), await shop.world.observe(), MACHINE_KINDS)
            journal.begin(made)
            journal.intent(made.steps[0])
        await shop.town.boss.unbind("app.table")
        with pytest.raises(Conflict, match="Finish that first: remit up"):
            await shop.restored()

    in_shop(work, tmp_path)


def test_a_machine_that_is_away_is_said(tmp_path: Path) -> None:
    """And holds nothing up: the others are looked into."""

    async def work(shop: Shop) -> None:
        shop.server.accounts.clear()
        shop.town.cut("app")
        inside = await look_inside(shop.town.boss, await shop.world.observe(), seconds=2.0)
        assert [each.what for each in inside.findings] == ["account"]
        assert len(inside.notes) == 1 and inside.notes[0].startswith("machine app could not be looked into: ")

    in_shop(work, tmp_path)


def test_orphans_are_listed_and_only_these_are_removed(tmp_path: Path) -> None:
    """A machine at a provider, an account at a service, a binding with the project's label: each with a foreign one beside it, which is left alone."""

    async def work(shop: Shop) -> None:
        town, boss = shop.town, shop.town.boss
        town.provider.machines["lost-1"] = FakeMachine("lost-1", "lost", {})
        tag = laid(town)["username"].partition("_")[0]
        shop.server.accounts |= {f"{tag}_stray_1": "x", "somebody": "y"}
        await boss.bind("app.left", "db.table")
        await (await boss.planner()).label("edge", "app.left", "shop")
        await boss.bind("app.hand", "db.table")
        await town.boxes["db"].hob.tend()
        found, notes = await _find(boss, shop.project)
        assert notes == [] and sorted(each.sort for each in found) == ["account", "machine", "thing"]
        assert [each.what for each in found if each.sort == "thing"] == ["binding app.left"]
        assert all(each.since for each in found if each.sort == "account")
        with pytest.raises(Missing, match="look again"):
            await _remove(boss, shop.project, ["000000"])
        assert (await _find(boss, shop.project))[0] == found
        assert not await _remove(boss, shop.project, [each.id for each in found])
        assert (await _find(boss, shop.project))[0] == []
        assert "lost-1" not in town.provider.machines and len(town.provider.machines) == 2
        assert sorted(shop.server.accounts) == sorted([laid(town)["username"], "somebody"])
        assert sorted(each["target"] for each in await boss.bindings()) == ["app.db", "app.hand", "app.table"]
        assert await shop.kinds() == [] and await shop.to_do() == []

    in_shop(work, tmp_path)


def test_no_secret_is_in_the_state(tmp_path: Path) -> None:
    """Neither the owner's connection nor a password is in any byte of the ledger, after plans, drift and restoring."""

    async def work(shop: Shop) -> None:
        texts = laid(shop.town)
        shop.server.accounts.clear()
        await shop.restored()
        kept = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
        assert b"binding app/db" in kept
        for secret in (texts["password"], OWNER.text):
            assert isinstance(OWNER, Secret) and secret.encode() not in kept

    in_shop(work, tmp_path)


def test_a_role_of_a_real_server_is_restored(tmp_path: Path) -> None:
    """PostgreSQL: dropped by its owner it stays away until it is asked for, with the same password; what it was given besides goes."""

    async def work(town: Town, kit: PostgresKit) -> None:
        await town.machines("db", "app")
        await town.boss.offer(
            "db.main", "postgres", arguments=[Secret(f'connection = "{kit.uri()}"\nhost = "127.0.0.1"')]
        )
        await town.boss.bind("app.db", "db.main", READ)
        texts, owner = laid(town), await kit.as_owner()
        world = BossWorld(town.boss, "shop", owner=lambda _: OWNER)

        async def found() -> list[Finding]:
            return (await find(town.boss, world, Known("shop"))).findings

        assert await found() == []
        await owner.run(f"DROP OWNED BY {texts['username']}")
        await owner.run(f"DROP ROLE {texts['username']}")
        await town.boxes["db"].hob.tend()
        await town.boxes["app"].hob.refresh()
        (gone,) = await found()
        assert (gone.key, gone.what) == ("binding app/db", "account") and laid(town) == texts
        await (await town.boss.inspector()).restore(gone.at)
        assert await found() == []
        session = await kit.log_in(check_credential(Credential("postgresql", {}, {"uri": Secret(texts["uri"])})))
        assert await session.works()
        await owner.run(f"GRANT INSERT ON public.notes TO {texts['username']}")
        (more,) = await found()
        assert (more.what, "INSERT on public.notes" in more.text) == ("power", True)
        await (await town.boss.inspector()).restore(more.at)
        assert await found() == [] and laid(town) == texts
        for each in (session, owner):
            await each.close()
        await town.boss.withdraw("db.main")
        await town.boxes["db"].accounts.close()

    with servers.postgres() as server:
        kit = PostgresKit(server)
        asyncio.run(kit.reset())
        in_town(lambda town: work(town, kit))
