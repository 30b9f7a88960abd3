"""Tunnels: a program of one machine reaches a server of another that listens there only, as far as its edge lets it."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from remit.credentials import Secret
from remit.errors import BadArgument, Broken, Refused
from remit.lib import Attenuation, Metered
from remit.machines import Laying
from remit.machines._local_users import may_connect, user_of
from remit.net import Bulks
from tests.machines.tunnels import TunnelTown, in_tunnel_town, over, until


def test_a_program_gets_through_by_a_socket_of_its_own() -> None:
    """The binding's directory has a socket that leads to the server; many connections at once, each ended by itself, ends passed on."""

    async def work(town: TunnelTown) -> None:
        assert (await town.bind())["state"] == "active"
        texts = town.entries()
        assert texts == {
            "type": "tcp",
            "provider": "remit",
            "path": str(town.root / "raw" / "socket"),
            "uri": f"unix:{town.root / 'raw' / 'socket'}",
        }
        assert stat.S_IMODE((town.root / "raw" / "socket").stat().st_mode) == 0o600
        account: Any = await town.town.hob("app").get("raw")
        assert (await account.credential()).texts() == texts  # what a program gets from the reference
        talks = [await town.talking() for _ in range(5)]
        for number, (_, writer) in enumerate(talks):
            writer.write(b"%d" % number * 100_000)
            writer.write_eof()
        for number, (reader, writer) in enumerate(talks):
            assert await reader.read() == b"%d" % number * 100_000 + b"bye\n"
            writer.close()
        await until(lambda: town.server.ended == 5 and not town.server.connections)
        assert not any(town.place(name).node.bulks._open for name in ("app", "db"))

    in_tunnel_town(work)


def test_revoking_cuts_what_is_open_within_a_second() -> None:
    """Both ends of an open connection are over when the edge is revoked, and nothing new gets through."""

    async def work(town: TunnelTown) -> None:
        await town.bind()
        reader, writer = await town.talking()
        began = time.monotonic()
        answer = await town.town.boss.revoke("app.raw")
        assert answer["unfinished"] == []
        await over(reader)
        await until(lambda: not town.server.connections)
        assert time.monotonic() - began < 1.0
        assert list(town.root.iterdir()) == []
        writer.close()

    in_tunnel_town(work)


def test_the_provider_cuts_whatever_the_grantee_does() -> None:
    """Where the grantee's machine does not hear of the revocation, or will not, its connections are over at the provider's end."""

    async def work(town: TunnelTown) -> None:
        await town.bind()
        reader, writer = await town.talking()
        app = town.place("app")
        entrance = app.layout.entrances._open.pop("raw")  # a hob that keeps what it should let go
        town.wires.sever("boss", "app")
        town.wires.apart.add(frozenset({"boss", "app"}))
        began = time.monotonic()
        answer = asyncio.ensure_future(town.town.boss.revoke("app.raw"))
        await until(lambda: not town.server.connections)
        await over(reader)
        assert time.monotonic() - began < 1.0
        again, more = await asyncio.open_unix_connection(entrance.path)
        await over(again, 5.0)
        assert not town.server.connections
        town.wires.apart.clear()
        await town.town.hob("app").hello()
        await answer
        for each in (writer, more):
            each.close()
        entrance.close("")

    in_tunnel_town(work)


def test_limits_of_bytes_and_connections_hold() -> None:
    """So many connections at once, so many bytes both ways together, over all connections and restarts; then they end."""

    async def work(town: TunnelTown) -> None:
        edge = await town.bind(Metered(bytes=1000, connections=2))
        assert edge["attenuation"] == "1000 bytes; 2 connections"
        first, second = await town.talking(), await town.talking()
        third, writer = await town.connect()
        await over(third, 5.0)
        assert len(town.server.connections) == 2
        writer.close()
        second[1].close()
        await until(lambda: len(town.server.connections) == 1)
        first[1].write(bytes(400))
        assert len(await first[0].readexactly(400)) == 400
        await town.town.hob("db").tend()
        await town.place("db").end()
        await over(first[0])
        await town.place("db").start()
        reader, writer = await town.talking()
        account: Any = await town.town.hob("app").get("raw")
        assert (await account.credential()).texts() == town.entries()  # granted again, and not taken for dropped
        writer.write(bytes(200))
        await over(reader, 5.0)
        await until(lambda: not town.server.connections)
        reader, more = await town.connect()
        await over(reader, 5.0)
        assert not town.server.connections
        for each in (first[1], writer, more):
            each.close()

    in_tunnel_town(work)


def test_one_edge_does_not_take_all_tickets() -> None:
    """A grantee that asks again and again spoils its own tickets, and not those of others; a revocation leaves none."""

    async def work(town: TunnelTown) -> None:
        await town.bind()
        await town.bind(name="other")
        entrances = town.place("app").layout.entrances._open
        patient = await entrances["other"].ref.open(bytes(32))
        for _ in range(300):
            await entrances["raw"].ref.open(bytes(32))
        db = town.place("db").node
        assert db is not None and len(db.bulks._expected) == 257
        await town.town.boss.revoke("app.raw")
        assert len(db.bulks._expected) == 1
        db.bulks.forget(bytes.fromhex(patient[0].text))
        assert not db.bulks._expected

    in_tunnel_town(work)


def test_a_tunnel_ends_at_its_time() -> None:
    """At `until` what is open is cut, without anybody asking."""

    async def work(town: TunnelTown) -> None:
        await town.bind(Attenuation(until=time.time() + 1.0))
        reader, writer = await town.talking()
        await over(reader, 3.0)
        await until(lambda: not town.server.connections)
        writer.close()

    in_tunnel_town(work)


def test_what_a_tunnel_cannot_enforce_is_refused() -> None:
    """A tunnel knows no methods, keys and calls; other services know no bytes and connections."""

    async def work(town: TunnelTown) -> None:
        await town.town.boss.offer("db.main", "test.table")
        for attenuation in (Attenuation(methods=["read"]), Attenuation(read_only=True), Attenuation(prefix="x")):
            with pytest.raises(BadArgument, match="cannot enforce"):
                await town.bind(attenuation)
        with pytest.raises(BadArgument, match="cannot enforce bytes"):
            await town.town.boss.bind("app.t", "db.main", Metered(bytes=3))

    in_tunnel_town(work)


def test_a_server_that_is_away_ends_the_connection() -> None:
    """Where nothing answers at the place, the program's connection ends; an offer of such a place is refused at once."""

    async def work(town: TunnelTown) -> None:
        await town.bind()
        await town.server.__aexit__()
        reader, writer = await town.connect()
        await over(reader, 5.0)
        writer.close()
        with pytest.raises(Broken, match="nothing answers"):
            await town.town.boss.offer("db.other", "tcp", "", "", [Secret("127.0.0.1:1")])

    in_tunnel_town(work)


def test_entrances_are_there_again_after_a_restart() -> None:
    """The grantee's agent listens at the same place again, before it has reached the provider."""

    async def work(town: TunnelTown) -> None:
        await town.bind()
        before = town.entries()
        app = town.place("app")
        await app.end()
        town.wires.apart.add(frozenset({"app", "db"}))
        await app.start()
        looking = asyncio.ensure_future(town.town.hob("app").refresh())  # as the agent does; it waits for the provider
        await until(lambda: "raw" in app.layout.entrances._open and not app.layout._alone.locked())
        assert town.entries() == before
        reader, writer = await town.connect()
        town.wires.apart.clear()
        assert await reader.readline() == b"hello\n"
        writer.close()
        await looking

    in_tunnel_town(work)


def test_the_boss_relays_bytes_and_says_so() -> None:
    """Where the machines do not reach each other the bytes go through the boss, with the same limits; its end, and a revocation, cut them."""

    async def work(town: TunnelTown) -> None:
        edge = await town.bind(Metered(connections=2))
        assert (edge["state"], edge["via"]) == ("active", "boss")
        reader, writer = await town.talking()
        writer.write(b"x" * 300_000)
        writer.write_eof()
        assert await reader.read() == b"x" * 300_000 + b"bye\n"
        writer.close()
        nodes = {name: town.town.places[name].node for name in ("boss", "db", "app")}
        assert nodes["app"].locator not in nodes["db"].meeting.active
        reader, writer = await town.talking()
        await town.town.places["boss"].end()
        await over(reader)
        await town.town.places["boss"].start()
        more, other = await town.talking()
        began = time.monotonic()
        await town.town.boss.revoke("app.raw")
        await over(more)
        await until(lambda: not town.server.connections)
        assert time.monotonic() - began < 1.0
        assert not any(town.town.places[name].node.bulks._open for name in ("boss", "db", "app"))
        for each in (writer, other):
            each.close()

    in_tunnel_town(work, apart=True)


def test_the_provider_comes_to_a_machine_that_cannot_dial_it() -> None:
    """Where only the provider can dial, it does; nobody relays."""

    async def work(town: TunnelTown) -> None:
        await town.town.boss.offer("app.main", "test.table")
        await town.town.boss.bind("db.main", "app.main")  # db has dialled app
        town.wires.one_way.add(("app", "db"))
        assert (await town.bind())["via"] == ""
        reader, writer = await town.talking()
        writer.write_eof()
        assert await reader.read() == b"bye\n"
        writer.close()

    in_tunnel_town(work)


def test_a_port_is_for_programs_of_this_user() -> None:
    """By choice it is a loopback port, the same after a restart; the kernel says whose program connects, and others are refused."""

    async def work(town: TunnelTown) -> None:
        await town.town.boss.bind("app.raw", "db.raw", laying=Laying(local="port"))
        texts = town.entries()
        assert (texts["host"], texts["uri"]) == ("127.0.0.1", f"tcp://127.0.0.1:{texts['port']}")
        _, writer = await town.talking()
        writer.close()
        app = town.place("app")
        await app.end()
        await app.start()
        await town.town.hob("app").refresh()
        assert town.entries() == texts
        _, writer = await town.talking()
        mine, ours = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
        assert user_of(mine, ours) == os.geteuid() and may_connect((mine, ours), frozenset())
        assert user_of(("127.0.0.1", 1), ours) is None and not may_connect((("127.0.0.1", 1), ours), frozenset())
        writer.close()

    in_tunnel_town(work)


def test_tickets_are_in_no_log_store_or_status(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither those that were used nor those that were refused: in logs of every level, what machines and boss keep, what people see, and errors."""
    tickets: list[bytes] = []
    real = Bulks.expect

    def expect(self: Bulks, *arguments: Any, **more: Any) -> bytes:
        tickets.append(real(self, *arguments, **more))
        return tickets[-1]

    monkeypatch.setattr(Bulks, "expect", expect)
    caplog.set_level(0)
    seen: list[str] = []

    async def work(town: TunnelTown) -> None:
        await town.bind(Metered(connections=2))
        for _ in range(3):
            _, writer = await town.talking()
            writer.close()
            await until(lambda: not town.server.connections)
        account: Any = town.place("app").layout.entrances._open["raw"].ref
        way = await account.open(bytes(32))  # for a key that nobody has: the ticket stays unused
        seen.append(f"{way} {way!r}")
        app = town.place("app").node
        assert app is not None
        with pytest.raises(Refused) as refused:
            await app.bulks.dial(way[1].locator(), bytes.fromhex(way[0].text))
        seen.extend([str(refused.value), repr(refused.value), repr(app.bulks.__dict__)])
        with pytest.raises(Broken) as wrong:
            await account.meet(way[0], "nowhere")
        seen.append(str(wrong.value))
        seen.append(str(await town.town.boss.status()))
        seen.extend(repr(place.rows.load()) for place in town.town.places.values())
        seen.extend(path.read_text() for path in town.root.rglob("*") if path.is_file())

    in_tunnel_town(work)
    assert len(tickets) >= 4
    text = "\n".join([*seen, caplog.text])
    for ticket in tickets:
        for form in (ticket.hex(), repr(ticket)[2:-1], str(ticket)):
            assert form not in text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lay out bindings for other users")
@pytest.mark.needs_root
def test_a_tunnel_for_another_users_programs() -> None:
    """Its socket is that user's, with mode 600: its programs get through, and a third user's do not."""
    place = Path(tempfile.mkdtemp(prefix="remit-users-"))
    place.chmod(0o755)
    ask = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(6))"

    async def asked(user: str, path: str) -> bytes:
        found = pwd.getpwnam(user)
        who: dict[str, Any] = {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
        words = (shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable, "-c", ask, path)
        process = await asyncio.create_subprocess_exec(
            *words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/", **who
        )
        said, _ = await process.communicate()
        return said

    async def work(town: TunnelTown) -> None:
        town.place("app").layout.users = place / "m"
        await town.town.boss.bind("app.raw", "db.raw", laying=Laying(user="nobody"))
        path = place / "m" / str(pwd.getpwnam("nobody").pw_uid) / "bindings" / "raw" / "socket"
        status = path.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o600, pwd.getpwnam("nobody").pw_uid)
        assert await asked("nobody", str(path)) == b"b'hello\\n'\n"
        assert b"Permission" in await asked("daemon", str(path))

    try:
        in_tunnel_town(work)
    finally:
        shutil.rmtree(place)
