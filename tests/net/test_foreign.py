"""Nodes as foreign peers meet them: by the locators of a netlayer, in either dialect, proved at one end only."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from remit.captp import OCAPN_1_0, SUITE_2026_02
from remit.net import NodeKey, TcpTestingNetlayer
from remit.values import Locator, SturdyRef
from remit.vat import tell
from tests.captp.objects import Counter, Shelf
from tests.net.kit import DEADLINE
from tests.net.nodes import Place, offer, until


def run(main):
    async def bounded():
        async with asyncio.timeout(DEADLINE):
            await main()

    asyncio.run(bounded())


def outside(sturdyref, node):
    """The same object, named as a foreign peer would name it."""
    return SturdyRef(node.location("websocket", kin=False), sturdyref.swiss)


def test_a_foreign_peer_is_told_the_netlayers_own_locator():
    """Transport websocket, designator the key, hint url; nothing but the key where the node does not listen."""

    async def main():
        place = Place("websocket")
        async with place.node() as b, place.node(listen=False) as a:
            locator = b.location("websocket", kin=False)
            assert locator == Locator("websocket", b.designator)
            assert dict(locator.hints) == {"url": b.locator.hints["websocket"]}
            assert not a.location("websocket", kin=False).hints

    run(main)


def test_a_session_with_a_foreign_peer_is_proved_at_the_acceptors_end_only():
    """The dialler knows whom it has reached; the acceptor does not, and never finds the session by what was claimed."""

    async def main():
        place = Place("websocket")
        async with place.node() as b, place.node() as a:
            counter = await a.fetch_from(outside(await offer(b, b.vat.spawn(Counter)), b))
            assert await counter.increment(2) == 2
            (ours,), (theirs,) = a._connections.values(), b._connections.values()
            assert (ours.channel.peer, theirs.channel.peer) == (b.key.public, None)
            assert a.meeting.find(b.location("websocket", kin=False)) is ours.session
            assert theirs.session.remote_location == a.location("websocket", kin=False)
            assert b.meeting.active == {}

    run(main)


def test_what_is_bound_to_a_key_is_not_for_a_foreign_dialler():
    """A swiss number for one node alone is refused to whoever has proved nothing, and served to that node itself."""

    async def main():
        place = Place("websocket")
        async with place.node() as b, place.node() as a:
            mine = await offer(b, b.vat.spawn(Counter), only=a.key.public)
            with pytest.raises(Exception, match=r"(?i)refused|another"):
                await a.fetch_from(outside(mine, b))
            assert await (await a.fetch_from(mine)).increment(1) == 1

    run(main)


def test_references_pass_between_three_foreign_peers():
    """A handoff whose three sessions are all foreign: the receiver dials the exporter by the locator that it is given."""

    async def main():
        place = Place("websocket")
        async with place.node("e") as e, place.node("r") as r, place.node("g") as g:
            shelf = r.vat.spawn(Shelf)
            far = await g.fetch_from(outside(await offer(e, e.vat.spawn(Counter)), e))
            await (await g.fetch_from(outside(await offer(r, shelf), r))).put(far)
            gift = await shelf.get()
            assert await gift.increment(1) == 1
            await g.close()
            assert await gift.increment(1) == 2
            assert r.meeting.find(e.location("websocket", kin=False)) is not None

    run(main)


def test_foreign_peers_reach_each_other_in_both_directions():
    """Whoever has dialled already is dialled, too: of two sessions each end finds the one that it has made, whatever their keys."""

    async def main():
        place = Place("websocket")
        for _ in range(6):
            async with place.node() as b, place.node() as a:
                there = await a.fetch_from(outside(await offer(b, b.vat.spawn(Counter)), b))
                back = await b.fetch_from(outside(await offer(a, a.vat.spawn(Counter)), a))
                assert await asyncio.gather(there.increment(1), back.increment(2)) == [1, 2]

    run(main)


def test_foreign_peers_that_dial_at_once_reach_each_other():
    """Their hellos cross, and neither ends the other's: nobody knows that they are the same two."""

    async def main():
        place = Place("websocket")
        for _ in range(6):
            async with place.node() as b, place.node() as a:
                for_a = outside(await offer(b, b.vat.spawn(Counter)), b)
                for_b = outside(await offer(a, a.vat.spawn(Counter)), a)
                there, back = await asyncio.gather(a.fetch_from(for_a), b.fetch_from(for_b))
                assert await asyncio.gather(there.increment(1), back.increment(2)) == [1, 2]

    run(main)


DIALECTS = [OCAPN_1_0, SUITE_2026_02]


@pytest.mark.parametrize(("one", "other"), list(itertools.product(DIALECTS, repeat=2)))
def test_nodes_of_different_dialects_work_together(one, other):
    """Calls, pipelining, promises, errors and what is given back, whichever dialect each of the two sends."""

    async def main():
        place = Place()
        async with place.node("b", dialect=one) as b, place.node("a", dialect=other) as a:
            counter = await a.fetch_from(await offer(b, b.vat.spawn(Counter)))
            shelf = await a.fetch_from(await offer(b, b.vat.spawn(Shelf)))
            assert await counter.me().child().increment(4) == 4
            mine = a.vat.spawn(Counter)
            tell(shelf).put([mine])
            (back,) = await shelf.get()
            tell(back).note("seen")
            assert await back.notes() == ["seen"]
            with pytest.raises(Exception, match="no_such"):
                await counter.no_such()
            await shelf.put(None)
            del back
            (ours,), (theirs,) = a._connections, b._connections
            await until(lambda: not [line for line in theirs.left() if line.startswith("import")])
            assert [line for line in ours.left() if line.startswith("question")] == []

    run(main)


@pytest.mark.parametrize("dialects", list(itertools.product(DIALECTS, repeat=3)))
def test_a_handoff_works_with_each_party_in_each_dialect(dialects):
    """Gifter, exporter and receiver are real nodes, in any mix of dialects; the receiver ends with its own session."""
    gifters, exporters, receivers = dialects

    async def main():
        place = Place()
        async with (
            place.node("g", dialect=gifters) as g,
            place.node("e", dialect=exporters) as e,
            place.node("r", dialect=receivers) as r,
        ):
            shelf = r.vat.spawn(Shelf)
            far = await g.fetch_from(await offer(e, e.vat.spawn(Counter)))
            await (await g.fetch_from(await offer(r, shelf))).put([far])
            (gift,) = await shelf.get()
            assert await gift.increment(2) == 2
            await g.close()
            assert await gift.increment(1) == 3
            assert r.meeting.find(e.locator) is not None

    run(main)


def test_a_foreign_reference_goes_on_to_a_node_of_our_own_kind():
    """The gifter reaches the exporter over tcp-testing-only, the receiver over memory: each uses the locator it was given."""

    async def main():
        place = Place()
        async with place.node("e") as e, place.node("r") as r, place.node("g") as g:
            for node in (e, r, g):
                await node.listen(TcpTestingNetlayer())
            where = e.location("tcp-testing-only")
            shelf, offered = r.vat.spawn(Shelf), await offer(e, e.vat.spawn(Counter))
            far = await g.fetch_from(SturdyRef(where, offered.swiss))
            await (await g.fetch_from(await offer(r, shelf))).put(far)
            gift = await shelf.get()
            assert await gift.increment(1) == 1
            await g.close()
            assert await gift.increment(1) == 2
            assert r.meeting.find(where) is not None

    run(main)


def test_a_key_of_somebody_else_does_not_open_a_foreign_session():
    """A locator with another key and this node's url is not reached: whoever answers cannot sign for it."""

    async def main():
        place = Place("websocket")
        async with place.node() as b, place.node() as a:
            swiss = (await offer(b, b.vat.spawn(Counter))).swiss
            url = b.locator.hints["websocket"]
            wrong = Locator("websocket", NodeKey.generate().designator, {"url": url})
            with pytest.raises(Exception, match="has not signed with that key"):
                await a.fetch_from(SturdyRef(wrong, swiss))
            assert a._connections == {}

    run(main)
