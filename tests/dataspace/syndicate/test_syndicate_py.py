"""Peers of another implementation, `syndicate-py`, in processes of their own: presence, messages, syncs, and a death by SIGKILL."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from remit.dataspace import Dataspace, bind, during, message, on_message, publish, this_facet
from remit.dataspace.syndicate import Server, SturdyRef, gatekeeper, listen
from remit.dataspace.syndicate import bind_step as bound
from remit.values import Symbol, Tagged, preserves, record
from remit.vat import Vat, actor, tell
from tests.dataspace.syndicate.peers import SYNDICATE_PY, python_with
from tests.dataspace.syndicate.test_connect import Notes

PEER = Path(__file__).parent / "syndicate_py_peer.py"
KEY = b"a key of this test"


@record("Present", known=False)
class Present:
    who: str


@record("Says", known=False)
class Says:
    who: str
    what: Any


@actor(kind="test.syndicate.pyhost")
class Host:
    space: Any
    notes: Any

    def enter(self) -> None:
        publish(self.space, Present("host"))
        during(self.space, Present(bind()), self._came)
        on_message(self.space, Says(bind(), bind()), lambda who, what: tell(self.notes).note([who, what]))

    def _came(self, who: str) -> None:
        notes = self.notes
        tell(notes).note(["+", who])
        this_facet().on_stop(lambda: tell(notes).note(["-", who]))

    def say(self, what: Any) -> None:
        message(self.space, Says("host", what))


class Peer:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, *expected: str) -> None:
        """Until it has said all of these."""
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            while not all(line in self.lines for line in expected):
                line = await self.process.stdout.readline()
                assert line, f"the peer ended after {self.lines}"
                self.lines.append(line.decode().strip())

    def do(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")


class Room:
    def __init__(self, server: Server, host: Any, notes: Notes, cap: SturdyRef, python: Path) -> None:
        self.server, self.host, self.notes, self.cap, self.python = server, host, notes, cap, python

    @asynccontextmanager
    async def peer(self, name: str) -> AsyncIterator[Peer]:
        address = preserves.text(self.server.address.value())
        process = await asyncio.create_subprocess_exec(
            *(self.python, PEER, address, self.cap.text(), name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield Peer(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@asynccontextmanager
async def room(where: str) -> AsyncIterator[Room]:
    python = python_with(SYNDICATE_PY)
    async with Vat("server") as vat:
        space, bindspace, notes = vat.spawn(Dataspace), vat.spawn(Dataspace), Notes()
        keeper = gatekeeper(vat, bindspace)
        party = await bindspace.open()
        detail = preserves.Map([(Symbol("oid"), "syndicate"), (Symbol("key"), KEY)])
        await party.turn([["assert", 1, bound(Tagged("ref", [detail]), space)]])
        host = vat.spawn(Host, space, vat.device("notes", notes))
        await host.enter()
        async with listen(where, keeper.entrance) as server:
            yield Room(server, host, notes, SturdyRef.mint("syndicate", KEY), python)


def where(kind: str, path: Path) -> str:
    return "tcp://127.0.0.1:0" if kind == "tcp" else f"unix://{path}/dir/socket"


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_syndicate_py_meets_us_in_a_dataspace(kind: str, tmp_path: Path) -> None:
    """Two peers and a host see each other come, hear each other, sync, and see a killed one go, with all tables in order."""

    async def main() -> None:
        async with room(where(kind, tmp_path)) as made, made.peer("alice") as alice, made.peer("bob") as bob:
            await alice.until("+ host", "+ alice", "+ bob")
            await bob.until("+ host", "+ alice", "+ bob")
            await made.notes.wait(["+", "alice"], ["+", "bob"])
            alice.do("say hello")
            await bob.until("says alice hello")
            await made.notes.wait(["alice", "hello"])
            await made.host.say("welcome")
            await alice.until("says host welcome")
            bob.do("sync")
            await bob.until("synced")
            assert [connection.session.faults() for connection in made.server.connections] == [[], []]
            bob.process.send_signal(signal.SIGKILL)
            await alice.until("- bob")
            await made.notes.wait(["-", "bob"])
            assert made.notes.all.count(["-", "bob"]) == 1
            assert len(made.server.connections) == 1

    asyncio.run(main())
