"""Conversations between nodes, over links that break, networks that part and processes that are killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from remit.dataspace import Dataspace, Observe, bind, during, join, message, on_message, pattern, publish, this_facet
from remit.lib import Timer
from remit.net import Node, NodeKey, UnixNetlayer
from remit.testing import FaultyNetwork, run_virtual
from remit.vat import Vat
from tests.dataspace.kit import Ear, Person, Present, Says
from tests.net.kit import DEADLINE
from tests.net.nodes import Place, offer, until

SECRET = b"sixteen bytes or more"


class Meeting:
    """A dataspace on one node, somebody who watches it there, and a person on another node."""

    def __init__(self, server: Node, client: Node) -> None:
        self.server = server
        self.client = client

    async def begin(self) -> None:
        vat = self.server.vat
        timer = vat.device("timer", Timer(self.server.loop_time, asyncio.sleep))
        self.space = vat.spawn(Dataspace, timer)
        self.ear = vat.spawn(Ear)
        self.local = await self.space.open()
        await self.local.turn([["assert", 1, Observe(pattern(Present(name=bind())), self.ear)]])
        self.person = self.client.vat.spawn(Person, self.client.enliven(await offer(self.server, self.space)))
        self.acts: list[Any] = []
        object.__setattr__(self.person._at, "acts", self.acts)

    async def act(self, function: Any) -> None:
        self.acts.append(function)
        await self.person.do(len(self.acts) - 1)

    def heard(self) -> list[str]:
        """What the watcher was told: +name, -name."""
        names: dict[int, str] = {}
        found = []
        for event in (event for turn in self.ear._at.turns for event in turn):
            if event[0] == "assert":
                names[event[1]] = event[2][0]
            found.append(("+" if event[0] == "assert" else "-") + names[event[1]])
        return found

    def log(self) -> list[Any]:
        return list(self.person._at.log)


async def meet(place: Place, server: Node, client: Node) -> Meeting:
    meeting = Meeting(server, client)
    await meeting.begin()
    return meeting


def sever(place: Place, *nodes: Node) -> None:
    place.network.sever(*(node.netlayers["memory"].name for node in nodes))


def follow(self: Any) -> None:
    """Note who says something, for as long as it is asserted."""

    def there(what: str) -> None:
        self.log.append(f"+{what}")
        this_facet().on_stop(lambda: self.log.append(f"-{what}"))

    during(self.space, Says(who="server", what=bind()), there)


def test_after_a_broken_link_all_is_said_again() -> None:
    """Without a grace period the assertions go with the link, and come again with the next one; so does what handlers hear."""

    async def main() -> None:
        place = Place()
        async with place.node("server") as server, place.node("client") as client:
            it = await meet(place, server, client)

            def begin(self: Any) -> None:
                publish(self.space, Present("a"))
                follow(self)
                on_message(self.space, Says(who="news", what=bind()), self.log.append)

            await it.act(begin)
            await it.local.turn([["assert", 2, Says("server", "x")]])
            await until(lambda: it.log() == ["+x"])
            sever(place, server, client)
            await until(lambda: it.heard() == ["+a", "-a", "+a"] and it.log() == ["+x", "-x", "+x"])
            await it.local.turn([["message", Says("news", "hello")]])
            await until(lambda: it.log()[3:] == ["hello"])

    run_virtual(main)


def test_within_the_grace_period_nothing_flickers() -> None:
    """With a key and a grace period the link's loss is not seen: neither by observers nor by handlers, but for what has changed."""

    async def main() -> None:
        place = Place()
        async with place.node("server") as server, place.node("client") as client:
            it = await meet(place, server, client)
            published: list[Any] = []

            def begin(self: Any) -> None:
                join(self.space, name="client", grace=5.0, key=SECRET)
                published.append(publish(self.space, Present("a")))
                publish(self.space, Present("b"))
                follow(self)

            await it.act(begin)
            await it.local.turn([["assert", 2, Says("server", "x")], ["assert", 3, Says("server", "y")]])
            await until(lambda: it.log() == ["+x", "+y"])
            sever(place, server, client)
            await it.local.turn([["retract", 2], ["assert", 4, Says("server", "z")]])
            await it.act(lambda self: published[0].replace(Present("c")))
            await until(lambda: "+z" in it.log() and "-x" in it.log() and "-a" in it.heard())
            await asyncio.sleep(10)
            assert it.heard() == ["+a", "+b", "+c", "-a"]
            assert it.log() == ["+x", "+y", "+z", "-x"]
            assert await it.space.size() == 6  # what the two have published, and one observation each
            assert len(it.space._at._space().sources) == 2

    run_virtual(main)


def test_a_parted_network_counts_as_lost_after_the_grace_period() -> None:
    """Nothing is heard of a parted node: when that is noticed, its grace period begins; after it all goes, once; healed, all comes again."""

    async def main() -> None:
        network = FaultyNetwork(seed=1)
        place = Place(network=network)
        async with place.node("server") as server, place.node("client") as client:
            it = await meet(place, server, client)

            def begin(self: Any) -> None:
                join(self.space, grace=20.0, key=SECRET)
                publish(self.space, Present("a"))

            await it.act(begin)
            await until(lambda: it.heard() == ["+a"])
            network.partition([server.netlayers["memory"].name], [client.netlayers["memory"].name])
            await asyncio.sleep(2 * server.heartbeat)
            assert it.heard() == ["+a"]
            await asyncio.sleep(2 * server.heartbeat + 20)
            assert it.heard() == ["+a", "-a"]
            await asyncio.sleep(100)  # longer than any call waits for its link
            network.heal()
            await until(lambda: it.heard() == ["+a", "-a", "+a"])

    run_virtual(main)


def test_a_restarted_dataspace_is_told_everything_again() -> None:
    """A dataspace that begins anew, empty, hears of all that stands."""

    async def main() -> None:
        place, key = Place(), NodeKey.generate()
        name = {"name": "server"}
        async with place.node("client") as client:
            async with place.node("server", key, layer=name) as server:
                it = await meet(place, server, client)

                def begin(self: Any) -> None:
                    join(self.space, grace=5.0, key=SECRET)
                    publish(self.space, Present("a"))
                    follow(self)

                await it.act(begin)
                await until(lambda: it.heard() == ["+a"])
                swiss = it.person._at.space._link.sturdyref.swiss
            await it.act(lambda self: message(self.space, Says("it", "waits")))
            async with place.node("server", key, layer=name) as server:
                from remit.lib import SwissEntry
                from remit.net import Network

                vat = server.vat
                timer = vat.device("timer", Timer(server.loop_time, asyncio.sleep))
                space = vat.spawn(Dataspace, timer)
                ear = vat.spawn(Ear)
                local = await space.open()
                wanted = [pattern(Present(name=bind())), pattern(Says(who="it", what=bind()))]
                await local.turn([["assert", at, Observe(each, ear)] for at, each in enumerate(wanted)])
                await Network(server).register(swiss, space, SwissEntry("test"))
                await until(lambda: [event[0] for turn in ear._at.turns for event in turn] == ["assert", "message"])

    run_virtual(main)


CLIENT = """
import asyncio, sys
from remit.dataspace import publish
from remit.net import Node, NodeKey, UnixNetlayer
from remit.values import SturdyRef
from remit.vat import Vat
from tests.dataspace.kit import Person, Present

async def main():
    key = NodeKey.generate()
    async with Vat("client") as vat, Node(key, vat) as node:
        node.use(UnixNetlayer(key, sys.argv[1]))
        person = vat.spawn(Person, node.enliven(SturdyRef.parse(sys.stdin.readline().strip())))
        acts = [lambda self: publish(self.space, Present("killed"))]
        object.__setattr__(person._at, "acts", acts)
        await person.do(0)
        await asyncio.sleep(1000)

asyncio.run(main())
"""


def test_a_process_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    """SIGKILL: what the process had asserted is withdrawn as soon as its connection ends, and all of it."""

    async def main() -> None:
        key = NodeKey.generate()
        async with asyncio.timeout(DEADLINE), Vat("server") as vat, Node(key, vat) as node:
            await node.listen(UnixNetlayer(key, str(tmp_path / "server.sock")))
            space, ear = vat.spawn(Dataspace), vat.spawn(Ear)
            local = await space.open()
            await local.turn([["assert", 1, Observe(pattern(Present(name=bind())), ear)]])
            sturdyref = await offer(node, space)
            child = subprocess.Popen(
                [sys.executable, "-c", CLIENT, str(tmp_path / "client.sock")], stdin=subprocess.PIPE, cwd=Path.cwd()
            )
            try:
                assert child.stdin is not None
                child.stdin.write(sturdyref.uri().encode() + b"\n")
                child.stdin.flush()
                await until(lambda: len(ear._at.turns) == 1)
                child.send_signal(signal.SIGKILL)
                await until(lambda: len(ear._at.turns) == 2)
            finally:
                child.kill()
                child.communicate()
            assert [event[0] for turn in ear._at.turns for event in turn] == ["assert", "retract"]
            assert await space.size() == 1

    asyncio.run(main())
