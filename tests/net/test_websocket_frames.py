"""The `websocket` netlayer: frames, close codes, HTTP, TLS, and how far it goes without."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from websockets.exceptions import ConnectionClosed

from remit.errors import (
    DecodeError,
    LimitExceeded,
    LinkLost,
    Misuse,
    ProtocolError,
    Truncated,
    Unreachable,
)
from remit.net import NodeKey, WebSocketNetlayer
from remit.net._certificate import certificate_of, to_pem
from remit.net._tls import server_context
from remit.values import Limits
from tests.net.foreign import listening, proved, soon
from tests.net.kit import Acceptor, Recorder, WebSocketKit
from tests.net.raw import raw


@pytest.fixture
def kit_class():
    return WebSocketKit


# --- frames ----------------------------------------------------------------------------------------------


def test_a_message_in_several_frames_is_one_message(test):
    """Fragments are put together, with pings in between."""

    async def body(kit):
        _, url, acceptor = await listening(kit)
        async with proved(url) as client:
            await client.send([b"in ", b"", b"three ", b"parts"])
            await soon(await client.ping())
            await client.send(b"whole")
            far = await acceptor.first()
            await far.until(lambda far: far.messages == [b"in three parts", b"whole"])

    test(body)


@pytest.mark.parametrize("message", [b"x" * 2001, [b"x" * 700] * 3])
def test_a_message_is_bounded_from_its_first_byte(test, message):
    """In one frame or in many: what is longer than the limit is closed with 1009 before it is there."""

    async def body(kit):
        _, url, acceptor = await listening(kit, limits=Limits(frame=2000))
        async with proved(url) as client:
            far = await acceptor.first()
            with pytest.raises(ConnectionClosed) as closed:
                await client.send(message)
                await soon(client.recv())
            assert isinstance(await far.until_closed(), LimitExceeded)
            assert closed.value.rcvd is None or closed.value.rcvd.code == 1009
        assert far.messages == []

    test(body)


def test_a_text_message_ends_the_connection(test):
    """CapTP's messages are binary: text is closed with 1003."""

    async def body(kit):
        _, url, acceptor = await listening(kit)
        async with proved(url) as client:
            far = await acceptor.first()
            await client.send("text")
            assert isinstance(await far.until_closed(), DecodeError)

    test(body)


def test_what_is_no_frame_ends_the_connection(test):
    """Reserved bits, unmasked frames: a DecodeError that says so."""

    async def body(kit):
        _, url, acceptor = await listening(kit)
        async with proved(url) as client:
            far = await acceptor.first()
            client.transport.write(b"\x82\x02hi")  # of a client, and not masked
            cause = await far.until_closed()
            assert isinstance(cause, DecodeError) and "masking" in str(cause)

    test(body)


@pytest.mark.parametrize(("code", "kind"), [(1000, None), (1001, None), (1011, LinkLost), (1009, LinkLost)])
def test_a_close_code_tells_whether_it_was_orderly(test, code, kind):
    """Done and going away are an orderly end; a fault of the peer's is the cause that we hear."""

    async def body(kit):
        _, url, acceptor = await listening(kit)
        async with proved(url) as client:
            await client.send(b"last words")
            far = await acceptor.first()
            await far.until(lambda far: far.messages)
            await client.close(code, "why")
            cause = await far.until_closed()
            assert cause is None if kind is None else (isinstance(cause, kind) and f"code {code}, why" in str(cause))

    test(body)


def test_an_end_inside_a_frame_says_so(test):
    """A stream that stops in the middle of a message is Truncated."""

    async def body(kit):
        _, url, acceptor = await listening(kit)
        async with proved(url) as client:
            far = await acceptor.first()
            client.transport.write(b"\x82\x84\0\0\0\0ab")
            client.transport.write_eof()
            assert isinstance(await far.until_closed(), Truncated)

    test(body)


def test_pings_are_answered_while_the_answers_are_read(test):
    """A peer that floods us with pings and reads nothing does not make us hold its answers."""

    async def body(kit):
        _, url, acceptor = await listening(kit)
        async with proved(url) as client:
            far = await acceptor.first()
            client.transport.pause_reading()
            ping = b"\x89\xfd\0\0\0\0" + b"p" * 125
            for _ in range(400):
                client.transport.write(ping * 200)
                await asyncio.sleep(0)
            client.transport.write(b"\x82\x82\0\0\0\0hi")
            await far.until(lambda far: far.messages)
            assert far.channel._pipe.get_write_buffer_size() < 1_000_000
            client.transport.abort()

    test(body)


def test_close_says_goodbye(test):
    """Our own close is a close frame with 1000, so that the peer knows that nothing is missing."""

    async def body(kit):
        _, url, acceptor = await listening(kit)
        async with proved(url) as client:
            far = await acceptor.first()
            far.channel.send([b"last words"])
            far.channel.close()
            assert await soon(client.recv()) == b"last words"
            with pytest.raises(ConnectionClosed) as closed:
                await soon(client.recv())
            assert closed.value.rcvd.code == 1000
            assert await far.until_closed() is None

    test(body)


# --- HTTP, TLS, where to --------------------------------------------------------------------------------------


def test_a_browser_is_told_what_this_is(test):
    """A request for no WebSocket gets an HTTP error, and the connection ends."""

    async def body(kit):
        _, url, acceptor = await listening(kit)
        async with raw({"websocket": url}) as browser:
            browser.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await browser.until_ended()).startswith(b"HTTP/1.1 426 ")
        assert acceptor.recorders == []

    test(body)


def test_a_request_without_end_is_bounded(test):
    """Headers are cut off at some 16 kilobytes, long before the time limit."""

    async def body(kit):
        _, url, _ = await listening(kit)
        async with raw({"websocket": url}) as endless:
            endless.write(b"GET / HTTP/1.1\r\n")
            endless.write(b"".join(b"X-%d: %s\r\n" % (i, b"x" * 1000) for i in range(60)))
            await endless.until_ended()
        assert len(kit.made[0].admission) == 0

    test(body)


def test_closing_right_after_the_request_is_survived(test):
    """A close frame in the same packet as a request that will be refused."""

    async def body(kit):
        _, url, _ = await listening(kit)
        async with raw({"websocket": url}) as hasty:
            hasty.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b"\x88\x80\0\0\0\0")
            await hasty.until_ended()
        assert len(kit.made[0].admission) == 0

    test(body)


def contexts(key):
    """TLS of a listener with its own certificate, and a dialler's that trusts this one."""
    certificate = certificate_of(key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(cadata=to_pem(certificate).decode())
    return server_context(key, certificate), client


def test_wss_is_spoken_both_ways(test):
    """With ssl= it listens on wss://; the dialler's own context says whom it trusts."""

    async def body(kit):
        serving, dialling = contexts(NodeKey.generate())
        key, url, _ = await listening(kit, ssl=serving)
        assert url.startswith("wss://")
        locator = kit.locator(key, {"websocket": url})
        channel = await kit.netlayer(NodeKey.generate(), client_ssl=dialling).dial(locator, Recorder)
        assert channel.peer == key.public
        with pytest.raises(ProtocolError, match="TLS is refused"):
            await kit.netlayer(NodeKey.generate()).dial(locator, Recorder)

    test(body)


def test_without_tls_it_stays_on_this_host(test):
    """ws:// to and from other hosts is refused, unless that was asked for; a wss:// URL in front of it is good."""

    async def body(kit):
        key = NodeKey.generate()
        with pytest.raises(Unreachable, match="without TLS"):
            await kit.netlayer(key).dial(kit.locator(key, {"websocket": "ws://192.0.2.1:9/"}), Recorder)
        with pytest.raises(Misuse, match="without TLS"):
            WebSocketNetlayer(key, host="0.0.0.0")
        for url in ("http://x", "ws://", "nonsense", "ws://x:99999"):
            with pytest.raises(Unreachable, match="ws://host:port"):
                await kit.netlayer(key).dial(kit.locator(key, {"websocket": url}), Recorder)
        published = "wss://example.org/remit"
        hints = await kit.netlayer(key, host="0.0.0.0", published=published).listen(Acceptor())
        assert hints == {"websocket": published}

    test(body)
