"""The part `eval` of real servers: found by id, granted, taken back, written down."""

from __future__ import annotations

import asyncio

from remit.ensemble import serve
from remit.ensemble.admin import read_audit
from tests.ensemble.repl.kit import Sink
from tests.ensemble.town import town


def test_a_server_s_own_user_evaluates_in_it(tmp_path):
    """`server`, `vat`, `node`, and `network` are there; each use is in the audit log of the server."""

    async def main():
        async with asyncio.timeout(20), town(tmp_path) as place, serve("web1", home=place.home) as server:
            part = await (await place.console.control("web1", ["eval"])).part("eval")
            session = await part.session("s", place.console.node.vat.spawn(Sink, []))
            assert (await session.run("server.id.text")).text == "'web1@/'"
            done = await session.run(
                "[vat is server.vat, node is server.node, network is server.network, 'remit' in globals()]"
            )
            assert done.text == "[True, True, True, False]"
            assert (await part.evaluate("6 * 7")).text == "42"
            uses = list(read_audit(server.file_directory))
            assert [(use["who"], use["part"], use["what"]) for use in uses][-1] == ("local", "eval", "6 * 7")

    asyncio.run(main())


def test_the_end_of_a_server_ends_its_sessions(tmp_path):
    """Streams are the process's own again, and code that ran is interrupted."""
    import sys

    before = sys.stdout

    async def main():
        async with asyncio.timeout(20), town(tmp_path) as place, serve("web1", home=place.home):
            part = await (await place.console.control("web1", ["eval"])).part("eval")
            session = await part.session("s")
            session.run("import time\nwhile True: time.sleep(0.01)")
            while not await session.interrupt():
                await asyncio.sleep(0.01)
            session.run("import asyncio\nawait asyncio.sleep(1000)")
            assert sys.stdout is not before

    asyncio.run(main())
    assert sys.stdout is before
