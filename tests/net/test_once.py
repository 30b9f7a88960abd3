"""One question over a unix socket, without an event loop, to a node as all others ask."""

from __future__ import annotations

import asyncio

import pytest

from remit.captp import Once
from remit.errors import BadArgument, LinkLost, Missing, PeerUnproven, ProtocolError, Refused, Unreachable
from remit.net import NodeKey, ask_once
from remit.values import Locator, Record, Symbol, decode, encode, raw_record
from remit.values import SturdyRef as Way
from remit.vat import actor
from tests.net.nodes import Place, offer


@actor(kind="test.once.desk")
class Desk:
    """Answers, and breaks."""

    def add(self, a: int, b: int) -> int:
        return a + b

    def find(self, name: str) -> str:
        raise Missing(f"there is no {name}")


def test_a_question_is_answered_as_a_session_answers_it(tmp_path):
    """The value, or what it breaks with; afterwards the node holds nothing of it."""

    async def main():
        async with Place("unix", tmp_path).node() as node:
            way = await offer(node, node.vat.spawn(Desk))
            assert await asyncio.to_thread(ask_once, way, "add", 2, 3) == 5
            with pytest.raises(Missing, match="there is no lamp"):
                await asyncio.to_thread(ask_once, way, "find", "lamp")
            with pytest.raises(BadArgument):
                await asyncio.to_thread(ask_once, way, "add", "x", "y")
            with pytest.raises(Refused):
                await asyncio.to_thread(ask_once, Way(way.locator, b"w" * 32), "add", 2, 3)
            for _ in range(100):
                await asyncio.sleep(0.01)
                if not node._connections:
                    break
            assert not node._connections
            assert node.exported() == []

    asyncio.run(main())


def test_the_key_of_who_answers_is_proved(tmp_path):
    """Another node at the same socket is told nothing; nor is anybody where nobody listens."""

    async def main():
        async with Place("unix", tmp_path).node() as node:
            way = await offer(node, node.vat.spawn(Desk))
            other = Locator("remit", NodeKey.generate().designator, dict(way.locator.hints))
            with pytest.raises(PeerUnproven):
                await asyncio.to_thread(ask_once, Way(other, way.swiss), "add", 2, 3)
        with pytest.raises(Unreachable):
            ask_once(way, "add", 2, 3)
        with pytest.raises(Unreachable, match="no hint 'unix'"):
            ask_once(Way(Locator("remit", way.locator.designator, {}), way.swiss), "add", 2, 3)

    asyncio.run(main())


def once():
    key = NodeKey.generate()
    return Once(key, Locator("remit", key.designator, {}), b"s" * 32, "add", (2, 3))


def told(export, *words):
    return encode(Record(Symbol("op:deliver"), [Record(Symbol("desc:export"), [export]), list(words), False, False]))


def test_hello_fetch_and_call_leave_together_and_the_last_answer_counts():
    """Three messages there; a fetch that went well is no answer yet, and what else the peer says is let be."""
    question = once()
    sent = [decode(each, record=raw_record) for each in question.messages]
    assert [each.label.name for each in sent] == ["op:start-session", "op:deliver", "op:deliver"]
    assert sent[2].fields[0] == Record(Symbol("desc:answer"), [sent[1].fields[2]])
    question.received(question.messages[0])  # the peer's hello looks like ours
    question.received(told(1, Symbol("fulfill"), Record(Symbol("desc:import-object"), [1])))
    question.received(encode(Record(Symbol("op:gc-answers"), [[1]])))
    question.received(told(7, Symbol("fulfill"), 1))
    assert not question.done
    question.received(told(2, Symbol("fulfill"), 5))
    assert (question.done, question.value) == (True, 5)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (told(1, Symbol("break"), Record(Symbol("desc:error"), ["Refused: no [x-1]"])), Refused),
        (told(2, Symbol("break"), Record(Symbol("desc:error"), ["Missing: no [-]"])), Missing),
        (encode(Record(Symbol("op:abort"), ["enough"])), LinkLost),
        (encode(5), ProtocolError),
        (told(2, Symbol("break"), 5), ProtocolError),
        (b"<garbage", ProtocolError),
    ],
)
def test_what_breaks_it_is_raised(message, error):
    """The error that the object or the session answered with; what is no message breaks the protocol."""
    with pytest.raises(error):
        once().received(message)
