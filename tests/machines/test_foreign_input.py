"""What a machine or a program may send: anything; what comes of it: an error for the sender, and nothing for the others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit.errors import BadArgument, Broken, NotAllowed
from remit.lib import Rules
from remit.machines import Desk, HobServer, Offer, Report
from remit.vat import Vat, actor, send
from tests.machines.town import Row, Town, in_town

GOOD = Offer("x", "test.row")
BAD_OFFERS = [
    GOOD.but(name="a.b"),
    GOOD.but(name=5),
    GOOD.but(interface=5),
    GOOD.but(description=None),
    GOOD.but(kind=b"x"),
    GOOD.but(supports=5),
    GOOD.but(supports=[1]),
    GOOD.but(methods={"a": 1}),
    GOOD.but(rules=[]),
    GOOD.but(up="yes"),
    GOOD.but(interface="x" * 300),
    GOOD.but(kind="x" * 300),
    GOOD.but(description="x" * 5000),
    GOOD.but(supports=["x" * 300]),
    GOOD.but(methods=["x"] * 1001),
    GOOD.but(rules=Rules(["x" * 70_000], {})),
]
BAD_REPORTS = [
    Report(5, {}, [], "1"),
    Report([1], {}, [], "1"),
    Report([], [], [], "1"),
    Report([], {"db": 5}, [], "1"),
    Report([], {}, 5, "1"),
    Report([], {}, [5], "1"),
    Report([], {}, [], 5),
    Report([], {}, [], "x" * 41),
    Report([], {}, [GOOD] * 1001, "1"),
    *(Report([], {}, [bad], "1") for bad in BAD_OFFERS),
]


@pytest.mark.parametrize("bad", BAD_OFFERS, ids=range(len(BAD_OFFERS)))
def test_a_bad_offer_is_refused(bad: Offer) -> None:
    """By the hob that a program tells it, and by the boss that a machine tells it."""

    async def work(town: Town) -> None:
        await town.shop()
        program = await town.stranger("program")
        desk = await town.boxes["db"].hob.desk()
        with pytest.raises(BadArgument):
            await desk.offer(bad, program.vat.spawn(Row, ""))
        with pytest.raises(BadArgument):
            await town.boxes["db"].hob._at.server.offering(bad)
        assert [offer["service"] for offer in await town.boss.offers()] == ["db.main"]

    in_town(work)


@pytest.mark.parametrize("bad", BAD_REPORTS, ids=range(len(BAD_REPORTS)))
def test_a_bad_report_is_refused(bad: Report) -> None:
    """One machine cannot spoil what is shown of all, nor take back what others hold."""

    async def work(town: Town) -> None:
        await town.shop()
        box = town.boxes["db"]
        with pytest.raises(BadArgument):
            await box.hob._at.server.hello(box.network.address(), bad)
        status = await town.boss.status()
        assert [edge["state"] for edge in status["edges"]] == ["active"]
        assert [offer["service"] for offer in await town.boss.offers()] == ["db.main"]

    in_town(work)


def test_a_machine_fills_no_more_of_its_boss_than_its_share() -> None:
    """A thousand offers are kept of one machine, and no more; what it has can still be changed."""

    async def main() -> None:
        async with Vat("boss") as vat:
            other = vat.spawn(Row, "")
            known = {f"x{i}": GOOD for i in range(1000)}
            server = vat.spawn(HobServer, "db", other, other, other, b"", None, 0.0, "", False, known)
            for name in ("x7", "x999"):
                await server.offering(GOOD.but(name=name))
            with pytest.raises(BadArgument, match="at most 1000 offers"):
                await server.offering(GOOD.but(name="one-more"))

    asyncio.run(main())


@actor(kind="test.liar")
class Liar:
    """A client presence that answers what it likes."""

    answer: Any

    def offers(self) -> Any:
        return self.answer

    def keep(self, offer: Any, arguments: list[Any]) -> Any:
        return self.answer


@pytest.mark.parametrize("bad", [5, [5], [GOOD.but(name="a.b")], [GOOD] * 1001, GOOD.but(name="a.b")], ids=range(5))
def test_what_a_machine_answers_when_it_is_asked_is_checked_too(bad: Any) -> None:
    """Offers that it lists, or says to have made: no way round the check, and nothing of it is kept."""

    async def main() -> None:
        async with Vat("boss") as vat:
            liar = vat.spawn(Liar, bad)
            server = vat.spawn(HobServer, "db", liar, liar, liar, b"", None)
            for call in (server.fresh_offers(), server.keep(GOOD, [])):
                with pytest.raises(BadArgument):
                    await call
            assert await server.offers() == []

    asyncio.run(main())


def test_a_hello_needs_a_report_and_an_address() -> None:
    """Whatever else is sent is refused before anything is done."""

    async def work(town: Town) -> None:
        await town.machines("db")
        server = town.boxes["db"].hob._at.server
        for arguments in ((None, None), (5, GOOD), (town.network.address(), Report([], {}, [], "1"))):
            with pytest.raises(Broken):
                await server.hello(*arguments)

    in_town(work)


def test_only_objects_are_offered() -> None:
    """Data has no methods: a program that offers it has made a mistake, and hears of it."""

    async def work(town: Town) -> None:
        await town.machines("db")
        desk = await town.boxes["db"].hob.desk()
        with pytest.raises(BadArgument, match="must be an object"):
            await desk.offer(GOOD, 5)

    in_town(work)


def test_a_program_cannot_do_what_the_boss_may() -> None:
    """The desk has no way to grants, to other machines, or to what the machine keeps."""

    async def work(town: Town) -> None:
        await town.shop()
        desk = await town.boxes["db"].hob.desk()
        for name in ("grant", "revoke", "bind", "unbind", "keep", "hello", "presence", "enrolled", "report"):
            with pytest.raises(Broken, match="has no method"):
                await send(desk, name)
        with pytest.raises(NotAllowed, match="only the boss"):
            await desk.withdraw("main")
        assert [offer.name for offer in await desk.offers()] == ["main"]
        assert await desk.bindings() == []

    in_town(work)


def test_a_far_objects_rules_are_believed_and_enforced() -> None:
    """What a program says of its object's methods decides what read-only lets through; the hob cannot see its class."""

    async def work(town: Town) -> None:
        await town.machines("db", "app")
        program = await town.stranger("program")
        rules = Rules(["read"], {})
        offer = Offer("row", "test.row", supports=["read_only"], methods=["read", "write"], rules=rules)
        await (await town.boxes["db"].hob.desk()).offer(offer, program.vat.spawn(Row, "hello"))
        await town.boss.bind("app.row", "db.row", _read_only())
        row: Any = await town.boxes["app"].hob.get("row")
        assert await row.read() == "hello"
        with pytest.raises(NotAllowed):
            await row.write("x")

    in_town(work)


def _read_only() -> Any:
    from remit.graph import Attenuation

    return Attenuation(read_only=True)


def test_the_desk_is_one() -> None:
    """The same object each time, so that its sturdyref can be written down once."""

    async def work(town: Town) -> None:
        await town.machines("db")
        hob = town.boxes["db"].hob
        assert await hob.desk() is await hob.desk()
        assert isinstance((await hob.desk())._at, Desk)

    in_town(work)
