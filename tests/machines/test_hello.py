"""A machine's hello to its boss: what it says while the hello is under way is newer."""

from __future__ import annotations

from typing import Any

from remit.machines._hob_server import HobServer
from remit.machines._records import Offer, Report
from remit.net import NodeKey, sign_address
from remit.vat import Far, Vat, actor, resolved
from tests.vat.kit import FakeLink


@actor(kind="test.hello.wiring")
class Wiring:
    def reconcile(self, *what: Any) -> None:
        """There are no edges."""

    def stirred(self, name: str) -> None:
        """Nobody looks at a status."""


def test_an_offer_that_is_made_during_a_hello_is_not_forgotten() -> None:
    """The hello's report was written before the offer: it doesn't take its place when the hello goes on."""
    vat, link, key = Vat("boss"), FakeLink(), NodeKey.generate()
    network = Far(vat, 0, link)
    address, boss = sign_address(key, {}, 1), sign_address(NodeKey.generate(), {}, 1)
    hob = vat.spawn(HobServer, "db", vat.spawn(Wiring), network, network, key.public, address)
    hello = hob.hello(address, Report([], {}, [Offer("old")], "1"))
    vat.run()
    hob.offering(Offer("new"))
    vat.run()
    answers: list[Any] = [None, 5.0, boss]
    for answer in answers:
        link.sent[-1][1].promise._settle(answer, None)
        vat.run()
    assert resolved(hello) == boss
    offers = hob.offers()
    vat.run()
    assert [offer.name for offer in resolved(offers)] == ["new", "old"]
