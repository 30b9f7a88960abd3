"""The `websocket` netlayer and foreign peers: both forms of proof, as dialler and as acceptor, and what breaks them."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import serve as foreign_server
from websockets.exceptions import ConnectionClosed

from remit.captp import signature_bytes, signature_value
from remit.errors import (
    Misuse,
    PeerUnproven,
    ProtocolError,
    Unreachable,
)
from remit.net import NodeKey, WebSocketNetlayer, proves
from remit.values import Record, Symbol, decode, encode, raw_record
from tests.net.foreign import CHALLENGE, OLD, foreign, foreign_client, listening, proved, soon
from tests.net.kit import Recorder, WebSocketKit


@pytest.fixture
def kit_class():
    return WebSocketKit


# --- the acceptor ----------------------------------------------------------------------------------------


def test_the_newer_challenge_is_answered_by_an_envelope(test):
    """`init:peer-auth` comes back in a desc:sig-envelope, signed over the very bytes that came; then messages pass."""

    async def body(kit):
        key, url, acceptor = await listening(kit)
        async with foreign_client(url, compression=None) as client:
            await client.send(CHALLENGE)
            answer = decode(await soon(client.recv()), record=raw_record)
            assert answer.label == Symbol("desc:sig-envelope") and encode(answer.fields[0]) == CHALLENGE
            assert proves(key.public, signature_bytes(answer.fields[1]), CHALLENGE)
            await client.send(b"hi")
            far = await acceptor.first()
            await far.until(lambda far: far.messages == [b"hi"])
            assert (far.channel.peer, far.channel.kin, far.channel.transport) == (None, False, "websocket")
            far.channel.send([b"one", b"two"])
            assert [await soon(client.recv()), await soon(client.recv())] == [b"one", b"two"]
        assert await far.until_closed() is None

    test(body)


def test_the_older_challenge_is_answered_by_a_signature(test):
    """64 bytes come back as a sig-val over them, and nothing around it."""

    async def body(kit):
        key, url, _ = await listening(kit)
        async with foreign_client(url, compression=None) as client:
            await client.send(OLD)
            answer = decode(await soon(client.recv()), record=raw_record)
            assert proves(key.public, signature_bytes(answer), OLD)

    test(body)


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"x" * 63,
        b"x" * 65,
        encode(Record(Symbol("init:peer-auth"), ["text"])),
        encode(Record(Symbol("init:peer-auth"), [b"a", b"b"])),
        encode(Record(Symbol("init:peer-auth"), [b"a" * 5000])),
        CHALLENGE + b" ",
        encode(Record(Symbol("my-location"), [b"r" * 32])),
        "text",
        "t" * 64,
    ],
)
def test_nothing_but_a_challenge_is_ever_signed(test, first):
    """Other lengths, other records, other fields, text: the connection is closed, and nobody has a signature for it."""

    async def body(kit):
        _, url, acceptor = await listening(kit)
        async with foreign_client(url, compression=None) as client:
            await client.send(first)
            with pytest.raises(ConnectionClosed):
                await soon(client.recv())
        assert acceptor.recorders == []

    test(body)


def test_foreign_peers_are_answered_only_where_they_are_wanted(test):
    """With foreign=False a challenge is as good as garbage, and nodes of our own kind are served."""

    async def body(kit):
        key, url, acceptor = await listening(kit, foreign=False)
        for challenge in (CHALLENGE, OLD):
            async with foreign_client(url, compression=None) as client:
                await client.send(challenge)
                with pytest.raises(ConnectionClosed):
                    await soon(client.recv())
        locator = kit.locator(key, {"websocket": url})
        channel = await kit.netlayer(NodeKey.generate()).dial(locator, Recorder)
        assert (channel.peer, channel.kin) == (key.public, True)
        assert (await acceptor.first()).channel.kin and len(acceptor.recorders) == 1

    test(body)


def test_what_comes_with_the_challenge_is_not_lost(test):
    """A foreign peer need not wait for the proof before it sends its first messages."""

    async def body(kit):
        _, url, acceptor = await listening(kit)
        async with foreign_client(url, compression=None) as client:
            await client.send(CHALLENGE)
            await client.send(b"early")
            await client.send(b"bird")
            far = await acceptor.first()
            await far.until(lambda far: far.messages == [b"early", b"bird"])

    test(body)


def test_a_foreign_peer_is_a_guest_for_as_long_as_it_stays(test):
    """It has proved no key, so it counts among the unauthenticated, without a time limit."""

    async def body(kit):
        _, url, acceptor = await listening(kit)
        admission = kit.made[0].admission
        async with proved(url):
            far = await acceptor.first()
            assert (len(admission), admission.joined) == (1, 0)
        await far.until_closed()
        assert len(admission) == 0

    test(body)


# --- the dialler -----------------------------------------------------------------------------------------


@asynccontextmanager
async def answering(answer):
    """A foreign acceptor: `answer(challenge)` is its answer to the first message (None: it hangs up); what it got, and its URL."""
    got = []

    async def handle(connection):
        got.append(await connection.recv())
        reply = answer(got[-1])
        if reply is not None:
            await connection.send(reply)
            async for message in connection:
                await connection.send(message)

    async with foreign_server(handle, "127.0.0.1", 0, compression=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", got


def newer(key):
    def answer(challenge):
        record = decode(challenge, record=raw_record)
        return encode(Record(Symbol("desc:sig-envelope"), [record, signature_value(key.sign(challenge))]))

    return answer


def older(key, lengths=(64,)):
    """Signs what has one of these lengths, and hangs up on others."""

    def answer(challenge):
        return encode(signature_value(key.sign(challenge))) if len(challenge) in lengths else None

    return answer


@pytest.mark.parametrize("make", [newer, lambda key: older(key, (len(CHALLENGE),))])
def test_a_foreign_acceptor_proves_its_key(test, make):
    """The dialler's first message is `init:peer-auth` with 32 bytes, fresh each time; what is signed over it proves the key."""

    async def body(kit):
        key = NodeKey.generate()
        async with answering(make(key)) as (url, got):
            near, netlayer = Recorder(), kit.netlayer(NodeKey.generate())
            for _ in range(2):
                channel = await netlayer.dial(foreign(key.designator, url), lambda _: near)
                assert (channel.peer, channel.kin) == (key.public, False)
            channel.send([b"echo"])
            await near.until(lambda near: near.messages == [b"echo"])
            first, second = (decode(one, record=raw_record) for one in got)
            assert first.label == Symbol("init:peer-auth") and len(first.fields[0]) == 32
            assert first.fields != second.fields

    test(body)


def test_an_acceptor_that_knows_the_older_form_only_is_asked_again(test):
    """It hangs up on the record; so it is challenged by 64 bytes, and the next time by those at once."""

    async def body(kit):
        key = NodeKey.generate()
        async with answering(older(key)) as (url, got):
            netlayer = kit.netlayer(NodeKey.generate())
            for _ in range(2):
                channel = await netlayer.dial(foreign(key.designator, url), Recorder)
                assert channel.peer == key.public
            assert [len(one) for one in got] == [len(CHALLENGE), 64, 64]
            assert got[1] != got[2]

    test(body)


def test_the_dialler_may_be_told_the_form(test):
    """With one form in `forms` no other is tried."""

    async def body(kit):
        key = NodeKey.generate()
        async with answering(older(key)) as (url, got):
            with pytest.raises((ProtocolError, Unreachable)):
                await kit.netlayer(NodeKey.generate(), forms=["init:peer-auth"]).dial(
                    foreign(key.designator, url), Recorder
                )
            await kit.netlayer(NodeKey.generate(), forms=["challenge"]).dial(foreign(key.designator, url), Recorder)
            assert [len(one) for one in got] == [len(CHALLENGE), 64]

    test(body)


@pytest.mark.parametrize("make", [newer, older, lambda key: older(key, (len(CHALLENGE),))])
def test_another_key_than_the_locators_is_refused(test, make):
    """Whoever signs with its own key is not the peer that was dialled; it is asked once, and gets nothing more."""

    async def body(kit):
        wanted = NodeKey.generate()
        async with answering(make(NodeKey.generate())) as (url, _):
            with pytest.raises(PeerUnproven, match=wanted.designator):
                await kit.netlayer(NodeKey.generate()).dial(foreign(wanted.designator, url), Recorder)

    test(body)


def test_a_signature_over_something_else_is_refused(test):
    """An old answer, replayed, and a signature over the random bytes alone."""

    async def body(kit):
        key = NodeKey.generate()
        record = Record(Symbol("init:peer-auth"), [b"r" * 32])
        replayed = encode(Record(Symbol("desc:sig-envelope"), [record, signature_value(key.sign(CHALLENGE))]))

        def over_the_bytes(challenge):
            inside = decode(challenge, record=raw_record)
            signature = signature_value(key.sign(inside.fields[0]))
            return encode(Record(Symbol("desc:sig-envelope"), [inside, signature]))

        for answer, wrong in ((lambda _: replayed, ProtocolError), (over_the_bytes, PeerUnproven)):
            async with answering(answer) as (url, _):
                with pytest.raises(wrong):
                    netlayer = kit.netlayer(NodeKey.generate(), forms=["init:peer-auth"])
                    await netlayer.dial(foreign(key.designator, url), Recorder)

    test(body)


@pytest.mark.parametrize("answer", [b"", b"<", encode(1), encode(["sig-val"]), "text", b"x" * 5000])
def test_an_answer_that_is_none_is_refused(test, answer):
    """Garbage, other values, text, too much of anything."""

    async def body(kit):
        key = NodeKey.generate()
        async with answering(lambda _: answer) as (url, _):
            with pytest.raises(ProtocolError):
                await kit.netlayer(NodeKey.generate()).dial(foreign(key.designator, url), Recorder)

    test(body)


def test_a_web_server_that_opens_no_websocket_is_named(test):
    """An HTTP answer other than 101 is a ProtocolError with its status."""

    async def body(kit):
        async def refuse(connection, request):
            return connection.respond(404, "nothing here\n")

        async with foreign_server(lambda _: None, "127.0.0.1", 0, process_request=refuse) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            with pytest.raises(ProtocolError, match="404"):
                await kit.netlayer(NodeKey.generate()).dial(foreign(NodeKey.generate().designator, url), Recorder)

    test(body)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    """The library is asked for when a netlayer is made, and named."""
    monkeypatch.setitem(sys.modules, "websockets", None)
    with pytest.raises(Misuse, match=r"remit\[websocket\]"):
        WebSocketNetlayer(NodeKey.generate())


@pytest.mark.parametrize("forms", [[], ["carrier pigeon"]])
def test_unknown_forms_are_our_own_mistake(forms):
    """They are named when the netlayer is made."""
    with pytest.raises(Misuse, match="init:peer-auth"):
        WebSocketNetlayer(NodeKey.generate(), forms=forms)
