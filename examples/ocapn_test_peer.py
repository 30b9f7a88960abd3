"""The peer that the public OCapN test suite talks to: seven objects over tcp-testing-only.

    python examples/ocapn_test_peer.py --port 22045 [--dialect suite-2026-02] [--framing raw]

Prints the locator to hand to the suite, then serves until it is told to stop. `make conformance` runs the suite
against it in both dialects (`tools/conformance.py`).
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Callable
from typing import Any

from remit.captp import dialect
from remit.lib import SwissEntry
from remit.net import Network, Node, NodeKey, TcpTestingNetlayer
from remit.values import SturdyRef, Symbol
from remit.vat import Far, Promise, Ref, Vat, actor, promise, spawn


@actor(kind="ocapn.car")
class Car:
    """Says what it is."""

    colour: Symbol
    model: Symbol

    def __call__(self) -> str:
        return f"Vroom! I am a {self.colour.name} {self.model.name} car!"


@actor(kind="ocapn.car-factory")
class CarFactory:
    """Builds cars from one list of two symbols."""

    def __call__(self, spec: Any) -> Ref[Car]:
        colour, model = spec
        if not isinstance(colour, Symbol) or not isinstance(model, Symbol):
            raise TypeError("a car is made from two symbols: its colour and its model")
        return spawn(Car, colour, model)


@actor(kind="ocapn.car-factory-builder")
class CarFactoryBuilder:
    """Builds car factories."""

    def __call__(self) -> Ref[CarFactory]:
        return spawn(CarFactory)


@actor(kind="ocapn.echo")
class Echo:
    """Gives back what it gets, and keeps nothing."""

    def __call__(self, *args: Any) -> list[Any]:
        return list(args)


@actor(kind="ocapn.greeter")
class Greeter:
    """Greets whoever it is given."""

    def __call__(self, whom: Ref[Any]) -> None:
        whom("Hello")


@actor(kind="ocapn.promise-resolver")
class PromiseResolver:
    """Hands out a promise and the right to settle it."""

    def __call__(self) -> list[Promise[Any] | Ref[Any]]:
        return list(promise())


@actor(kind="ocapn.enlivener")
class Enlivener:
    """Turns a sturdyref into the object it stands for."""

    enliven: Far[Any]

    def __call__(self, sturdyref: SturdyRef) -> Promise[Any]:
        return self.enliven(sturdyref)


async def serve(netlayer: TcpTestingNetlayer, dialect_name: str, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    async with Vat("peer") as vat, Node(NodeKey.generate(), vat, dialect=dialect(dialect_name), believe=True) as node:
        await node.listen(netlayer)
        network = Network(node)
        objects = {
            b"JadQ0++RzsD4M+40uLxTWVaVqM10DcBJ": vat.spawn(CarFactoryBuilder),
            b"IO58l1laTyhcrgDKbEzFOO32MDd6zE5w": vat.spawn(Echo),
            b"VMDDd1voKWarCe2GvgLbxbVFysNzRPzx": vat.spawn(Greeter),
            b"IokCxYmMj04nos2JN1TDoY1bT8dXh6Lr": vat.spawn(PromiseResolver),
            b"gi02I1qghIwPiKGKleCQAOhpy3ZtYRpB": vat.spawn(Enlivener, vat.device("enliven", node.fetch_from)),
        }
        for swiss, ref in objects.items():
            await network.register(swiss, ref, SwissEntry("test suite"))
        ready(node.location("tcp-testing-only").uri())
        await stopped.wait()


def main() -> None:
    """Run the peer from the command line."""
    parser = argparse.ArgumentParser(description="The objects of the public OCapN test suite.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dialect", default="suite-2026-02")
    parser.add_argument("--framing", default="raw", help="how it begins where it dials: raw, or prefixed")
    given = parser.parse_args()
    netlayer = TcpTestingNetlayer(host=given.host, port=given.port, framing=given.framing)
    asyncio.run(serve(netlayer, given.dialect, lambda uri: print(uri, flush=True)))


if __name__ == "__main__":
    main()
