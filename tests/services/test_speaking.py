"""Children that speak the Syndicate protocol on their standard input and output; and references that scripts attenuate."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from remit import Symbol, Tagged, Vat
from remit.dataspace import ANY, Dataspace, bind
from remit.services import Daemon, RequireService, ServiceObject, Services, ServiceState
from remit.services._narrowing import narrowed, voice_of
from remit.values.preserves import parse, text
from tests.services.stage import DEADLINE

CHILD = """
import asyncio
from remit import Symbol, Vat
from remit.dataspace import Dataspace
from remit.dataspace.syndicate import own_stdio, speak
from remit.services import Daemon, HoldService, ServiceState, READY

async def main():
    async with Vat("child") as vat:
        space = vat.spawn(Dataspace)
        async with speak(*own_stdio(), space, vat=vat) as speaking:
            me = Daemon(Symbol("child"))
            party = await speaking.root.open()
            await party.turn([["assert", 1, ServiceState(me, READY)], ["assert", 2, HoldService(me)],
                              ["assert", 3, ServiceState(Daemon(Symbol("other")), READY)]])
            print("said it", flush=True)
            print(await speaking.ended(), flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("protocol", ["application/syndicate", "text/syndicate"])
def test_a_child_says_by_itself_that_it_is_ready_and_gives_its_service(tmp_path: Path, protocol: str) -> None:
    """Its oid 0 is the service's object; by our oid 0 it can say its own states and nothing else; its end withdraws all."""

    async def main() -> None:
        async with Services(tmp_path / "s") as services:
            party = await services.space.open()
            config = {"argv": [sys.executable, "-c", CHILD], "protocol": protocol, "ready": "none", "restart": "never"}
            name = Daemon(Symbol("child"))
            await party.turn(
                [["assert", 1, Tagged("daemon", [Symbol("child"), config])], ["assert", 2, RequireService(name)]]
            )
            states = ServiceState(ANY, bind())
            async with asyncio.timeout(DEADLINE):
                while [Symbol("ready")] not in await services.space.query(states):
                    await asyncio.sleep(0.02)
                ((given,),) = await services.space.query(ServiceObject(name, bind()))
                asked = await given.open()
                await asked.turn([["assert", 1, Tagged("hello", [])]])
                everything = [text(each[0], embedded=lambda _: "ref") for each in await services.space.query(bind())]
                assert not any("<hold-service <" in each or "<daemon other>" in each for each in everything)
                while not any("said it" in line for line in await services.log("child")):
                    await asyncio.sleep(0.02)
                await services.stop("child")
                while await services.space.query(states):
                    await asyncio.sleep(0.02)
            assert await services.space.query(ServiceObject(name, bind())) == []

    asyncio.run(main())


def test_a_voice_is_for_its_own_daemon_alone() -> None:
    """What a child is given lets its own states and object through."""

    async def main() -> None:
        async with Vat("v") as vat:
            space = vat.spawn(Dataspace)
            party = await voice_of(space, Symbol("a")).open()
            said = [
                "<service-state <daemon a> ready>",
                "<service-state <daemon b> ready>",
                "<require-service <daemon a>>",
                "<x>",
            ]
            await party.turn([["assert", n, parse(each)] for n, each in enumerate(said)])
            await asyncio.sleep(0)
            assert [text(each[0]) for each in await space.query(bind())] == said[:1]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("caveats", "passes"),
    [
        ("[<accept <a ?x>>]", ["<a 1>"]),
        ("[<reject <a _>>]", ["<b 1 2>", "<c {k: 1}>"]),
        ("[<rewrite <a ?x> <a [$x $who =who]>>]", ['<a [1 "me" who]>']),
        ("[<or [<rewrite <a ?x> <out $x>> <rewrite <b ?y ?z> <out [$z $y]>>]>]", ["<out 1>", "<out [2 1]>"]),
        ("[<accept <c {k: ?v}>>]", ["<c {k: 1}>"]),
    ],
)
def test_caveats_of_scripts_are_those_of_the_protocol(caveats: str, passes: list[str]) -> None:
    """accept, reject, rewrite and or, in the patterns and templates of scripts."""

    async def main() -> None:
        async with Vat("v") as vat:
            space = vat.spawn(Dataspace)
            party = await narrowed(space, parse(caveats), {"who": "me"}).open()
            said = ["<a 1>", "<b 1 2>", "<c {k: 1}>"]
            await party.turn([["assert", n, parse(each)] for n, each in enumerate(said)])
            await asyncio.sleep(0)
            assert sorted(text(each[0]) for each in await space.query(bind())) == passes

    asyncio.run(main())
