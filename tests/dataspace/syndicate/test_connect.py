"""Servers and clients over real sockets on this machine: every transport, reconnection, limits, and who may stay."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from remit.dataspace import Dataspace, bind, during, message, on_message, publish, sync
from remit.dataspace.syndicate import Address, Answer, Request, Server, SturdyRef, connect, gatekeeper, listen
from remit.dataspace.syndicate import bind_step as bound
from remit.errors import Refused, Unreachable
from remit.net import Admission, NodeKey
from remit.values import Symbol, Tagged, preserves, record
from remit.vat import Ref, Vat, actor, tell

KEY = b"0123456789abcdef"


@record("test.syndicate.present")
class Present:
    name: str


@record("test.syndicate.says")
class Says:
    who: str
    what: Any


@actor(kind="test.syndicate.guest")
class Guest:
    """Somebody in a room: present, listening, talking."""

    space: Any
    name: str
    notes: Any

    def enter(self) -> None:
        publish(self.space, Present(self.name))
        during(self.space, Present(bind()), self._came)
        on_message(self.space, Says(bind(), bind()), lambda who, what: tell(self.notes).note([who, what]))

    def _came(self, name: str) -> None:
        from remit.dataspace import this_facet

        notes = self.notes
        tell(notes).note(["+", name])
        this_facet().on_stop(lambda: tell(notes).note(["-", name]))

    def say(self, what: Any) -> None:
        message(self.space, Says(self.name, what))

    def sync(self) -> None:
        sync(self.space, lambda: tell(self.notes).note("synced"))


class Notes:
    """A device: what happened, and a way to wait for it."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self.changed = asyncio.Event()

    def note(self, what: Any) -> None:
        self.all.append(what)
        self.changed.set()

    async def wait(self, *expected: Any) -> None:
        """Until all of these have happened."""
        async with asyncio.timeout(10):
            while not all(one in self.all for one in expected):
                self.changed.clear()
                await self.changed.wait()


class Room:
    """A dataspace behind a gatekeeper, and somebody in it."""

    def __init__(self, vat: Vat) -> None:
        self.vat = vat
        self.space = vat.spawn(Dataspace)
        self.bindspace = vat.spawn(Dataspace)
        self.keeper = gatekeeper(vat, self.bindspace)
        self.notes = Notes()
        self.guest = vat.spawn(Guest, self.space, "host", vat.device("notes", self.notes))
        self.ref = SturdyRef.mint("room", KEY)

    async def begin(self) -> None:
        await self.guest.enter()
        self.party = await self.bindspace.open()
        detail = preserves.Map([(Symbol("oid"), "room"), (Symbol("key"), KEY)])
        await self.party.turn([["assert", 1, bound(Tagged("ref", [detail]), self.space)]])


@asynccontextmanager
async def room() -> AsyncIterator[Room]:
    async with Vat("server") as vat:
        made = Room(vat)
        await made.begin()
        yield made


@asynccontextmanager
async def visitor(name: str, where: Any, *steps: Any, **options: Any) -> AsyncIterator[tuple[Ref[Any], Notes, Any]]:
    async with Vat(name) as vat:
        connecting = connect(where, *steps, vat=vat, **options)
        async with connecting as space:
            notes = Notes()
            guest = vat.spawn(Guest, space, name, vat.device("notes", notes))
            await guest.enter()
            yield guest, notes, connecting


def tls_of(key: NodeKey) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a self-signed certificate, and a client's that trusts it."""
    from remit.net._certificate import certificate_of, to_pem
    from remit.net._tls import client_context, server_context

    certificate = certificate_of(key)
    assert to_pem(certificate)
    return server_context(key, certificate), client_context()


@asynccontextmanager
async def serving(
    kind: str, path: Path, made: Room, **options: Any
) -> AsyncIterator[tuple[str, dict[str, Any], Server]]:
    """A server of this kind; where clients find it, and with which options."""
    more: dict[str, Any] = {}
    if kind == "tls":
        options["tls"], more["client_ssl"] = tls_of(NodeKey.generate())
    where = f"unix://{path}/dir/socket" if kind == "unix" else f"{'tls' if kind == 'tls' else 'tcp'}://127.0.0.1:0"
    async with listen(where, made.keeper.entrance, **options) as server:
        found = str(server.address)
        yield found.replace("tcp:", "ws:") if kind == "ws" else found, more, server


KINDS = ("tcp", "tls", "unix", "ws")


@pytest.mark.parametrize("kind", KINDS)
def test_a_far_dataspace_is_used_as_if_it_were_near(kind: str, tmp_path: Path) -> None:
    """Presence, messages both ways, syncs, and withdrawal when the visitor leaves: on every transport."""
    tmp_path.chmod(0o700)

    async def main() -> None:
        async with room() as made, serving(kind, tmp_path, made) as (where, options, server):
            async with visitor("alice", where, made.ref, **options) as (alice, notes, _):
                await notes.wait(["+", "alice"], ["+", "host"])
                await made.notes.wait(["+", "alice"])
                await alice.say("hello")
                await made.notes.wait(["alice", "hello"])
                await made.guest.say({"to": ["alice"]})
                await notes.wait(["host", {"to": ["alice"]}])
                await alice.sync()
                await notes.wait("synced")
                (connection,) = server.connections
                assert connection.session.faults() == []
                assert [debt.turns for debt in server.debts()] == [0]
            await made.notes.wait(["-", "alice"])
            async with asyncio.timeout(5):
                while server.connections:
                    await asyncio.sleep(0)

    asyncio.run(main())


def test_a_wrong_sturdyref_is_refused_at_once(tmp_path: Path) -> None:
    """Entering raises what the gatekeeper said, without the signature."""

    async def main() -> None:
        async with room() as made, serving("tcp", tmp_path, made) as (where, _, _):
            with pytest.raises(Refused, match="sturdyref-failed-validation"):
                async with connect(where, SturdyRef.mint("room", b"wrong")):
                    pass

    asyncio.run(main())


def test_nobody_there_is_told_after_the_wait(tmp_path: Path) -> None:
    """Entering raises what the last attempt failed with; `wait=None` does not wait."""

    async def main() -> None:
        with pytest.raises(Unreachable, match="was not reached within 0.3 s"):
            async with connect(f"unix://{tmp_path}/nothing", wait=0.3):
                pass
        connecting = connect(f"unix://{tmp_path}/nothing", wait=None)
        async with connecting:
            assert isinstance(connecting.problem, Unreachable)

    asyncio.run(main())


def test_a_lost_connection_is_made_again_and_everything_asserted_again(tmp_path: Path) -> None:
    """After a drop the same reference goes on: facets see what is there go and come, and others see us go and come."""

    async def main() -> None:
        async with room() as made, serving("tcp", tmp_path, made) as (where, _, _):
            async with visitor("alice", where, made.ref) as (alice, notes, connecting):
                await made.notes.wait(["+", "alice"])
                made.notes.all.clear()
                notes.all.clear()
                connecting.disconnect()
                await alice.say("said meanwhile")
                await made.notes.wait(["-", "alice"], ["+", "alice"], ["alice", "said meanwhile"])
                await notes.wait(["-", "host"], ["+", "host"])
                assert made.notes.all.index(["-", "alice"]) < made.notes.all.index(["+", "alice"])

    asyncio.run(main())


def test_a_server_that_comes_back_is_found_again(tmp_path: Path) -> None:
    """Attempts go on while nobody listens, and succeed when somebody does."""

    async def main() -> None:
        async with room() as made:
            async with serving("tcp", tmp_path, made) as (where, _, _):
                stack = visitor("alice", where, made.ref)
                _, notes, _ = await stack.__aenter__()
                await made.notes.wait(["+", "alice"])
            await made.notes.wait(["-", "alice"])
            made.notes.all.clear()
            async with listen(where, made.keeper.entrance):
                await made.notes.wait(["+", "alice"])
                await stack.__aexit__(None, None, None)
                await made.notes.wait(["-", "alice"])
                assert ["-", "host"] in notes.all

    asyncio.run(main())


def test_transports_of_a_route_are_tried_together(tmp_path: Path) -> None:
    """A transport that fails does not keep from the one that works."""

    async def main() -> None:
        async with room() as made, serving("tcp", tmp_path, made) as (where, _, _):
            route = (
                f'<route [<unix "{tmp_path}/nothing"> {preserves.text(Address.of(where).value())}] {made.ref.text()}>'
            )
            async with visitor("alice", route) as (_, notes, _):
                await notes.wait(["+", "host"])

    asyncio.run(main())


async def talk(where: str, sent: bytes, *, until: Callable[[bytes], bool] = bool) -> bytes:
    """Send bytes over TCP; what comes back until it is enough or over."""
    address = Address.of(where)
    reader, writer = await asyncio.open_connection(address.place, address.port)
    writer.write(sent)
    got = b""
    async with asyncio.timeout(10):
        while not until(got):
            more = await reader.read(65536)
            if not more:
                break
            got += more
    writer.close()
    return got


def test_a_shell_speaks_text(tmp_path: Path) -> None:
    """What netcat sends is understood, and answered in lines of text."""

    async def main() -> None:
        async with room() as made, serving("tcp", tmp_path, made) as (where, _, _):
            line = f"[[0 <A <resolve {made.ref.text()} #:[0 1]> 1>]]\n"
            got = await talk(where, line.encode(), until=lambda got: got.endswith(b"\n"))
            assert got == b"[[1 <A <accepted #:[0 1]> 2>]]\n" or got.startswith(b"[[1 <A <accepted #:[0 1]>")
            got = await talk(where, b"[[0 <nonsense>]]\n", until=lambda got: False)
            assert got.startswith(b'<error "an event is')

    asyncio.run(main())


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 503),
        ("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 503),
        ("GET /status HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        ("Hello there\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nA: " + "x" * 20_000, 400),
        ("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", 426),
    ],
)
def test_http_on_the_same_port_gets_an_answer(request_: str, status: int, tmp_path: Path) -> None:
    """Plain requests are answered by a handler, by default with a pointer to what this is; nonsense with 400."""

    def respond(request: Request) -> Answer:
        from remit.dataspace.syndicate._opening import nothing_here

        assert "host" in request.headers
        return Answer(200, "fine\n", (("X-Test", "1"),)) if request.target == "/status" else nothing_here(request)

    async def main() -> None:
        async with room() as made, serving("tcp", tmp_path, made, respond=respond) as (where, _, _):
            got = await talk(where, request_.encode(), until=lambda got: False)
            assert got.startswith(f"HTTP/1.1 {status} ".encode())
            if status == 503:
                assert b"Syndicate protocol" in got
            if status == 200:
                assert b"X-Test: 1" in got and got.endswith(b"fine\n")

    asyncio.run(main())


def test_connections_are_capped_and_strangers_make_room(tmp_path: Path) -> None:
    """Those that were given nothing make room for new ones; those that use something stay."""

    async def main() -> None:
        admission = Admission(connections=2)
        async with room() as made, serving("tcp", tmp_path, made, admission=admission) as (where, _, server):
            async with visitor("alice", where, made.ref) as (_, notes, _):
                await made.notes.wait(["+", "alice"])
                address = Address.of(where)
                idle, writer = await asyncio.open_connection(address.place, address.port)
                writer.write(b"\x80")
                async with asyncio.timeout(5):
                    while len(server.connections) < 2:
                        await asyncio.sleep(0.001)
                async with visitor("bob", where, made.ref) as (_, notes, _):
                    await notes.wait(["+", "alice"], ["+", "bob"])
                    assert await asyncio.wait_for(idle.read(), 5) == b""
                    with pytest.raises(Unreachable):
                        async with connect(where, made.ref, wait=0.3):
                            pass
                writer.close()

    asyncio.run(main())


def test_a_peer_that_floods_is_not_read_until_its_work_is_done(tmp_path: Path) -> None:
    """What a peer causes is counted, past the limit its socket is not read, and all of it is done in the end, in order."""

    async def main() -> None:
        async with room() as made, serving("tcp", tmp_path, made) as (where, _, server):
            async with visitor("alice", where, made.ref) as (alice, _, _):
                await made.notes.wait(["+", "alice"])
                blocker = asyncio.Event()
                waiting = made.vat.device("gate", Gate(blocker))
                slow = made.vat.spawn(Slow, waiting, made.vat.devices["notes"])
                party = await made.bindspace.open()
                detail = preserves.Map([(Symbol("oid"), "slow"), (Symbol("key"), KEY)])
                await party.turn([["assert", 1, bound(Tagged("ref", [detail]), slow)]])
                async with connect(where, SturdyRef.mint("slow", KEY)) as target:
                    for number in range(5000):
                        tell(target).turn([["message", number]])
                    async with asyncio.timeout(20):
                        while not any(not debt.read for debt in server.debts()):
                            await asyncio.sleep(0.005)
                    assert server.debts()[0].turns >= 1000
                    await alice.say("others are heard")
                    await made.notes.wait(["alice", "others are heard"])
                    blocker.set()
                    await made.notes.wait(*range(5000))
                    numbers = [one for one in made.notes.all if type(one) is int]
                    assert numbers == sorted(numbers)

    asyncio.run(main())


class Gate:
    def __init__(self, opened: asyncio.Event) -> None:
        self.opened = opened

    async def wait(self) -> None:
        await self.opened.wait()


@actor(kind="test.syndicate.slow")
class Slow:
    gate: Any
    notes: Any

    async def turn(self, events: list) -> None:
        await self.gate.wait()
        for event in events:
            if event[0] == "message":
                tell(self.notes).note(event[1])
