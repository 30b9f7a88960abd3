"""A WebSocket's opening, hello and frames, at the acceptor: bytes of a browser, of a foreign peer, of nobody."""

from __future__ import annotations

from functools import cache
from typing import Final

from websockets.client import ClientProtocol
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from fuzz._tape import Tape
from fuzz._target import Target, expect
from fuzz.hello import changed, keys
from remit.errors import LinkLost, ProtocolError
from remit.net import Hello
from remit.net._websocket_auth import NEWER, challenge
from remit.net._websocket_frames import Frames
from remit.net._websocket_hello import UPGRADE, Acceptance, Greeting
from remit.values import Limits

__all__ = ["TARGETS"]

LIMITS: Final = Limits(frame=500)
MESSAGES: Final = (b"", b"one", b"x" * 499, b"x" * 501)


def _hello(dialler: bool) -> Hello:
    ours, theirs, _ = keys()
    if dialler:
        return Hello(ours, nonce=bytes(32), binding=b"w", expected=theirs.public)
    return Hello(theirs, nonce=bytes([1]) * 32, binding=b"w")


def _acceptance() -> Acceptance:
    protocol = ServerProtocol(max_size=LIMITS.frame)
    return Acceptance(protocol, Frames(protocol, LIMITS), keys()[1], _hello(dialler=False), foreign=True)


def _client() -> tuple[ClientProtocol, Frames]:
    protocol = ClientProtocol(parse_uri("ws://127.0.0.1:1/"), max_size=LIMITS.frame)
    return protocol, Frames(protocol, LIMITS)


@cache
def _genuine() -> bytes:
    """All that a node says, up to messages of every size."""
    protocol, frames = _client()
    greeting, acceptance = Greeting(protocol, frames, _hello(dialler=True)), _acceptance()
    said = part = greeting.start()
    while not greeting.done:
        part = greeting.feed(acceptance.feed(part))
        said += part
    return said + b"".join(frames.frame(message) for message in MESSAGES)


@cache
def _foreign() -> bytes:
    """What a foreign peer says up to its challenge, in the form of a record."""
    protocol, frames = _client()
    protocol.send_request(protocol.connect())
    request = b"".join(protocol.data_to_send())
    protocol.receive_data(_acceptance().feed(request))
    list(protocol.events_received())
    return request + frames.frame(challenge(NEWER, bytes(32))) + frames.frame(b"<8'op:abort1\"x>")


def check_websocket(tape: Tape) -> None:
    """Only the genuine node is proved, frames give whole messages, and what is wrong is a `ProtocolError` or the end."""
    acceptance = _acceptance()
    foreign = tape.flag()
    genuine = _foreign() if foreign else _genuine()
    data = changed(tape, bytearray(genuine), _foreign()) + tape.some(60)
    size = 1 + tape.number(600)
    messages: list[bytes] = []
    for at in range(0, len(data), size):
        part = data[at : at + size]
        try:
            if acceptance.done:
                messages += acceptance.frames.feed(part)
            else:
                acceptance.feed(part)
        except (ProtocolError, LinkLost):
            break
        expect(acceptance.done or acceptance._got <= UPGRADE, "before the proof little is taken")
    expect(acceptance.peer in (None, keys()[0].public), "nobody but the genuine node is proved")
    expect(all(len(message) <= LIMITS.frame for message in messages), "no message is above the limit")


TARGETS: Final = (
    Target(
        "websocket", "opening, hello, frames", check_websocket, lambda: [b"\0\0\0", b"\1\0\0\5"], share=4, longest=200
    ),
)
