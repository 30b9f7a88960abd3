"""Peers that are slow on purpose, or half gone, after they have proved a key: at each stage something ends them, and nobody waits."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import Any

import pytest

from remit.errors import Refused
from remit.net import Admission, Network, Node, NodeKey
from remit.net._hello import NONCE_BYTES, Hello
from remit.net._unix import connect_unix
from remit.values import Limits, SturdyRef, framed
from remit.vat import Vat
from tests.captp.objects import Counter
from tests.net.nodes import Place, offer, until

HEARTBEAT = 0.3


@asynccontextmanager
async def proved(node: Node, key: NodeKey | None = None) -> Any:
    """A bare unix connection to a node, after its hello: what a stranger with a key of its own has got to."""
    import socket

    key = key or NodeKey.generate()
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.setblocking(False)
    binding = await connect_unix(connected, node.hints["unix"]["unix"])
    reader, writer = await asyncio.open_unix_connection(sock=connected)
    hello = Hello(key, nonce=os.urandom(NONCE_BYTES), binding=binding, expected=node.key.public)
    writer.write(hello.start())
    while hello.peer is None:
        writer.write(hello.feed(await reader.read(1000)))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def is_served(place: Place, node: Node, sturdy: SturdyRef) -> bool:
    """Whether an honest node gets in and is answered."""
    async with place.node("honest", listen=False) as honest:
        counter: Any = await honest.fetch_from(SturdyRef(node.inner_locator, sturdy.swiss))
        return bool(await counter.increment())


@pytest.mark.parametrize("sends", [b"", b"5", b"300:", b"300:<16'op:start-session", "trickle"], ids=str)
def test_who_has_proved_a_key_and_does_not_greet_is_given_up(folder, run, sends: Any) -> None:
    """Silence, a piece of a length, a frame that never ends, one byte after the other: two heartbeats without a whole message."""

    async def main() -> None:
        place = Place("unix", folder)
        async with place.node("b", heartbeat=HEARTBEAT) as node:
            sturdy = await offer(node, node.vat.spawn(Counter))
            async with proved(node) as (reader, writer):
                await until(lambda: len(node._connections) == 1)
                trickle = asyncio.create_task(
                    drip(writer, sends if isinstance(sends, bytes) else b"300:" + b"<" * 290, sends)
                )
                async with asyncio.timeout(15):
                    assert await rest(reader) == b"", "nothing was said to it"
                trickle.cancel()
            await until(lambda: not node._connections)
            assert node.netlayers["unix"].admission.joined == 0
            assert await is_served(place, node, sturdy)

    run(main())


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What still comes before the node hangs up, in whatever way."""
    said = b""
    with suppress(OSError):
        while part := await reader.read(1000):
            said += part
    return said


async def drip(writer: asyncio.StreamWriter, data: bytes, how: Any) -> None:
    """Write all at once, or byte by byte."""
    if how != "trickle":
        writer.write(data)
        return
    for byte in data:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "sends",
    [
        b"9999999999:",
        b"0001:x",
        b"-1:",
        b"1048577:" + b"x" * 100,
        framed(b"[" * 100_000),
        framed(b"<16'op:start-session" + b"9" * 5000 + b"+>"),
        framed(b"<8'op:abort" + b'3"bye>') + b"5:later",
        framed(b"<10'op:deliver<11'desc:export0+>[]ff>"),
        framed(b"\x1f\x8b\x08\x00" + b"\0" * 60),  # gzip: there is no compression to be bombed with
    ],
    ids=range(9),
)
def test_a_frame_that_is_none_ends_the_connection_at_once(folder, run, sends: bytes) -> None:
    """Lengths that are giant, padded or negative, deep nesting, giant integers, a message before the greeting, compressed bytes."""

    async def main() -> None:
        place = Place("unix", folder)
        async with place.node("b", heartbeat=30.0) as node:
            sturdy = await offer(node, node.vat.spawn(Counter))
            async with proved(node) as (reader, writer):
                writer.write(sends)
                async with asyncio.timeout(15):
                    said = await rest(reader)
                assert said == b"" or b"op:abort" in said
                assert b"<16'op:start-session" not in said
                writer.write(b"more")
            await until(lambda: not node._connections)
            assert await is_served(place, node, sturdy)

    run(main())


def test_a_frame_costs_what_has_come_of_it_and_not_what_it_says(folder, run) -> None:
    """A length of a megabyte reserves nothing: what is kept of a peer is what it has sent."""

    async def main() -> None:
        place = Place("unix", folder)
        async with place.node("b", limits=Limits(frame=1 << 30), layer={"limits": Limits(frame=1 << 30)}) as node:
            async with proved(node) as (_, writer):
                writer.write(b"1000000000:" + b"x" * 1000)
                await until(lambda: node.netlayers["unix"]._channels)
                (channel,) = node.netlayers["unix"]._channels
                await until(lambda: channel._cutter.pending == 1000)
                assert len(channel._cutter._buffer) == 1000

    run(main())


def test_the_same_key_twice_leaves_one_connection(folder, run) -> None:
    """Two bare connections that proved one key and never greet take two places, and both go; a greeting is what replaces."""

    async def main() -> None:
        place, key = Place("unix", folder), NodeKey.generate()
        async with place.node("b", heartbeat=HEARTBEAT) as node:
            async with proved(node, key), proved(node, key):
                await until(lambda: len(node._connections) == 2)
                await until(lambda: not node._connections)

    run(main())


def test_a_peer_that_was_given_something_stays_and_a_stranger_makes_room(folder, run) -> None:
    """When all places for members are taken, the session that holds no object of this node's goes, though it greets and is lively."""

    async def main() -> None:
        place = Place("unix", folder)
        async with (
            place.node("b", layer={"admission": Admission(members=2)}) as node,
            place.node("peer", listen=False) as peer,
            place.node("stranger", listen=False) as stranger,
        ):
            sturdy = SturdyRef(node.inner_locator, (await offer(node, node.vat.spawn(Counter))).swiss)
            counter: Any = await peer.fetch_from(sturdy)
            session = await stranger.session(node.inner_locator)
            assert [s.gave() for s in node._connections] == [True, False]
            assert await is_served(place, node, sturdy)
            await until(lambda: session.state == "ended")
            assert "turned out" in str(session.cause) or "connection" in str(session.cause)
            assert await counter.increment() == 2

    run(main())


# --- swiss numbers ------------------------------------------------------------------------------------------------------


def test_a_swiss_number_is_looked_up_by_its_digest_alone(folder, run) -> None:
    """The table is asked for SHA-256 of what the peer sent, and holds digests: so no comparison with a secret ends early.

    How long a look-up takes can only tell of a digest that the peer knows anyway, and not which number has it.
    """

    async def main() -> None:
        asked: list[Any] = []
        async with Vat("b") as vat, Node(NodeKey.generate(), vat) as node:
            sturdy = await Network(node).sturdy(vat.spawn(Counter))
            table = node.swiss._at
            assert list(table.objects) == list(table.entries) == [sha256(sturdy.swiss).digest()]
            assert sturdy.swiss not in repr([*table.objects, *table.entries.values()]).encode()
            route = type(node.swiss)._route

            def note(self: Any, message: Any, sender: Any) -> None:
                asked.append(message.args)
                route(self, message, sender)

            type(node.swiss)._route = note
            try:
                near = bytes([sturdy.swiss[0] ^ 1]) + sturdy.swiss[1:]
                for guess in (near, sturdy.swiss[:-1], b"", b"x" * 1000, sturdy.swiss):
                    promise = node.find(guess, None, node.context)
                    if guess == sturdy.swiss:
                        await promise
                    else:
                        with pytest.raises(Refused, match="no object here answers"):
                            await promise
            finally:
                type(node.swiss)._route = route
            assert [len(digest) for digest, _, _ in asked] == [32] * 5
            assert all(sturdy.swiss not in repr(args).encode() for args in asked)

    run(main())


def test_a_wrong_guess_says_the_same_as_a_number_for_somebody_else(folder, run) -> None:
    """Unknown, taken back, for another key: one text, so that a guess that hit is not known to have hit."""

    async def main() -> None:
        async with Vat("b") as vat, Node(NodeKey.generate(), vat) as node:
            network = Network(node)
            others = await network.sturdy(vat.spawn(Counter), only=NodeKey.generate().public)
            gone = await network.sturdy(vat.spawn(Counter))
            await network.forget(gone)
            texts = set()
            for swiss in (b"guess", others.swiss, gone.swiss):
                with pytest.raises(Refused) as caught:
                    await node.find(swiss, NodeKey.generate().public, node.context)
                texts.add(caught.value.message)
            assert len(texts) == 1

    run(main())
