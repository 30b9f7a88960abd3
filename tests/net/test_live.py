"""Re-enlivening references: what becomes of calls while the link is lost, found again, or refused."""

from __future__ import annotations

import asyncio
import gc

import pytest

from remit.errors import Conflict, Expired, LinkLost, NoSuchMethod, Refused, Uncertain, Unreachable
from remit.lib import SwissEntry
from remit.net import Live, Network, NodeKey, live_ref, sign_address
from remit.net._live import MOST
from remit.testing import FaultyNetwork, run_virtual
from remit.values import Locator, SturdyRef
from remit.vat import PENDING, Vat, actor, on_sever, resolved, tell
from tests.captp.objects import Counter, Shelf
from tests.net.kit import DEADLINE
from tests.net.nodes import KINDS, Door, Gate, Place, offer, until


@pytest.fixture(params=KINDS)
def place(request, folder):
    return Place(request.param, folder)


def run(main):
    async def bounded():
        async with asyncio.timeout(DEADLINE):
            await main()

    asyncio.run(bounded())


class Guide:
    """Knows where nodes are now, as a boss does."""

    def __init__(self):
        self.addresses = {}
        self.asked = 0

    def say(self, node):
        self.addresses[node.designator] = node.address()

    async def __call__(self, designator):
        self.asked += 1
        return self.addresses.get(designator)


# --- lost and found ----------------------------------------------------------------------------------------------


def test_a_restarted_node_is_found_at_its_new_address(place):
    """Calls in flight end as uncertain; later ones wait, and the guide's signed address leads to the object."""

    async def main():
        key, guide = NodeKey.generate(), Guide()
        async with place.node("a", listen=False, guide=guide) as a:
            async with place.node("b", key) as b:
                sturdyref = await offer(b, b.vat.spawn(Door))
                far = a.enliven(sturdyref)
                assert await far.count() == 0
                knock = far.knock()
                await until(lambda: resolved(far.count()) is not None)
            with pytest.raises(Uncertain):
                await knock
            waiting = far.count()
            async with place.node("b again", key) as b:
                assert b.locator.hints != sturdyref.locator.hints
                assert resolved(waiting) is PENDING
                await Network(b).register(sturdyref.swiss, b.vat.spawn(Door, knocks=7), _entry())
                guide.say(b)
                assert await waiting == 7
                assert await far.count() == 7

    run(main)


async def sever(place, a, b):
    """Break the link, and let both ends hear of it."""
    place.network.sever(*(node.netlayers["memory"].name for node in (a, b)))
    await until(lambda: not a._connections and not b._connections)


def _entry():
    return SwissEntry("test")


def test_a_call_waits_for_its_patience_and_no_longer():
    """With nobody there a call breaks as unreachable when its time is over; the next one waits anew."""

    async def main():
        place = Place()
        async with place.node("a") as a:
            async with place.node("b") as b:
                sturdyref = await offer(b, b.vat.spawn(Counter))
            far = a.enliven(sturdyref)
            for _ in range(2):
                before = a.loop_time()
                with pytest.raises(Unreachable, match=r"nobody listens.*nothing was sent, and waiting 30 s"):
                    await far.increment(1)
                assert 30 <= a.loop_time() - before < 31

    run_virtual(main)


def test_each_waiting_call_has_its_own_patience():
    """A later call isn't cut short by the end of an earlier one's patience."""

    async def main():
        place = Place()
        key = NodeKey.generate()
        async with place.node("a") as a:
            async with place.node("b", key, layer={"name": "b"}) as b:
                sturdyref = await offer(b, b.vat.spawn(Counter))
            far = a.enliven(sturdyref)
            early = asyncio.ensure_future(_call(far.increment(1)))
            await asyncio.sleep(20)
            late = asyncio.ensure_future(_call(far.increment(1)))
            await asyncio.sleep(15)
            assert early.done()
            assert not late.done()
            async with place.node("b", key, layer={"name": "b"}) as b:
                await Network(b).register(sturdyref.swiss, b.vat.spawn(Counter), _entry())
                assert await late == 1
            with pytest.raises(Unreachable):
                await early

    run_virtual(main)


async def _call(promise):
    return await promise


def test_attempts_come_at_growing_intervals():
    """Half a minute without the node costs some twenty attempts, not thousands."""

    async def main():
        place, guide = Place(), Guide()
        async with place.node("a", guide=guide) as a:
            far = a.enliven(SturdyRef(Locator("remit", NodeKey.generate().designator, {"memory": "x"}), b"s"))
            with pytest.raises(Unreachable):
                await far.increment(1)
            assert 10 < guide.asked < 30

    run_virtual(main)


def test_waiting_calls_keep_their_order():
    """Calls made while the link was away arrive before those made later, in the order made."""

    async def main():
        place = Place(network=FaultyNetwork(delay=(0.0, 0.2)))
        async with place.node("a") as a, place.node("b") as b:
            counter = b.vat.spawn(Counter)
            far = a.enliven(await offer(b, counter))
            for i in range(100):
                tell(far).note(i)
                await asyncio.sleep(0.01)
            await far.notes()
            assert await counter.notes() == list(range(100))

    run_virtual(main)


def test_a_link_that_breaks_again_and_again_loses_no_waiting_call():
    """Whatever breaks when: every call ends, and those that report success were done exactly once."""

    async def main(seed):
        network = FaultyNetwork(seed=seed, delay=(0.0, 0.05), loss=0.1)
        place = Place(network=network)
        async with place.node("a") as a, place.node("b") as b:
            counter = b.vat.spawn(Counter)
            far = a.enliven(await offer(b, counter))
            done, uncertain = [], []
            for i in range(60):
                try:
                    await far.note(i)
                    done.append(i)
                except Uncertain:
                    uncertain.append(i)
            network.loss = 0.0
            notes = await counter.notes()
            assert notes == sorted(set(notes))
            assert set(done) <= set(notes) <= set(done) | set(uncertain)
            assert done and uncertain

    for seed in range(5):
        run_virtual(lambda seed=seed: main(seed))


# --- refusals ----------------------------------------------------------------------------------------------------------


def test_a_refusal_is_final():
    """When the authority is gone, no call waits and nobody is asked again, though the number be given out anew."""

    async def main():
        place = Place()
        async with place.node("a") as a, place.node("b") as b:
            counter, network = b.vat.spawn(Counter), Network(b)
            sturdyref = await offer(b, counter)
            far = a.enliven(sturdyref)
            assert await far.increment(1) == 1
            await network.forget(sturdyref)
            assert await far.increment(1) == 2  # what was fetched is not taken back by that
            await sever(place, a, b)
            before = a.loop_time()
            for _ in range(2):
                with pytest.raises(Refused, match="taken back"):
                    await far.increment(1)
            assert a.loop_time() == before
            await network.register(sturdyref.swiss, counter, _entry())
            with pytest.raises(Refused):
                await far.increment(1)

    run_virtual(main)


def test_an_expired_number_is_a_refusal():
    """A sturdyref that was used up stays so for its re-enlivening reference."""

    async def main():
        place = Place()
        async with place.node("a") as a, place.node("b") as b:
            far = a.enliven(await offer(b, b.vat.spawn(Counter), uses=1))
            await far.increment(1)
            await sever(place, a, b)
            with pytest.raises(Expired):
                await far.increment(1)

    run_virtual(main)


@pytest.mark.parametrize("fault", ["forged", "refused", "stranger", "raises"])
def test_a_guide_that_misleads_takes_no_authority_away(fault):
    """A forged address, a refusal or a mistake of the guide's is no word of the object's owner: the search goes on."""

    async def main():
        place, key = Place(), NodeKey.generate()
        faults = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context["exception"]))

        async def guide(designator):
            if fault == "forged":
                good = sign_address(key, {"memory": "evil"}, 1)
                return type(good)(good.key, {"memory": "elsewhere"}, 1, good.signature)
            if fault == "refused":
                raise Refused("not for you")
            if fault == "raises":
                raise ValueError("a mistake")
            return sign_address(NodeKey.generate(), {"memory": "evil"}, 1)

        async with place.node("a", guide=guide) as a:
            sturdyref = SturdyRef(Locator("remit", key.designator, {"memory": "b"}), b"s" * 32)
            far = a.enliven(sturdyref)
            call = asyncio.ensure_future(_call(far.increment(1)))
            await asyncio.sleep(5)
            assert not call.done()
            async with place.node("b", key, layer={"name": "b"}) as b:
                await Network(b).register(sturdyref.swiss, b.vat.spawn(Counter), _entry())
                assert await call == 1
        assert all(isinstance(error, ValueError) for error in faults)
        assert bool(faults) == (fault == "raises")

    run_virtual(main)


# --- what may stand behind it ----------------------------------------------------------------------------------------------


def test_a_number_that_stands_for_data_says_so():
    """A gate may give out data; a reference to it takes no messages."""

    async def main():
        place = Place()
        async with place.node("a") as a, place.node("b") as b:
            far = a.enliven(await offer(b, b.vat.spawn(Gate), gate=True))
            with pytest.raises(NoSuchMethod, match="bytes data"):
                await far.anything()

    run_virtual(main)


def test_a_fetch_that_gives_a_promise_waits_for_it():
    """The object of a swiss number may be a promise of a promise: calls wait until it is there."""

    async def main():
        place = Place()
        async with place.node("a") as a, place.node("b") as b:
            shelf, target = b.vat.spawn(Shelf), b.vat.spawn(Counter)
            gate = b.vat.spawn(Lobby, shelf)
            far = a.enliven(await offer(b, gate, gate=True))
            call = far.increment(3)
            await asyncio.sleep(1)
            assert resolved(call) is PENDING
            await shelf.fulfil(target)
            assert await call == 3

    run_virtual(main)


@actor(kind="test.live.lobby")
class Lobby:
    shelf: object

    def admit(self, peer):
        return self.shelf.later()


def test_a_sturdyref_of_ones_own_leads_to_the_near_object():
    """A node may hold a re-enlivening reference to an object of its own."""

    async def main():
        async with Place().node("a") as a:
            far = a.enliven(await offer(a, a.vat.spawn(Counter)))
            assert await far.increment(2) == 2

    run_virtual(main)


def test_it_is_handed_on_while_the_link_is_away():
    """Who is given the reference gets the object itself, once it is found."""

    async def main():
        place, key = Place(), NodeKey.generate()
        async with place.node("a") as a, place.node("c") as c:
            shelf = c.vat.spawn(Shelf)
            far_shelf = await a.fetch_from(await offer(c, shelf))
            sturdyref = SturdyRef(Locator("remit", key.designator, {"memory": "b"}), b"s" * 32)
            await far_shelf.put([a.enliven(sturdyref)])
            (given,) = await shelf.get()
            call = given.increment(4)
            await asyncio.sleep(3)
            async with place.node("b", key, layer={"name": "b"}) as b:
                await Network(b).register(sturdyref.swiss, b.vat.spawn(Counter), _entry())
                assert await call == 4
                given = await given
                await a.close()
                assert await given.increment(1) == 5

    run_virtual(main)


# --- ends ---------------------------------------------------------------------------------------------------------------------


def test_a_closing_node_breaks_what_waits():
    """Nobody waits for the search of a node that is gone, and later calls break at once."""

    async def main():
        async with Place().node("a") as a:
            far = a.enliven(SturdyRef(Locator("remit", NodeKey.generate().designator, {"memory": "b"}), b"s"))
            call = far.increment(1)
            await asyncio.sleep(1)
            await a.close()
            with pytest.raises(Unreachable, match="closing"):
                await call
            with pytest.raises(Unreachable, match="closed"):
                await far.increment(1)

    run_virtual(main)


def test_before_there_is_a_node_calls_break():
    """A durable vat is loaded before its node is there: what it sends meanwhile breaks as unreachable."""

    async def main():
        network = Network()
        async with Vat("early") as vat:
            far = network.live(SturdyRef(Locator("remit", "x"), b"s"), vat)
            with pytest.raises(Unreachable, match="not there yet"):
                await far.increment(1)

    run_virtual(main)


def test_the_number_of_waiting_calls_is_bounded():
    """Past the bound a call breaks at once, and says how many wait."""

    async def main():
        async with Place().node("a") as a:
            far = a.enliven(SturdyRef(Locator("remit", NodeKey.generate().designator, {"memory": "b"}), b"s"))
            for _ in range(MOST):
                tell(far).note(1)
            await asyncio.sleep(0)
            with pytest.raises(Unreachable, match=f"{MOST} calls wait"):
                await far.increment(1)
            await a.close()

    run_virtual(main)


def test_an_error_in_looking_breaks_what_waits_and_is_reported():
    """A mistake in `find` is not hidden: the loop hears of it, and the calls break."""

    async def main():
        faults = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context["exception"]))

        async def find():
            raise ZeroDivisionError("a mistake")

        async with Place().node("a") as a:
            far = live_ref(Live(Network(a), find), a.vat)
            with pytest.raises(Unreachable, match="looking for the object failed"):
                await far.increment(1)
            await asyncio.sleep(0)
            assert [type(fault) for fault in faults] == [ZeroDivisionError]

    run_virtual(main)


def test_an_answer_of_find_other_than_a_lost_link_is_told_at_once():
    """What no further attempt would change isn't tried again, but the next call may."""

    async def main():
        answers = [Conflict("not now")]

        async def find():
            if answers:
                raise answers.pop()
            return counter

        async with Place().node("a") as a:
            counter = a.vat.spawn(Counter)
            far = live_ref(Live(Network(a), find), a.vat)
            with pytest.raises(Conflict):
                await far.increment(1)
            assert await far.increment(1) == 1

    run_virtual(main)


@actor(kind="test.live.watcher")
class Watcher:
    heard: list = []

    def watch(self, ref):
        on_sever(ref, self_ref())

    def __call__(self, broken):
        self.heard.append(broken)

    def all(self):
        return list(self.heard)


def self_ref():
    from remit.vat import this

    return this()


def test_a_lost_link_is_told_to_those_who_watch():
    """`on_sever` hears of the loss of the present link, once; without a link at once."""

    async def main():
        place = Place()
        async with place.node("a") as a, place.node("b") as b:
            far, watcher = a.enliven(await offer(b, b.vat.spawn(Counter))), a.vat.spawn(Watcher)
            await watcher.watch(far)
            assert [type(error) for error in await watcher.all()] == [LinkLost]
            await far.increment(1)
            await watcher.watch(far)
            await sever(place, a, b)
            assert len(await watcher.all()) == 2
            await far.increment(1)
            assert len(await watcher.all()) == 2

    run_virtual(main)


def test_a_dropped_reference_gives_its_object_back():
    """When nobody holds the reference, the node keeps nothing of it."""

    async def main():
        place = Place()
        async with place.node("a") as a, place.node("b") as b:
            far = a.enliven(await offer(b, b.vat.spawn(Counter)))
            await far.increment(1)
            (theirs,) = b._connections
            await until(lambda: len(theirs.left()) == 1)
            del far
            gc.collect()
            await until(lambda: theirs.left() == [])

    run_virtual(main)
