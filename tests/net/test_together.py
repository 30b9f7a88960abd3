"""All messages of one read reach their receiver together, where it asks for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

from remit.net._stream import Framing, StreamChannel
from remit.values import LengthFramer, framed


class Plain:
    """A receiver that takes messages one by one."""

    def __init__(self, channel: Any) -> None:
        self.heard: list[Any] = []

    def received(self, message: bytes) -> None:
        self.heard.append(message)


class Gathering(Plain):
    """One that wants to know where a read begins and ends."""

    def together(self, work: Callable[[], None]) -> None:
        self.heard.append("begin")
        work()
        self.heard.append("end")


def heard(make: Callable[[Any], Plain], *reads: bytes) -> list[Any]:
    """What a receiver hears of these reads."""
    made: list[Plain] = []

    def receive(channel: Any) -> Any:
        made.append(make(channel))
        return made[0]

    channel = StreamChannel(
        mock.Mock(),
        Framing(framed, LengthFramer),
        transport="unix",
        name="a test",
        peer=None,
        uid=None,
        close_seconds=1.0,
        gone=lambda _: None,
    )
    channel.open(receive)
    for read in reads:
        channel.data_received(read)
    return made[0].heard


def test_the_messages_of_one_read_come_together() -> None:
    """Three messages in two reads are two gatherings; a read that completes none is no gathering."""
    stream = framed(b"one") + framed(b"two") + framed(b"three")
    assert heard(Gathering, stream[:10], stream[10:12], stream[12:]) == [
        "begin",
        b"one",
        b"two",
        "end",
        "begin",
        b"three",
        "end",
    ]


def test_a_receiver_need_not_gather() -> None:
    """Without `together` messages come one by one, as ever."""
    assert heard(Plain, framed(b"one") + framed(b"two")) == [b"one", b"two"]
