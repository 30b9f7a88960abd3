"""The `tcp-testing-only` netlayer: OCapN's plain TCP, as the public conformance suite meets it."""

from __future__ import annotations

import asyncio

import pytest

from remit.errors import DecodeError, LimitExceeded, Misuse, Truncated, Unreachable
from remit.net import NodeKey, TcpTestingNetlayer
from remit.values import Limits, Locator, Symbol, encode
from remit.values import Record as SyrupRecord
from tests.net.kit import Acceptor, Recorder, TcpKit
from tests.net.raw import raw, serving


@pytest.fixture
def kit_class():
    return TcpKit


async def listening(kit, make=Recorder, **options):
    acceptor = Acceptor(make)
    return await kit.netlayer(NodeKey.generate(), **options).listen(acceptor), acceptor


def test_messages_are_bare_syrup_records_both_ways(test):
    """What a foreign peer writes arrives record by record, and what we send is the record and nothing else."""

    async def body(kit):
        hints, acceptor = await listening(kit)
        record = b"<8'op:abort5\"later>"
        async with raw(hints) as peer:
            peer.write(record * 2 + record[:7])
            far = await acceptor.first()
            await far.until(lambda far: len(far.messages) == 2)
            peer.write(record[7:])
            await far.until(lambda far: len(far.messages) == 3)
            assert far.messages == [record] * 3
            far.channel.send([record, record])
            assert await peer.read(2 * len(record)) == record * 2

    test(body)


RECORD = b"<8'op:abort5\"later>"
PREFIXED = b"19:" + RECORD


def test_messages_with_their_length_before_them_are_answered_so(test):
    """A first byte that is a digit: each message comes, and goes, with its length; cut anywhere, it is found."""

    async def body(kit):
        hints, acceptor = await listening(kit)
        async with raw(hints) as peer:
            for byte in PREFIXED * 2:
                peer.write(bytes([byte]))
                await peer.writer.drain()
            far = await acceptor.first()
            await far.until(lambda far: len(far.messages) == 2)
            assert far.messages == [RECORD] * 2
            far.channel.send([RECORD, RECORD])
            assert await peer.read(2 * len(PREFIXED)) == PREFIXED * 2

    test(body)


@pytest.mark.parametrize(("framing", "written"), [("raw", RECORD), ("prefixed", PREFIXED)])
def test_a_dialler_begins_in_the_framing_that_it_is_told(test, framing, written):
    """Raw unless it is told otherwise; once the peer has spoken, in the peer's framing."""

    async def body(kit):
        got = asyncio.Queue()

        async def handle(reader, writer):
            got.put_nowait(await reader.readexactly(len(written)))
            writer.write(PREFIXED if framing == "raw" else RECORD)
            got.put_nowait(await reader.read(100))

        async with serving(handle) as hints:
            host, port = hints["tls"].split(":")
            near = Recorder()
            locator = Locator("tcp-testing-only", "x", {"host": host, "port": port})
            options = {} if framing == "raw" else {"framing": framing}
            channel = await kit.netlayer(NodeKey.generate(), **options).dial(locator, lambda _: near)
            channel.send([RECORD])
            async with asyncio.timeout(15):
                assert await got.get() == written
                await near.until(lambda near: near.messages == [RECORD])
                channel.send([RECORD])
                assert await got.get() == (PREFIXED if framing == "raw" else RECORD)

    test(body)


def test_a_length_is_bounded_before_its_message_comes(test):
    """What announces more than the limit is ended at once; so are lengths that are none."""

    async def body(kit):
        hints, acceptor = await listening(kit, limits=Limits(frame=1000))
        for sent, cause in (
            (b"1001:", LimitExceeded),
            (b"007:", DecodeError),
            (b"3;abc", DecodeError),
            (b"5:ab", Truncated),
        ):
            acceptor.recorders.clear()
            async with raw(hints) as peer:
                peer.write(sent)
                peer.writer.write_eof()
                await peer.until_ended()
            assert type(await acceptor.recorders[0].until_closed()) is cause

    test(body)


@pytest.mark.parametrize("first", [b"G", b"[", b" ", b"\x16", b"-"])
def test_other_first_bytes_are_hung_up_on(test, first):
    """A message is a record, or has its length before it: nothing else is listened to."""

    async def body(kit):
        hints, acceptor = await listening(kit)
        async with raw(hints) as stranger:
            stranger.write(first)
            await stranger.until_ended()
        assert acceptor.recorders == []

    test(body)


def test_an_unknown_framing_is_our_own_mistake():
    """There are two."""
    with pytest.raises(Misuse, match="prefixed"):
        TcpTestingNetlayer(framing="netstring")


def test_nobody_is_proved(test):
    """peer is None at both ends, whatever the locator says."""

    async def body(kit):
        hints, acceptor = await listening(kit)
        channel = await kit.netlayer(NodeKey.generate()).dial(Locator("tcp-testing-only", "x", hints), Recorder)
        channel.send([b"<1'a>"])
        far = await acceptor.first()
        assert (channel.peer, far.channel.peer) == (None, None)

    test(body)


def test_close_ends_the_write_side_and_reads_on_until_the_peer_ends(test):
    """The peer reads an orderly end, never a reset, though it had sent more than we read, and goes on sending."""

    async def body(kit):
        hints, acceptor = await listening(kit)
        async with raw(hints) as peer:
            peer.write(b"<5'early>")
            far = await acceptor.first()
            await far.until(lambda far: far.messages)
            far.channel.close()
            assert await peer.reader.read() == b""
            for _ in range(20):
                peer.write(b"<9'unwelcome>" * 1000)
                await peer.writer.drain()
            assert far.closings == [], "we are still reading"
            peer.writer.write_eof()
            assert await far.until_closed() is None
            assert far.messages == [b"<5'early>"]

    test(body)


def test_a_peer_that_never_ends_its_side_is_given_up(test):
    """After close the peer has so long to end its side, then the connection is ended."""

    async def body(kit):
        hints, acceptor = await listening(kit, close_seconds=0.2)
        async with raw(hints) as peer:
            peer.write(b"<5'early>")
            far = await acceptor.first()
            far.channel.close()
            assert await far.until_closed() is None
            await peer.until_ended()

    test(body)


def test_a_peer_that_does_not_read_does_not_hold_up_close(test):
    """Flushing to a peer that reads nothing ends with the limit, too."""

    async def body(kit):
        hints, acceptor = await listening(kit, close_seconds=0.2)
        async with raw(hints) as peer:
            peer.writer.transport.pause_reading()
            peer.write(b"<5'early>")
            far = await acceptor.first()
            far.channel.send([b"x" * 1_000_000] * 20)
            far.channel.close()
            assert await far.until_closed() is None

    test(body)


def test_the_peer_may_end_its_side_first(test):
    """A half-closed peer gets what was on its way to it, and we hear an orderly end."""

    class Answers(Recorder):
        def received(self, message):
            super().received(message)
            self.channel.send([message])

    async def body(kit):
        hints, acceptor = await listening(kit, make=Answers)
        async with raw(hints) as peer:
            peer.write(b"<5'early>")
            peer.writer.write_eof()
            assert await peer.until_ended() == b"<5'early>"
            assert await (await acceptor.first()).until_closed() is None

    test(body)


@pytest.mark.parametrize(
    ("sent", "cause"), [(b"<8'op:ab", Truncated), (b"<1'a>\xff", DecodeError), (b"<]", DecodeError)]
)
def test_a_stream_that_breaks_off_or_is_no_syrup_says_so(test, sent, cause):
    """An end inside a message is Truncated, bytes of no value are a DecodeError."""

    async def body(kit):
        hints, acceptor = await listening(kit)
        async with raw(hints) as peer:
            peer.write(sent)
            peer.writer.write_eof()
            assert type(await (await acceptor.first()).until_closed()) is cause

    test(body)


def test_a_frame_is_bounded_from_its_first_byte(test):
    """A record that never ends is ended at the limit, not gathered."""

    async def body(kit):
        hints, acceptor = await listening(kit, limits=Limits(frame=1000))
        async with raw(hints) as peer:
            peer.write(b"<" + b"1+" * 600)
            assert "1000" in str(await (await acceptor.first()).until_closed())
            await peer.until_ended()

    test(body)


def test_the_locator_has_host_and_port(test):
    """The hints are those of OCapN's draft, both strings, and a port that is none is Unreachable."""

    async def body(kit):
        hints, _ = await listening(kit)
        assert hints["host"] == "127.0.0.1" and 0 < int(hints["port"]) < 65536 and len(hints) == 2
        for port in ("0", "http", "70000", "-1"):
            locator = Locator("tcp-testing-only", "x", {"host": "127.0.0.1", "port": port})
            with pytest.raises(Unreachable, match="is not an address"):
                await kit.netlayer(NodeKey.generate()).dial(locator, Recorder)

    test(body)


def test_connections_are_counted_until_they_end(test):
    """As nobody proves anything here, the bound on connections holds for those that talk, too."""

    async def body(kit):
        hints, acceptor = await listening(kit)
        admission = kit.made[0].admission
        async with raw(hints) as peer:
            peer.write(encode(SyrupRecord(Symbol("hi"), [])))
            far = await acceptor.first()
            await far.until(lambda far: far.messages)
            assert len(admission) == 1
        await far.until_closed()
        assert len(admission) == 0

    test(body)


def test_no_room_is_made_among_those_who_talk(test):
    """With every connection in use, a new one is hung up on, and the others go on."""

    async def body(kit):
        hints, acceptor = await listening(kit)
        kit.made[0].admission.connections = 1
        async with raw(hints) as peer:
            peer.write(b"<1'a>")
            far = await acceptor.first()
            await far.until(lambda far: far.messages)
            async with raw(hints) as late:
                assert await late.until_ended() == b""
            peer.write(b"<1'b>")
            await far.until(lambda far: far.messages == [b"<1'a>", b"<1'b>"])

    test(body)


def test_a_host_that_nobody_answers_at_is_unreachable(test):
    """A refused connection names the address."""

    async def body(kit):
        hints, _ = await listening(kit)
        await kit.made[0].close()
        with pytest.raises(Unreachable, match=f"127.0.0.1:{hints['port']}".replace(".", r"\.")):
            await kit.netlayer(NodeKey.generate()).dial(Locator("tcp-testing-only", "x", hints), Recorder)
        await asyncio.sleep(0)

    test(body)
