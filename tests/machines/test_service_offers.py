"""What services offer as offers of their machine."""

from __future__ import annotations

import asyncio
from typing import Any

from remit import Symbol, Vat
from remit.dataspace import Dataspace
from remit.machines import Offer
from remit.machines._service_offers import ServiceOffers, offer_name
from remit.services import READY, STARTED, Daemon, ServiceObject, ServiceState
from remit.vat import Ref, actor, field


@actor(kind="test.fake_hob")
class FakeHob:
    """Remembers what it was told."""

    log: list[str] = field(list)

    def expose(self, offer: Offer, ref: Ref[Any]) -> Offer:
        self.log.append(f"+{offer.name}")
        return offer

    def fell_silent(self, name: str, ref: Ref[Any]) -> None:
        self.log.append(f"-{name}")

    def told(self) -> list[str]:
        return list(self.log)


def test_a_service_is_offered_while_it_is_ready_and_has_an_object() -> None:
    """Neither an object nor readiness alone makes an offer; the end of either, or another object, ends it."""

    async def main() -> None:
        async with Vat("services") as vat, Vat("machine") as machine:
            space, hob = vat.spawn(Dataspace), machine.spawn(FakeHob)
            await vat.spawn(ServiceOffers, space, hob).begin()
            party = await space.open()
            name, one, two = Daemon(Symbol("db")), vat.spawn(Dataspace), vat.spawn(Dataspace)
            steps: list[tuple[list[Any], list[str]]] = [
                ([["assert", 1, ServiceObject(name, one)], ["assert", 2, ServiceState(name, STARTED)]], []),
                ([["assert", 3, ServiceState(name, READY)]], ["+db"]),
                ([["retract", 3]], ["+db", "-db"]),
                ([["assert", 4, ServiceState(name, READY)]], ["+db", "-db", "+db"]),
                ([["retract", 1], ["assert", 5, ServiceObject(name, two)]], ["+db", "-db", "+db", "-db", "+db"]),
                ([["retract", 5]], ["+db", "-db", "+db", "-db", "+db", "-db"]),
            ]
            for events, log in steps:
                await party.turn(events)
                for _ in range(20):
                    await asyncio.sleep(0)
                assert await hob.told() == log

    asyncio.run(main())


def test_an_offers_name_is_what_stands_inside_the_services() -> None:
    """With what a name of an offer cannot have replaced."""
    assert offer_name(Daemon(Symbol("web"))) == "web"
    assert offer_name(Daemon("a b/c")) == "a-b-c"
    assert offer_name("") == "service"
