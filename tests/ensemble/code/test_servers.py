"""The part `load` of real servers: found by a console, noted in the audit log, and there again after a restart."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from remit.ensemble import current_server, serve
from remit.ensemble.admin import read_audit
from remit.ensemble.code import send_bundle, send_library
from remit.ensemble.code._finder import FINDER
from remit.errors import BadArgument, Missing
from tests.ensemble.code.kit import KEY, Sender
from tests.ensemble.town import town

COUNTING = """
from remit.ensemble import current_server
from remit.vat import actor

@actor(kind="servers.counter", version={version})
class Counter:
    count: int = 0

    def add(self):
        self.count += {step}
        return self.count

    @staticmethod
    def _upgrade(version, fields):
        return fields

WHERE = current_server().id.text
if "counter" not in current_server().names:
    current_server().name("counter", current_server().vat.spawn(Counter))
"""


def test_a_server_is_given_code_while_it_runs_and_has_it_again_after_a_restart(tmp_path: Path, sender: Sender) -> None:
    """Code that is executed there knows its server; objects keep their state over a newer version; each load is in the audit log."""

    async def main() -> None:
        async with town(tmp_path) as place:
            async with serve("web1", home=place.home) as server:
                sender.write(counting=COUNTING.format(version=1, step=1))
                part = await (await place.console.control("web1", ["load"])).part("load")
                first = await send_bundle(part, sender.bundle("counting"))
                assert sys.modules["counting"].WHERE == "web1@/"  # type: ignore[attr-defined]
                counter = server.names["counter"]
                assert await counter.add() == 1
                sender.write(counting=COUNTING.format(version=2, step=10))
                assert (await send_bundle(part, sender.bundle("counting"))).upgraded == {"servers.counter": 1}
                assert await counter.add() == 11
                with pytest.raises(Missing, match="did you mean counting"):
                    sender.bundle("countin")
                with pytest.raises(Missing, match="did you mean"):
                    await send_library(part, "jsonn")
                directory = server.file_directory
            uses = [(use["who"], use["part"], use["what"]) for use in read_audit(directory)]
            assert uses[0] == ("local", "load", f"load counting {first.digest[:12]} signed by {KEY.designator}")
            assert len(uses) == 3
            del sys.modules["counting"]
            FINDER.places = {}
            async with serve("web1", home=place.home) as server:
                assert await server.names["counter"].add() == 10
                with pytest.raises(Exception, match="runs in no server"):
                    current_server()
                part = await (await place.console.control("web1", ["load"])).part("load")
                assert [each.running for each in await part.versions()] == [False, True]

    asyncio.run(main())


def test_a_registry_takes_code_as_any_server_does(tmp_path: Path, sender: Sender) -> None:
    """Its vat is durable, and what was loaded is there after a restart, too."""

    async def main() -> None:
        sender.write(counting=COUNTING.format(version=1, step=1))
        async with town(tmp_path) as place:
            part = await (await place.console.control("registry")).part("load")
            await send_bundle(part, sender.bundle("counting"))
            assert sys.modules["counting"].WHERE == "registry@/"  # type: ignore[attr-defined]
            sender.write(counting=COUNTING.format(version=2, step=10))
            assert (await send_bundle(part, sender.bundle("counting"))).upgraded == {"servers.counter": 1}
        del sys.modules["counting"]
        FINDER.places = {}
        async with town(tmp_path) as place:
            assert await place.registry.names["counter"].add() == 10

    asyncio.run(main())


def test_a_server_starts_whatever_its_code_directory_has(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It has to be reached to be mended; the log says what to do."""

    async def main() -> None:
        async with town(tmp_path) as place:
            directory = place.home.make_server(place.home.id_of("web1")) / "code"
            directory.mkdir(mode=0o700)
            (directory / "versions.json").write_text("{")
            async with serve("web1", home=place.home):
                assert await (await place.console.control("web1")).ping()
        assert "is not loaded again" in caplog.text and "move it away" in caplog.text

    asyncio.run(main())


def test_a_bundle_that_is_wrong_changes_nothing_of_a_server(tmp_path: Path, sender: Sender) -> None:
    """The error reaches its sender in words of its class."""
    from remit.ensemble.code import Manifest, signed

    async def main() -> None:
        async with town(tmp_path) as place, serve("web1", home=place.home):
            part = await (await place.console.control("web1")).part("load")
            out = signed(Manifest("m", [["../m.py", bytes(32), 1, False]], {}, []), KEY.public, KEY.sign)
            with pytest.raises(BadArgument, match="leads out of the bundle"):
                await part.offer(out)
            with pytest.raises(BadArgument, match="offer the manifest first"):
                await part.put([[bytes(32), b"x", 0]])

    asyncio.run(main())
