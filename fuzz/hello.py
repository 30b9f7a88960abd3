"""What stands before the first message: the signed hello at both ends, and the certificate that a dialler pins."""

from __future__ import annotations

from functools import cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fuzz._tape import MOST, Tape
from fuzz._target import Target, expect
from remit.errors import ProtocolError
from remit.net import Hello, NodeKey, SignedAddress, designator_of, public_of, sign_address
from remit.net._certificate import certificate_of, key_in

__all__ = ["TARGETS", "changed", "keys"]

BOUND: Final = 200  # bytes that a hello may keep of a peer that it does not know


def _key(seed: int) -> NodeKey:
    return NodeKey(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


@cache
def keys() -> tuple[NodeKey, NodeKey, NodeKey]:
    """A dialler's, an acceptor's and somebody else's; the same in each run."""
    return _key(1), _key(2), _key(3)


def _ends(nonces: int = 0) -> tuple[Hello, Hello]:
    dialler, acceptor, _ = keys()
    ours = Hello(dialler, nonce=bytes([nonces]) * 32, binding=b"b", expected=acceptor.public)
    return ours, Hello(acceptor, nonce=bytes([nonces + 1]) * 32, binding=b"b")


@cache
def _exchange(nonces: int = 0) -> tuple[bytes, bytes, bytes]:
    """A genuine hello's three messages."""
    dialler, acceptor = _ends(nonces)
    greeting = dialler.start()
    answer = acceptor.feed(greeting)
    return greeting, answer, dialler.feed(answer)


def check_hello(tape: Tape) -> None:
    """Nothing but the genuine messages proves a key, however bytes are cut, changed, or taken from another exchange."""
    dialling = tape.flag()
    hello = _ends()[0 if dialling else 1]
    genuine = _exchange()[1] if dialling else _exchange()[0] + _exchange()[2]
    other = _exchange(8)[1] if dialling else _exchange(8)[0] + _exchange(8)[2]
    data = changed(tape, bytearray(genuine), other)
    cuts = [tape.number(256) for _ in range(tape.number(6))]
    data += tape.rest()
    fed = _feed(hello, data, cuts)
    if hello.state == "proved":
        expect(data.startswith(genuine), "only the genuine bytes prove a key")
        expect(hello.rest == data[len(genuine) : fed], "what follows the hello is kept whole")
    else:
        expect(hello.peer is None, "who is not proved is nobody")
        expect(not data.startswith(genuine), "the genuine bytes prove a key")


def changed(tape: Tape, data: bytearray, other: bytes) -> bytes:
    """The bytes with up to three changes, which may be parts of the others; longer ones than a tape's number are changed anywhere."""
    for _ in range(tape.number(4)):
        at, kind = tape.number(256 if len(data) <= 256 else MOST) % len(data), tape.number(5)
        if kind == 0:
            data[at] ^= 1 << tape.number(8)
        elif kind == 1:
            data[at:] = other[at:]
        elif kind == 2:
            del data[at:]
            data += b"\0"
        elif kind == 3:
            data[at:at] = tape.some(8)
        else:
            data[:at] = other[:at]
    return bytes(data)


def _feed(hello: Hello, data: bytes, cuts: list[int]) -> int:
    """Feed until a key is proved or the hello fails; where."""
    at = 0
    for size in [*cuts, len(data)]:
        part, at = data[at : at + size], at + size
        try:
            hello.feed(part)
        except ProtocolError:
            expect(hello.state == "failed", "a hello that failed stays so")
            break
        expect(len(hello._buffer) <= BOUND, "what is kept of a stranger is bounded")
        if hello.state == "proved":
            break
    return at


def check_certificate(tape: Tape) -> None:
    """A certificate is one with an Ed25519 key, or nobody is proved."""
    certificate = changed(tape, bytearray(_certificate()), _certificate()[::-1]) + tape.rest()
    try:
        found = key_in(certificate)
    except ProtocolError:
        return
    expect(len(found) == 32, "a key has 32 bytes")


@cache
def _certificate() -> bytes:
    return certificate_of(keys()[0])


def check_address(tape: Tape) -> None:
    """An address holds as its key signed it; a designator is read or refused."""
    genuine = sign_address(keys()[2], {"tls": "127.0.0.1:1"}, 5)
    fields: list[object] = [genuine.key, genuine.hints, genuine.serial, genuine.signature]
    at = tape.number(5)
    wrong: tuple[object, ...] = (None, 5, True, -1, 10**40, "x", tape.some(70), [], {}, {"a": 1}, {"tls": "\0"}, b"")
    if at < 4:
        fields[at] = tape.choose(wrong)
    address = SignedAddress(*fields)  # type: ignore[arg-type]  # as it comes over the wire
    expect(
        address.holds() == (fields[:] == [genuine.key, genuine.hints, 5, genuine.signature]),
        "only what was signed holds",
    )
    given = tape.rest().decode("utf-8", "replace")
    try:
        public = public_of(given)
    except Exception as error:  # noqa: BLE001  # which one is the check
        expect(type(error).__name__ == "BadArgument", f"a designator is refused with BadArgument, not {error!r}")
    else:
        expect(designator_of(public) == given, "a designator has one form")


TARGETS: Final = (
    Target("hello", "only the genuine bytes prove a key", check_hello, lambda: [b"\0\0\0", b"\1\0\0"], share=48),
    Target("certificate", "an Ed25519 key, or nobody", check_certificate, lambda: [b"\0", b"\1\7\0\3"], share=32),
    Target("address", "signed addresses, designators", check_address, lambda: [b"\4", b"\0\5"], share=24),
)
