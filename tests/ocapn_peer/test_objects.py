"""The seven objects of the public OCapN suite's peer, served by the example over tcp-testing-only."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from remit.captp import dialect
from remit.errors import Broken, Missing, Refused
from remit.lib import SwissEntry
from remit.net import Network, Node, NodeKey, TcpTestingNetlayer
from remit.values import Locator, SturdyRef, Symbol
from remit.vat import Vat, send
from tests.captp.objects import Counter

TOP = Path(__file__).resolve().parents[2]
PEER = TOP / "examples" / "ocapn_test_peer.py"


def with_peer(work: Callable[[Node, Callable[[bytes], Awaitable[Any]]], Awaitable[None]], name: str) -> None:
    """Serve the objects in a process of their own, and talk to them in one dialect from a node here."""
    environment = {**os.environ, "PYTHONPATH": str(TOP / "src")}
    command = [sys.executable, str(PEER), "--dialect", name]
    peer = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert peer.stdout is not None

    async def main(uri: str) -> None:
        locator = Locator.parse(uri)
        async with Vat("suite") as vat, Node(NodeKey.generate(), vat, dialect=dialect(name), believe=True) as node:
            await node.listen(TcpTestingNetlayer())
            async with asyncio.timeout(30):
                await work(node, lambda swiss: node.fetch_from(SturdyRef(locator, swiss)))

    try:
        asyncio.run(main(peer.stdout.readline().strip()))
    finally:
        peer.terminate()
        peer.wait(10)
        peer.stdout.close()


@pytest.mark.parametrize("name", ["suite-2026-02", "ocapn-1.0"])
def test_the_seven_objects_answer_as_the_suite_expects(name: str) -> None:
    """Car factory builder, factory, car, echo, greeter, promise resolver, enlivener, in both dialects."""

    async def work(node: Node, fetch: Callable[[bytes], Awaitable[Any]]) -> None:
        builder = await fetch(b"JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ")
        assert await builder()([Symbol("red"), Symbol("zoomracer")])() == "Vroom! I am a red zoomracer car!"
        with pytest.raises(Broken, match="two symbols"):
            await builder()(["red", "zoomracer"])()
        echo = await fetch(b"IO58l1laTyhcrgDKbEzFOO32MDd6zE5w")
        assert await echo("foo", 1, False, b"bar", ["baz"]) == ["foo", 1, False, b"bar", ["baz"]]
        listener = node.vat.spawn(Counter)
        greeter = await fetch(b"VMDDd1voKWarCe2GvgLbxbVFysNzRPzx")
        await greeter(listener)
        vow, resolver = await (await fetch(b"IokCxYmMj04nos2JN1TDoY1bT8dXh6Lr"))()
        send(resolver, "fulfill", "now")
        assert await vow == "now"

    with_peer(work, name)


def test_the_enlivener_fetches_from_elsewhere() -> None:
    """It connects to the peer that a sturdyref names, which is this very process, and hands out what it finds there."""

    async def work(node: Node, fetch: Callable[[bytes], Awaitable[Any]]) -> None:
        counter = node.vat.spawn(Counter)
        await Network(node).register(b"mine", counter, SwissEntry("test"))
        enlivener = await fetch(b"gi02I1qghIwPiKGKleCQAOhpy3ZtYRpB")
        here = node.location("tcp-testing-only")
        found = await enlivener(SturdyRef(here, b"mine"))
        assert await found.increment(3) == 3
        with pytest.raises((Missing, Refused)):
            await enlivener(SturdyRef(here, b"not there"))

    with_peer(work, "ocapn-1.0")
