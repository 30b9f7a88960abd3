"""Noise: the handshake against public vectors, and sessions inside of it by way of a gatekeeper."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from remit.dataspace.syndicate import Gatekeeper, Session, bind_step, public_key, resolve
from remit.dataspace.syndicate._binds import Sturdy
from remit.dataspace.syndicate._noise import Handshake
from remit.dataspace.syndicate._noise_end import _fragments
from remit.dataspace.syndicate._noise_step import NoiseKind, noise_passage
from remit.dataspace.syndicate._view import rec
from remit.dataspace.syndicate._walk import Walk
from remit.errors import BadArgument, ProtocolError, Refused
from remit.values import Symbol, preserves
from remit.vat import tell
from tests.dataspace.syndicate.hand import Home, Pair

VECTORS = json.loads((Path(__file__).parent / "noise_vectors.json").read_text(encoding="utf-8"))["vectors"]


def sides(vector: dict[str, Any]) -> tuple[Handshake, Handshake]:
    def key(name: str) -> bytes:
        return bytes.fromhex(vector[name])

    psks = [bytes.fromhex(psk) for psk in vector.get("init_psks", [])]
    ours = Handshake(
        prologue=key("init_prologue"),
        ephemeral=key("init_ephemeral"),
        remote=key("init_remote_static"),
        protocol=vector["protocol_name"],
        psks=psks,
    )
    theirs = Handshake(
        prologue=key("resp_prologue"),
        ephemeral=key("resp_ephemeral"),
        static=key("resp_static"),
        protocol=vector["protocol_name"],
        psks=psks,
    )
    return ours, theirs


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["protocol_name"] for vector in VECTORS])
def test_handshakes_and_messages_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    """Both sides write the bytes that other implementations write, and read them."""
    ours, theirs = sides(vector)
    for number, message in enumerate(vector["messages"]):
        payload, secret = bytes.fromhex(message["payload"]), bytes.fromhex(message["ciphertext"])
        writer, reader = (ours, theirs) if number % 2 == 0 else (theirs, ours)
        if number < 2:
            assert writer.write(payload) == secret
            assert reader.read(secret) == payload
        else:
            assert writer.send is not None and reader.receive is not None
            assert writer.send.encrypt(payload) == secret
            assert reader.receive.decrypt(secret) == payload
    assert ours._hash.hex() == vector["handshake_hash"]
    assert theirs._hash.hex() == vector["handshake_hash"]


def test_what_is_damaged_is_refused() -> None:
    """A changed byte, a wrong key, a wrong prologue, a wrong pre-shared key: the message is refused."""
    vector = VECTORS[0]
    ours, theirs = sides(vector)
    first = ours.write()
    with pytest.raises(ProtocolError):
        theirs.read(first[:-1] + bytes([first[-1] ^ 1]))
    for change in ({"resp_prologue": "00"}, {"resp_static": vector["resp_ephemeral"]}):
        _, other = sides(vector | change)
        with pytest.raises(ProtocolError):
            other.read(first)
    with pytest.raises(ProtocolError):
        sides(vector)[1].read(first[:20])
    _, theirs = sides(vector)
    with pytest.raises(ProtocolError, match="small order"):
        theirs.read(bytes(32) + first[32:])


def test_missing_pre_shared_keys_are_zeros() -> None:
    """A protocol with a pre-shared key that nobody has given uses zeros. (Syndicate Protocol, Noise.)"""
    vector = VECTORS[1] | {"init_psks": []}
    ours, theirs = sides(vector)
    theirs.read(ours.write())
    zeros = sides(vector | {"init_psks": ["00" * 32]})[1]
    ours.read(theirs.write())
    zeros.read(sides(vector)[0].write())
    assert ours.done and theirs.done and not zeros.done


def test_other_protocols_and_keys_are_refused() -> None:
    """Only NK with X25519, ChaCha20-Poly1305 and BLAKE2s is spoken, and keys are 32 bytes."""
    for change in ({"protocol_name": "Noise_XX_25519_ChaChaPoly_BLAKE2s"}, {"init_remote_static": "00"}):
        with pytest.raises(BadArgument):
            sides(VECTORS[0] | change)


# --- sessions inside ------------------------------------------------------------------------------------

SECRET = bytes(range(32))


def step(service: str = "chat", secret: bytes = SECRET) -> Any:
    """The client's step."""
    return rec("noise", preserves.Map([(Symbol("service"), Symbol(service)), (Symbol("key"), public_key(secret))]))


def bound(service: str = "chat") -> Any:
    """What the server binds."""
    parts = [("service", Symbol(service)), ("key", public_key(SECRET)), ("secretKey", SECRET)]
    return rec("noise", preserves.Map([(Symbol(name), value) for name, value in parts]))


STEP = step()


class Inside(Pair):
    """A pair whose far end gives a gatekeeper, with a place bound inside of Noise."""

    def __init__(self) -> None:
        super().__init__(lambda home: self.make(home))

    def make(self, home: Home) -> Any:
        self.keeper = Gatekeeper(home.vat, home.notes(), kinds={"ref": Sturdy(), "noise": NoiseKind(home)})
        self.inner = home.place()
        self.keeper.bound(1, [bound(), self.inner, False])
        return self.keeper.entrance

    def walk(self, *steps: Any) -> Walk:
        self.reached: list[Any] = []
        self.failures: list[Any] = []
        self.lost = 0

        def lost() -> None:
            self.lost += 1

        walk = Walk(
            self.a.vat,
            steps,
            reached=self.reached.append,
            lost=lost,
            failed=self.failures.append,
            passages={"noise": lambda step: noise_passage(self.a, step)},
        )
        walk.begin(self.space)
        self.settle()
        return walk


def test_a_session_inside_of_noise_reaches_the_bound_object() -> None:
    """resolve <noise service>, <initiator #:C>, two handshake messages, and then a session of its own, encrypted."""
    pair = Inside()
    walk = pair.walk(STEP)
    assert pair.failures == []
    tell(pair.reached[0]).turn([["assert", 1, "hello"], ["message", "x" * 200_000]])
    pair.quiet()
    assert not any(b"hello" in packet for packet in pair.to_far)
    pair.settle()
    heard = pair.b.hear(pair.inner)[0]
    assert heard[1] == ["assert", 1, "hello"]
    assert len(heard[2][1]) == 200_000
    pair.check()
    walk.end()
    pair.settle()
    assert pair.b.hear(pair.inner)[-1][1:] == [["close"]]
    pair.end()


def test_references_inside_of_noise_have_tables_of_their_own() -> None:
    """What is given to the other end inside of Noise comes back through it, encrypted."""
    pair = Inside()
    walk = pair.walk(STEP)
    me = pair.a.notes()
    tell(pair.reached[0]).turn([["assert", 1, me]])
    pair.settle()
    proxy = pair.b.hear(pair.inner)[0][1][2]
    tell(proxy).turn([["message", "secret"]])
    pair.quiet()
    assert pair.to_near and not any(b"secret" in packet for packet in pair.to_near)
    pair.settle()
    assert pair.a.hear(me) == [[["message", "secret"]]]
    walk.end()
    pair.end()


def test_the_end_of_the_bind_ends_the_session_inside() -> None:
    """When the bind is withdrawn, the walk hears that its way is lost, and what was asserted inside is withdrawn."""
    pair = Inside()
    pair.walk(STEP)
    tell(pair.reached[0]).turn([["assert", 1, "hello"]])
    pair.settle()
    pair.keeper.unbound(1)
    pair.settle()
    assert pair.lost == 1
    assert pair.b.hear(pair.inner)[-1][1:] == [["close"]]


def test_the_end_of_the_connection_ends_the_session_inside() -> None:
    """What was asserted inside of Noise goes with the connection outside."""
    pair = Inside()
    pair.walk(STEP)
    tell(pair.reached[0]).turn([["assert", 1, "hello"]])
    pair.settle()
    pair.far.end(Refused("cut"))
    pair.quiet()
    assert pair.b.hear(pair.inner)[-1][1:] == [["close"]]
    assert pair.b.ends == {}


def test_a_wrong_key_gets_no_session() -> None:
    """A client that expects another key cannot shake hands: its walk fails, and nothing reaches the object."""
    pair = Inside()
    pair.walk(step(secret=b"x" * 32))
    assert pair.reached == []
    assert pair.b.hear(pair.inner) == []


def test_an_unknown_service_waits() -> None:
    """Nobody answers for a service that nothing binds; a bind that comes later does."""
    pair = Inside()
    pair.walk(step("other"))
    assert (pair.reached, pair.failures) == ([], [])
    pair.keeper.bound(2, bind_step(bound("other"), pair.inner).value)
    pair.settle()
    assert len(pair.reached) == 1


@pytest.mark.parametrize("message", ["hello", ["a"], b"short", [b"x" * 50]])
def test_nonsense_at_a_session_object_ends_it(message: Any) -> None:
    """What is no handshake ends the session inside, and nothing else."""
    pair = Inside()
    asker = pair.a.notes()
    tell(pair.space).turn([["assert", 1, resolve(rec("noise", Symbol("chat")), asker)]])
    pair.settle()
    session_object = pair.a.hear(asker)[0][0][2].value[0]
    tell(session_object).turn([["assert", 1, rec("initiator", asker)], ["message", message]])
    pair.settle()
    assert pair.b.ends == {}
    assert pair.far.state == "open"


def test_a_session_says_which_it_is() -> None:
    """The session inside is named so in logs."""
    assert "noise" in repr(Session(Home("a"), name="noise"))


def test_long_packets_are_fragmented() -> None:
    """No Noise message is longer than 65535 bytes, tag included."""
    whole = _fragments(lambda part: part + bytes(16), b"x" * 10)
    parts = _fragments(lambda part: part + bytes(16), b"x" * 150_000)
    assert whole == b"x" * 10 + bytes(16)
    assert [len(part) for part in parts] == [65535, 65535, 150_000 + 3 * 16 - 2 * 65535]
