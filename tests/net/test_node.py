"""Nodes of one process that talk over real netlayers: what a program sees of the network."""

from __future__ import annotations

import asyncio

import pytest

from remit.errors import Expired, Refused, Unreachable
from remit.net import (
    Network,
    Node,
    NodeKey,
    TcpTestingNetlayer,
)
from remit.testing import FaultyNetwork, run_virtual
from remit.values import SturdyRef
from remit.vat import Vat, send
from tests.captp.objects import Counter, Shelf
from tests.net.kit import DEADLINE
from tests.net.nodes import KINDS, Caller, Gate, Place, offer


@pytest.fixture(params=KINDS)
def place(request, folder):
    return Place(request.param, folder)


def run(main):
    async def bounded():
        async with asyncio.timeout(DEADLINE):
            await main()

    asyncio.run(bounded())


# --- references ------------------------------------------------------------------------------------


def test_a_sturdyref_is_fetched_and_called(place):
    """One node offers an object under a swiss number, another fetches and calls it."""

    async def main():
        async with place.node() as b, place.node() as a:
            counter = await a.fetch_from(await offer(b, b.vat.spawn(Counter)))
            assert await counter.increment(2) == 2
            assert await counter.increment(3) == 5

    run(main)


def test_calls_on_results_travel_with_the_calls():
    """Three calls, each on the result of the one before, take one round trip."""

    async def main():
        place = Place(network=FaultyNetwork(delay=(0.5, 0.5)))
        async with place.node() as b, place.node() as a:
            counter = await a.fetch_from(await offer(b, b.vat.spawn(Counter)))
            before = a.loop_time()
            assert await counter.me().child().increment(4) == 4
            assert a.loop_time() - before == pytest.approx(1.0, abs=0.01)

    run_virtual(main)


def test_a_gift_that_cannot_be_fetched_is_taken_back():
    """The receiver cannot reach the exporter: after some heartbeats nothing of the gift is left at giver and exporter."""

    async def main():
        place = Place(network=FaultyNetwork())
        async with place.node("e") as e, place.node("r") as r, place.node("g") as g:
            place.network.partition([e.locator.hints["memory"]], [r.locator.hints["memory"]])
            far = await g.fetch_from(await offer(e, e.vat.spawn(Counter)))
            await (await g.fetch_from(await offer(r, r.vat.spawn(Shelf)))).put([far])
            (exporter,) = e._connections
            assert exporter.bootstrap.waiting() == 1
            await asyncio.sleep(10 * 60)
            assert exporter.bootstrap.waiting() == 1
            await asyncio.sleep(60)
            assert exporter.bootstrap.waiting() == 0
            assert not any("gift" in line for session in g._connections for line in session.left())

    run_virtual(main)


def test_a_reference_given_to_a_third_node_does_without_the_giver(place):
    """A handoff: the receiver talks to the exporter itself, and goes on when the giver is gone."""

    async def main():
        async with place.node("e") as e, place.node("r") as r:
            shelf = r.vat.spawn(Shelf)
            async with place.node("g") as g:
                far = await g.fetch_from(await offer(e, e.vat.spawn(Counter)))
                await (await g.fetch_from(await offer(r, shelf))).put(far)
                gift = await shelf.get()
                assert await gift.increment(1) == 1
            assert await gift.increment(1) == 2
            assert r.meeting.find(e.locator) is not None

    run(main)


def test_whoever_dialled_is_called_back_over_the_same_session(place):
    """A node that does not listen is reached over the session that it has opened."""

    async def main():
        async with place.node() as b, place.node(listen=False) as a:
            caller = await a.fetch_from(await offer(b, b.vat.spawn(Caller)))
            assert await caller.ask(a.vat.spawn(Counter), 7) == 7
            assert len(b._connections) == len(a._connections) == 1

    run(main)


def test_one_session_serves_all_references_to_a_node(place):
    """Fetches at the same moment share one dial, later ones its session."""

    async def main():
        async with place.node() as b, place.node() as a:
            offers = [await offer(b, b.vat.spawn(Counter)) for _ in range(5)]
            found = await asyncio.gather(*(a.fetch_from(one) for one in offers))
            assert len({id(one) for one in found}) == 5
            assert len(a._connections) == len(b._connections) == 1

    run(main)


def test_objects_of_a_second_vat_are_reached_through_the_node(place):
    """A node serves other vats than its main one, and their objects call out through it."""

    async def main():
        async with place.node() as b, place.node() as a, Vat("second") as second:
            counter = await a.fetch_from(await offer(b, second.spawn(Counter)))
            assert await counter.increment(3) == 3
            caller = second.spawn(Caller)
            far = await b.fetch_from(await offer(a, a.vat.spawn(Counter)))
            assert await caller.ask(far, 8) == 8

    run(main)


def test_a_node_fetches_its_own_sturdyrefs_without_a_session(place):
    """A sturdyref of the node itself gives the near object; the node has no session with itself."""

    async def main():
        async with place.node() as a:
            counter = a.vat.spawn(Counter)
            assert await a.fetch_from(await offer(a, counter)) is counter
            assert await a.fetch_from(await offer(a, a.vat.spawn(Gate), gate=True)) == a.key.public
            with pytest.raises(Unreachable, match="the node itself"):
                await a.session(a.locator)

    run(main)


# --- swiss numbers -----------------------------------------------------------------------------------


def test_an_unknown_swiss_number_is_refused(place):
    """Nobody gets anything for a number that was never given out; the session goes on."""

    async def main():
        async with place.node() as b, place.node() as a:
            with pytest.raises(Refused, match="never given out"):
                await a.fetch_from(SturdyRef(b.locator, b"x" * 32))
            assert (await a.session(b.locator)).state == "open"

    run(main)


def test_a_swiss_number_ends_by_time_by_uses_and_by_its_owner(place):
    """Expired, used up, forgotten: each refusal says which, and what was fetched before goes on."""

    async def main():
        async with place.node() as b, place.node() as a:
            counter, network = b.vat.spawn(Counter), Network(b)
            past = await offer(b, counter, expires=network.now() - 1)
            with pytest.raises(Expired, match="has expired"):
                await a.fetch_from(past)
            twice = await offer(b, counter, uses=2)
            far = await a.fetch_from(twice)
            await a.fetch_from(twice)
            with pytest.raises(Expired, match="as often as it may"):
                await a.fetch_from(twice)
            plain = await offer(b, counter, expires=network.now() + 100)
            await a.fetch_from(plain)
            assert await network.forget(plain) is True
            assert await network.forget(plain) is False
            with pytest.raises(Refused, match="taken back"):
                await a.fetch_from(plain)
            assert await far.increment(1) == 1

    run(main)


def test_a_stolen_swiss_number_is_of_no_use(place):
    """A number bound to one key is refused to every other, in the words for an unknown number."""

    async def main():
        mine = NodeKey.generate()
        async with place.node() as b, place.node(key=mine) as a, place.node() as thief:
            bound = await offer(b, b.vat.spawn(Counter), only=mine.public)
            with pytest.raises(Refused, match="never given out"):
                await thief.fetch_from(bound)
            assert await (await a.fetch_from(bound)).increment(1) == 1

    run(main)


def test_a_gate_learns_the_proved_key_of_who_comes(place):
    """With `gate` the fetch gives what `admit(peer)` returns, and the peer is the session's proved key."""

    async def main():
        async with place.node() as b, place.node() as a:
            gate = await offer(b, b.vat.spawn(Gate), gate=True)
            assert await a.fetch_from(gate) == a.key.public

    run(main)


def test_peers_that_prove_nothing_have_no_key():
    """Over tcp-testing-only a gate is told None, and a number bound to a key is refused."""

    async def main():
        async with Vat("a") as va, Vat("b") as vb:
            key = NodeKey.generate()
            async with Node(NodeKey.generate(), vb) as b, Node(key, va) as a:
                await b.listen(TcpTestingNetlayer())
                a.use(TcpTestingNetlayer())
                session = await a.session(b.location("tcp-testing-only"))
                swiss = (await offer(b, vb.spawn(Gate), gate=True)).swiss
                assert await send(session.remote_bootstrap, "fetch", swiss) is None
                bound = (await offer(b, vb.spawn(Gate), only=key.public)).swiss
                with pytest.raises(Refused):
                    await send(session.remote_bootstrap, "fetch", bound)

    run(main)
