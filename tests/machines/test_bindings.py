"""Offers, bindings and grants: who gets what of whom, how much of it, and how it ends."""

from __future__ import annotations

import pytest

from remit.errors import BadArgument, Conflict, Expired, Missing, NotAllowed, Refused, Revoked, Unreachable
from remit.graph import Attenuation
from remit.machines import Offer
from tests.machines.town import Row, Town, held, in_town

# --- offers -----------------------------------------------------------------------------------------


def test_a_kept_offer_says_what_it_is() -> None:
    """Its interface is its class's kind unless it names one, and what it supports comes from the class."""

    async def work(town: Town) -> None:
        await town.machines("db")
        made = await town.boss.offer("db.main", "test.table", description="customers")
        assert (made["service"], made["interface"], made["description"]) == ("db.main", "test.table", "customers")
        assert {"read_only", "prefix", "methods"} <= set(made["supports"])
        assert made["methods"] == ["names", "put", "row"]
        assert await town.boss.offers() == [made]

    in_town(work)


def test_offering_the_same_again_changes_nothing() -> None:
    """The object that is kept, and what is in it, stay."""

    async def work(town: Town) -> None:
        await town.shop()
        await (await held(town, "app", "db")).put("ann", "1")
        await town.boss.offer("db.main", "test.table")
        assert await (await held(town, "app", "db")).names() == ["ann"]
        with pytest.raises(Conflict, match="already"):
            await town.boss.offer("db.main", "test.table", interface="other")

    in_town(work)


def test_only_classes_that_the_agent_knows_can_be_made() -> None:
    """A kind is looked up in the machine's own list, and the nearest one is named."""

    async def work(town: Town) -> None:
        await town.machines("db")
        with pytest.raises(Missing, match=r"did you mean test\.table"):
            await town.boss.offer("db.main", "test.tabel")

    in_town(work)


def test_withdrawing_an_offer_ends_its_grants() -> None:
    """What is not offered any more cannot be used, by whoever was given it."""

    async def work(town: Town) -> None:
        await town.shop()
        table = await held(town, "app", "db")
        assert await table.names() == []
        await town.boss.withdraw("db.main")
        with pytest.raises(Revoked):
            await table.names()
        assert await town.boss.offers() == []

    in_town(work)


# --- bindings ---------------------------------------------------------------------------------------


def test_a_bound_service_is_used_under_its_name() -> None:
    """A program asks its hob for a name and gets the service; neither side saw an address or a password."""

    async def work(town: Town) -> None:
        await town.shop()
        table = await held(town, "app", "db")
        row = await table.put("ann", "one")
        assert await row.read() == "one"
        assert await table.names() == ["ann"]
        (edge,) = await town.boss.bindings("app")
        assert (edge["target"], edge["service"], edge["state"], edge["error"]) == ("app.db", "db.main", "active", "")
        assert edge["interface"] == "test.table"

    in_town(work)


def test_a_grants_swiss_number_is_for_the_grantee_alone() -> None:
    """What the boss passed on is useless to anybody without the grantee's key."""

    async def work(town: Town) -> None:
        await town.shop()
        link = (await held(town, "app", "db"))._link
        stranger = await town.stranger("x")
        with pytest.raises(Refused):
            await stranger.network.enliven(link.sturdyref).names()

    in_town(work)


@pytest.mark.parametrize(
    ("target", "service", "hint"),
    [
        ("app.x", "db.mian", "did you mean main"),
        ("app.x", "bd.main", "there are: app, db"),
        ("ap.x", "db.main", "did you mean app"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(target: str, service: str, hint: str) -> None:
    """Neither machine nor offer has to be guessed."""

    async def work(town: Town) -> None:
        await town.shop()
        with pytest.raises(Missing, match=hint):
            await town.boss.bind(target, service)
        assert len(await town.boss.bindings()) == 1

    in_town(work)


@pytest.mark.parametrize("name", ["app", "app.", ".db", "app.a.b", "app.a b"])
def test_a_bindings_name_is_dotted_once(name: str) -> None:
    """`machine.name`, and nothing else."""

    async def work(town: Town) -> None:
        await town.shop()
        with pytest.raises(BadArgument):
            await town.boss.bind(name, "db.main")

    in_town(work)


def test_a_pending_machine_is_not_bound() -> None:
    """The error says what state it is in."""

    async def work(town: Town) -> None:
        await town.machines("db")
        await town.boss.offer("db.main", "test.table")
        town.enrol = False
        await town.boss.create_machine("app", "fake")
        with pytest.raises(Missing, match="app is pending"):
            await town.boss.bind("app.db", "db.main")

    in_town(work)


def test_a_name_is_bound_once() -> None:
    """A second binding of a name is a conflict that says what it leads to now."""

    async def work(town: Town) -> None:
        await town.shop()
        with pytest.raises(Conflict, match=r"bound already, to db\.main"):
            await town.boss.bind("app.db", "db.main")

    in_town(work)


def test_another_interface_is_refused() -> None:
    """By the boss when it is asked for, and by the hob when a program expects it."""

    async def work(town: Town) -> None:
        await town.shop()
        with pytest.raises(Conflict, match=r"keeps interface test\.table, and shop\.orders was asked for"):
            await town.boss.bind("app.orders", "db.main", interface="shop.orders")
        assert await town.boxes["app"].hob.get("db", "test.table") is await held(town, "app", "db")
        with pytest.raises(Conflict, match=r"the program expects shop\.orders"):
            await town.boxes["app"].hob.get("db", "shop.orders")

    in_town(work)


def test_an_unknown_binding_names_the_nearest() -> None:
    """A program that misspells a name is told."""

    async def work(town: Town) -> None:
        await town.shop()
        with pytest.raises(Missing, match="did you mean db"):
            await town.boxes["app"].hob.get("dbb")

    in_town(work)


def test_a_machine_may_hold_its_own_service() -> None:
    """Grantee and provider may be one machine; taking it back ends both sides."""

    async def work(town: Town) -> None:
        await town.machines("db")
        await town.boss.offer("db.main", "test.table")
        await town.boss.bind("db.self", "db.main")
        table = await held(town, "db", "self")
        assert await table.names() == []
        answer = await town.boss.unbind("db.self")
        assert (len(answer["revoked"]), answer["unfinished"]) == (1, [])
        with pytest.raises(Revoked):
            await table.names()
        assert await town.boxes["db"].hob.bindings() == []

    in_town(work)


# --- attenuation ------------------------------------------------------------------------------------


def test_a_read_only_binding_reads_and_writes_nothing() -> None:
    """Reading passes, writing breaks with a clear error, also on what was reached through it."""

    async def work(town: Town) -> None:
        await town.shop()
        full = await held(town, "app", "db")
        await full.put("ann", "one")
        await town.boss.bind("app.reports", "db.main", Attenuation(read_only=True))
        table = await held(town, "app", "reports")
        row = await table.row("ann")
        assert await row.read() == "one"
        with pytest.raises(NotAllowed, match="read-only"):
            await table.put("bob", "two")
        with pytest.raises(NotAllowed, match="read-only"):
            await row.write("three")
        assert await full.names() == ["ann"]

    in_town(work)


def test_attenuations_by_method_prefix_count_and_time() -> None:
    """Each is enforced at the provider's side, by the provider's clock."""

    async def work(town: Town) -> None:
        await town.shop()
        until = town.world.time + 60
        for name, less in {
            "names": Attenuation(methods=["names"]),
            "a": Attenuation(prefix="a"),
            "once": Attenuation(count=1),
            "brief": Attenuation(until=until),
        }.items():
            await town.boss.bind(f"app.{name}", "db.main", less)
        with pytest.raises(NotAllowed):
            await (await held(town, "app", "names")).put("x", "")
        with pytest.raises(NotAllowed):
            await (await held(town, "app", "a")).put("x", "")
        await (await held(town, "app", "a")).put("ann", "")
        assert await (await held(town, "app", "once")).names() == ["ann"]
        with pytest.raises(Expired):
            await (await held(town, "app", "once")).names()
        assert await (await held(town, "app", "brief")).names() == ["ann"]
        town.world.time = until
        with pytest.raises(Expired):
            await (await held(town, "app", "brief")).names()

    in_town(work)


def test_an_attenuation_that_cannot_be_enforced_is_refused() -> None:
    """At the time of binding, with what the service supports; nothing is recorded."""

    async def work(town: Town) -> None:
        await town.shop()
        stranger = await town.stranger("p")
        offer = Offer("plain", "test.row")
        await town.boxes["db"].hob.expose(offer, stranger.vat.spawn(Row, "x"))
        with pytest.raises(BadArgument, match="cannot enforce read_only"):
            await town.boss.bind("app.plain", "db.plain", Attenuation(read_only=True))
        with pytest.raises(BadArgument, match="did you mean names"):
            await town.boss.bind("app.other", "db.main", Attenuation(methods=["name"]))
        assert len(await town.boss.bindings()) == 1

    in_town(work)


# --- alarms -----------------------------------------------------------------------------------------


def test_an_alarmed_machine_keeps_what_it_has_and_gets_nothing_new() -> None:
    """Until an operator says that the alarm is settled."""

    async def work(town: Town) -> None:
        await town.shop()
        thief = await town.stranger("thief")
        with pytest.raises(Refused):
            await thief.redeem(town.introduction("app"), town.network.key.public)
        assert await (await held(town, "app", "db")).names() == []
        with pytest.raises(Refused, match="no new grants"):
            await town.boss.bind("app.more", "db.main")
        cleared = await town.boss.clear_alarm("app")
        assert [alarm["machine"] for alarm in cleared] == ["app"]
        await town.boss.bind("app.more", "db.main")
        with pytest.raises(Missing):
            await town.boss.clear_alarm("app")

    in_town(work)


# --- programs' offers ---------------------------------------------------------------------------------


def test_a_programs_offer_can_be_bound() -> None:
    """An object of a program is used through its machine's hob as one that the machine keeps."""

    async def work(town: Town) -> None:
        await town.machines("db", "app")
        program = await town.stranger("program")
        await town.boxes["db"].hob.expose(Offer("row", "test.row"), program.vat.spawn(Row, "hello"))
        await town.boss.bind("app.row", "db.row", interface="test.row")
        assert await (await held(town, "app", "row")).read() == "hello"

    in_town(work)


def test_a_grant_outlasts_the_program() -> None:
    """While the program is away calls break as unreachable; when it offers again, the same reference works."""

    async def work(town: Town) -> None:
        await town.machines("db", "app")
        program = await town.stranger("program")
        hob, first = town.boxes["db"].hob, program.vat.spawn(Row, "first")
        await hob.expose(Offer("row", "test.row"), first)
        await town.boss.bind("app.row", "db.row")
        row = await held(town, "app", "row")
        await hob.fell_silent("row", first)
        with pytest.raises(Unreachable, match="no program offers 'row' now"):
            await row.read()
        assert not (await town.boss.offers())[0]["up"]
        await hob.expose(Offer("row", "test.row"), program.vat.spawn(Row, "second"))
        assert await row.read() == "second"

    in_town(work)


def test_two_programs_cannot_offer_one_name() -> None:
    """The second is refused while the first runs."""

    async def work(town: Town) -> None:
        await town.machines("db")
        program = await town.stranger("program")
        await town.boxes["db"].hob.expose(Offer("row", "test.row"), program.vat.spawn(Row, "first"))
        with pytest.raises(Conflict, match="already"):
            await town.boxes["db"].hob.expose(Offer("row", "test.row"), program.vat.spawn(Row, "second"))

    in_town(work)


# --- who holds what -------------------------------------------------------------------------------------


def test_who_can_reach_a_service() -> None:
    """Direct holders with what they hold, and those that could get there through them."""

    async def work(town: Town) -> None:
        await town.shop()
        await town.machines("web")
        await town.boss.offer("app.api", "test.table")
        await town.boss.bind("web.api", "app.api", Attenuation(methods=["names"]))
        direct, indirect = await town.boss.who_can("db.main")
        assert (direct["machine"], direct["through"], direct["attenuation"]) == ("app", [], "unrestricted")
        assert (indirect["machine"], indirect["through"], indirect["attenuation"]) == ("web", ["app"], "only names")
        with pytest.raises(Missing):
            await town.boss.who_can("dd.main")

    in_town(work)
