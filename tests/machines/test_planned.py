"""Plans applied at a boss: what is declared comes about, nothing of others is touched, and names change without anything being made anew."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit.errors import Conflict, NotAllowed, Refused, Revoked
from remit.graph import Done, Graph, Late, Link, Node, Plan, Step, apply, plan
from remit.lib import Attenuation
from remit.machines import MACHINE_KINDS, BossWorld, Offer, _boss_world
from remit.values import Secret
from tests.graph.kit import Killed, MemoryLedger, actions
from tests.machines.town import Table, Town, held, in_town

READ = Attenuation(read_only=True)


def machine(id: str, **more: Any) -> Node:
    """A machine of the town's provider."""
    return Node(id, "machine", {"provider": "fake", "options": {}}, **more)


def offer(id: str, **fields: Any) -> Node:
    """A table."""
    return Node(id, "offer", {"kind": "test.table", **fields}, [id.partition("/")[0]])


def bound(id: str, service: str, attenuation: Attenuation | None = None) -> Link:
    """A binding."""
    return Link(id, id.partition("/")[0], service, attenuation or Attenuation())


def shop(*parts: Node | Link, **more: Any) -> Graph:
    """A project of these parts, or of two machines, a table and a binding."""
    chosen = parts or (machine("db"), offer("db/main"), machine("app"), bound("app/db", "db/main"))
    nodes = [part for part in chosen if isinstance(part, Node)]
    return Graph("shop", nodes, [part for part in chosen if isinstance(part, Link)], **more)


class Project:
    """A project at a town's boss."""

    def __init__(self, town: Town, project: str = "shop") -> None:
        self.town = town
        self.ledger = MemoryLedger()
        self.project = project

    def world(self) -> BossWorld:
        """As a command sees it."""
        return BossWorld(self.town.boss, self.project, owner=lambda file: Secret(f"owner of {file}"), patience=0.3)

    async def plan(self, wanted: Graph, **more: Any) -> Plan:
        """What would be done now."""
        actual = await self.world().observe()
        return plan(wanted, self.ledger.known(), actual, MACHINE_KINDS, **more)

    async def up(self, wanted: Graph, **more: Any) -> list[Late]:
        """Do it."""
        return await apply(await self.plan(wanted, **more), self.ledger, self.world())


def test_what_is_declared_comes_about() -> None:
    """Machines, an offer and a binding; then there is nothing to do; then they go again, and nothing is left."""

    async def work(town: Town) -> None:
        project = Project(town)
        assert await project.up(shop()) == []
        table = await held(town, "app", "db")
        await table.put("ada", "lovelace")
        made = await project.plan(shop())
        assert (actions(made), made.foreign, made.authority) == ([], [], [])
        assert await project.up(shop(machine("db"), machine("app"))) == []
        with pytest.raises(Revoked):
            await table.names()
        assert await project.up(shop(machine("db"))) == []
        assert [each["name"] for each in await town.boss.list_machines()] == ["db"]
        assert await project.up(Graph("shop")) == []
        status = await town.boss.status()
        assert (status["machines"], status["edges"], town.provider.machines) == ([], [], {})

    in_town(work)


def test_a_binding_is_narrowed_and_widened() -> None:
    """The edge is made anew with the other attenuation; what was held is revoked."""

    async def work(town: Town) -> None:
        project = Project(town)
        await project.up(shop())
        old = await held(town, "app", "db")
        await old.names()
        narrow = shop(*shop().nodes, bound("app/db", "db/main", READ))
        made = await project.plan(narrow)
        assert (actions(made), [each.lost for each in made.authority]) == (
            ["replace binding app/db"],
            [[Attenuation()]],
        )
        await project.up(narrow)
        with pytest.raises(Revoked):
            await old.names()
        table = await held(town, "app", "db")
        with pytest.raises(NotAllowed):
            await table.put("x", "y")
        assert await project.up(shop()) == []
        await (await held(town, "app", "db")).put("x", "y")
        assert len(await town.boss.bindings()) == 1

    in_town(work)


def test_what_was_made_by_hand_stays() -> None:
    """Machines, offers and edges without the project's label are listed and left alone; and so is another project's."""

    async def work(town: Town) -> None:
        project, other = Project(town), Project(town, "other")
        await project.up(shop())
        await town.machines("hand")
        await town.boss.offer("db.by-hand", "test.table")
        await town.boss.bind("hand.db", "db.main")
        await other.up(Graph("other", [machine("theirs")]))
        made = await project.plan(shop())
        assert actions(made) == []
        assert made.foreign == ["binding hand/db", "machine hand", "machine theirs", "offer db/by-hand"]
        await project.up(shop(machine("db"), offer("db/main")))
        assert [edge["target"] for edge in await town.boss.bindings()] == ["hand.db"]
        assert await (await held(town, "hand", "db")).names() == []
        with pytest.raises(Conflict, match="project other"):
            await project.plan(shop(machine("theirs")))
        with pytest.raises(Conflict, match="made by hand"):
            await project.plan(shop(machine("hand")))
        wanted = shop(machine("db"), offer("db/main"), machine("hand"))
        assert await project.up(wanted, adopt=["machine hand"]) == []
        made = await project.plan(wanted)
        assert (actions(made), made.foreign) == ([], ["binding hand/db", "machine theirs", "offer db/by-hand"])

    in_town(work)


def test_what_was_undone_by_hand_is_put_right() -> None:
    """A binding, an offer and a machine that are gone are made again, with all that went with them."""

    async def work(town: Town) -> None:
        project = Project(town)
        await project.up(shop())
        await town.boss.unbind("app.db")
        assert actions(await project.plan(shop())) == ["create binding app/db"]
        await project.up(shop())
        await town.boss.withdraw("db.main")
        assert actions(await project.plan(shop())) == ["create offer db/main", "create binding app/db"]
        await project.up(shop())
        assert await (await held(town, "app", "db")).names() == []
        await town.boss.destroy_machine("db")
        assert await project.up(shop()) == []
        assert actions(await project.plan(shop())) == []
        assert await (await held(town, "app", "db")).names() == []

    in_town(work)


def test_a_renamed_machine_keeps_its_key_its_objects_and_its_edges() -> None:
    """`moved`: nothing is made anew, what programs hold goes on, and the machine hears its new name, if need be with its next hello."""

    async def work(town: Town, cut: bool) -> None:
        project = Project(town)
        await project.up(shop())
        table = await held(town, "app", "db")
        await table.put("ada", "lovelace")
        before = {each["id"] for each in await town.boss.list_machines()}
        edge = (await town.boss.bindings())[0]
        parts = (machine("store"), offer("store/main"), machine("app"), bound("app/db", "store/main"))
        wanted = shop(*parts, moved=[["db", "store"]])
        made = await project.plan(wanted)
        assert {step.action for step in made.steps} == {"move"}
        if cut:
            town.cut("db")
        assert await project.up(wanted) == []
        town.mend("db")
        await town.boxes["db"].hob.hello()
        await town.holds(lambda status: status["edges"][0]["state"] == "active" and not status["edges"][0]["error"])
        assert actions(await project.plan(wanted)) == []
        assert {each["id"] for each in await town.boss.list_machines()} == before
        (after,) = await town.boss.bindings()
        assert (after["id"], after["service"]) == (edge["id"], "store.main")
        assert await table.names() == ["ada"]
        assert await town.boxes["db"].hob.known_as() == "store"
        (binding,) = await town.boxes["app"].hob.bindings()
        assert binding["service"] == "store.main"
        assert await project.up(Graph("shop")) == []

    for cut in (False, True):
        in_town(lambda town, cut=cut: work(town, cut))


def test_offers_and_bindings_get_other_names() -> None:
    """The objects, the edges and what programs hold stay; the old names are gone."""

    async def work(town: Town) -> None:
        project = Project(town)
        await project.up(shop())
        table = await held(town, "app", "db")
        await table.put("ada", "lovelace")
        (edge,) = await town.boss.bindings()
        parts = (machine("db"), offer("db/people"), machine("app"), bound("app/people", "db/people"))
        wanted = shop(*parts, moved=[["db/main", "db/people"], ["app/db", "app/people"]])
        assert await project.up(wanted) == []
        assert actions(await project.plan(wanted)) == []
        (after,) = await town.boss.bindings()
        assert (after["id"], after["target"], after["service"]) == (edge["id"], "app.people", "db.people")
        assert await table.names() == ["ada"]
        assert await (await held(town, "app", "people")).names() == ["ada"]
        assert [each["name"] for each in await town.boxes["app"].hob.bindings()] == ["people"]
        assert [each["service"] for each in await town.boss.offers()] == ["db.people"]
        await town.boss.withdraw("db.people")
        with pytest.raises(Refused):
            await table.names()

    in_town(work)


def test_a_binding_that_was_renamed_while_its_machine_was_away_follows_it() -> None:
    """The machine learns the new name, and gives up the old one, with its next hello."""

    async def work(town: Town) -> None:
        project = Project(town)
        await project.up(shop())
        town.cut("app")
        wanted = shop(*shop().nodes, bound("app/people", "db/main"), moved=[["app/db", "app/people"]])
        assert await project.up(wanted) == []
        town.mend("app")
        await town.boxes["app"].hob.hello()
        await town.holds(lambda status: not status["edges"][0]["error"])
        assert [each["name"] for each in await town.boxes["app"].hob.bindings()] == ["people"]

    in_town(work)


def test_removal_never_waits_for_a_machine_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A binding, an offer and a machine are taken back; what the machine has to do is kept, and done with its next hello."""
    monkeypatch.setattr(_boss_world, "GRACE", 0.2)

    async def work(town: Town) -> None:
        project = Project(town)
        await project.up(shop())
        town.cut("db")
        late = await project.up(shop(machine("db"), machine("app")))
        assert [(each.key, each.again) for each in late] == [("binding app/db", False), ("offer db/main", False)]
        made = await project.plan(shop(machine("db"), machine("app")))
        assert (actions(made), made.foreign) == ([], [])
        assert project.ledger.known().open == []
        town.mend("db")
        await town.boxes["db"].hob.hello()
        await town.holds(lambda status: status["edges"] == [])
        while await town.boss.offers():
            await town.boxes["db"].hob.hello()
        town.cut("db")
        assert await project.up(shop(machine("app"))) == []

    in_town(work)


def test_a_machine_that_is_half_made_is_asked_for_again() -> None:
    """Where its provider failed the machine waits for the next run; what counts on it waits with it."""

    async def work(town: Town) -> None:
        project = Project(town)
        town.provider.fail("create", "half")
        late = {each.key: each.again for each in await project.up(shop())}
        assert late == {"machine app": True, "binding app/db": True}
        made = await project.plan(shop())
        assert actions(made) == ["create machine app", "create binding app/db"]
        assert "is half made" in made.steps[0].why
        assert await project.up(shop()) == []
        assert len(town.provider.machines) == 2

    in_town(work)


@pytest.mark.parametrize("number", range(12))
def test_a_run_that_was_killed_is_finished_at_the_boss(number: int) -> None:
    """Cut short before any write of the ledger, with the effect before it done: the next run ends the same, and nothing is there twice."""

    async def work(town: Town) -> None:
        project = Project(town)
        left = iter(range(number))

        def cut(what: str) -> None:
            if next(left, None) is None:
                raise Killed(what)

        project.ledger.cut = cut
        try:
            await project.up(shop())
        except Killed:
            project.ledger.cut = lambda what: None
            assert await project.up(shop()) == []
        made = await project.plan(shop())
        assert (actions(made), made.foreign, made.orphans) == ([], [], [])
        assert (len(await town.boss.bindings()), len(town.provider.machines)) == (1, 2)
        assert project.ledger.known().open == []

    in_town(work)


class Slow:
    """A boss, and what does its steps: it has noted what was asked for, and its answer does not come."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def planner(self) -> Any:
        async def me() -> Slow:
            return self

        return me()

    async def revoke(self, id: str) -> None:
        self.asked.append(f"revoke {id}")
        await asyncio.Event().wait()

    async def edge_state(self, id: str) -> str:
        return "revoking" if self.asked else "active"

    async def unfinished(self, edges: list[str], offers: list[str]) -> dict[str, str]:
        return dict.fromkeys(edges, "waits for db")


def test_what_the_boss_has_noted_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edge that is being taken back is finished by the boss; a plan goes on, and says at the end who is waited for."""
    monkeypatch.setattr(_boss_world, "GRACE", 0.05)

    async def main() -> None:
        slow = Slow()
        world = BossWorld(slow, "shop", owner=Secret)
        await world.begin()
        step = Step(1, "remove", "binding app/db", bound("app/db", "db/main"), None, name="e1")
        assert await asyncio.wait_for(world.do(step), 30) == Done()
        assert slow.asked == ["revoke e1"]
        assert await world.settle() == [Late("binding app/db", "waits for db")]

    asyncio.run(main())


def test_an_alarm_follows_a_renamed_machine() -> None:
    """What an operator has to look at is found under the new name."""

    async def work(town: Town) -> None:
        project = Project(town)
        await project.up(shop())
        stranger = await town.stranger("thief")
        with pytest.raises(Refused):
            await stranger.redeem(town.introduction("db"), town.network.key.public)
        parts = (machine("store"), offer("store/main"), machine("app"), bound("app/db", "store/main"))
        await project.up(shop(*parts, moved=[["db", "store"]]))
        assert [alarm["machine"] for alarm in (await town.boss.status())["alarms"]] == ["store"]

    in_town(work)


def test_what_a_boss_cannot_make_is_said_before_anything_is_done() -> None:
    """A provider that there is not, and attenuations and interfaces that a service does not have: known from what is there, or from its kind."""

    async def work(town: Town) -> None:
        await Project(town).up(shop())
        world = Project(town).world()
        await world.observe()
        nodes = (machine("db"), offer("db/main"), machine("app"), Node("db/sql", "offer", {"kind": "postgres"}, ["db"]))

        def said(*parts: Node | Link) -> list[str]:
            return [each.text for each in world.violations(shop(*nodes, *parts))]

        assert said(bound("app/db", "db/main", READ), bound("app/sql", "db/sql", READ)) == []
        assert said(Node("x", "machine", {"provider": "fkae"}))[0].endswith("no provider 'fkae': did you mean fake?")
        assert "has no method 'nmaes'" in said(bound("app/db", "db/main", Attenuation(methods=["nmaes"])))[0]
        assert "cannot enforce count" in said(bound("app/sql", "db/sql", Attenuation(count=1)))[0]
        assert (
            "keeps interface test.table, and x was asked for"
            in said(Link("app/db", "app", "db/main", interface="x"))[0]
        )

    in_town(work)


def test_a_binding_waits_for_what_a_program_is_to_offer() -> None:
    """An external offer comes by itself, after its machine; one that does not come leaves its binding for another run."""

    async def work(town: Town) -> None:
        project = Project(town)
        clock = Node("db/clock", "offer", {}, ["db"], external=True)
        wanted = shop(machine("db"), clock, machine("app"), bound("app/clock", "db/clock"))
        (late,) = await project.up(wanted)
        assert (late.key, late.again) == ("binding app/clock", True)
        assert "no service on db: 'clock'" in late.why
        running = asyncio.ensure_future(project.up(wanted))
        await asyncio.sleep(0)
        box = town.boxes["db"]
        await box.hob.expose(Offer("clock"), box.vat.spawn(Table))
        assert await running == []
        assert await (await held(town, "app", "clock")).names() == []

    in_town(work)


def test_a_large_inventory_comes_in_pages() -> None:
    """However much there is, no answer is larger than a page."""

    async def work(town: Town) -> None:
        await town.shop()
        planner = await town.boss.planner()
        for number in range(420):
            await planner.bind(f"app.n{number}", "db.main", READ, "", "shop")
        first = await town.boss.inventory()
        assert (len(first["things"]), first["next"]) == (400, 400)
        rest = await town.boss.inventory(400)
        assert (len(rest["things"]), rest["next"]) == (24, None)

    in_town(work)
