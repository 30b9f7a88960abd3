"""What the tests of sessions share: a server's desk and part, sinks, and how long anything may take."""

from __future__ import annotations

import asyncio
import builtins
import threading
import weakref
from contextlib import asynccontextmanager

from remit.ensemble.repl import Desk, Eval
from remit.lib import membrane
from remit.vat import Vat, actor, call, spawn

DEADLINE = 20.0
OVER: list[bool] = []
"""Whether the test is over: code that was left behind would use up the processor while all later tests run. `over` to what is evaluated; looking at it calls nothing."""
KNOWN: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
"""Threads that go on all the same."""


@actor(kind="test.repl.counter")
class Counter:
    """What evaluated code calls."""

    n: int = 0

    def increment(self, by: int = 1):
        self.n += by
        return self.n


@actor(kind="test.repl.sink")
class Sink:
    """Listens."""

    texts: list

    def write(self, text):
        self.texts.append(text)

    def all(self):
        return "".join(self.texts)


@actor(kind="test.repl.granter")
class Granter:
    """Gives the part through a membrane, and takes it back."""

    part: object
    way: object = None

    def give(self):
        self.way = membrane(self.part)
        return call(self.way).root()

    def take_back(self):
        call(self.way).revoke("enough")


class Stage:
    """A server's vat with its desk. `part` is for `who`."""

    def __init__(self, vat):
        self.vat = vat
        self.counter = vat.spawn(Counter)
        self.lines = []
        self.desk = Desk(
            lambda: {"vat": vat, "counter": self.counter},
            lambda: vat._awake,
            lambda *line: self.lines.append(list(line)),
        )
        self.device = vat.device("repl", self.desk)

    def part(self, who="me"):
        return self.vat.spawn(Eval, self.device, who)

    def sink(self):
        return self.vat.spawn(Sink, [])


@asynccontextmanager
async def stage():
    async with Vat("server") as vat:
        made = Stage(vat)
        try:
            yield made
        finally:
            made.desk.close()


def run(main):
    """A test on a real loop: threads don't heed virtual time."""

    async def bounded():
        async with asyncio.timeout(DEADLINE):
            await main()

    builtins.over = OVER
    try:
        asyncio.run(bounded())
    finally:
        OVER.append(True)
        for thread in threading.enumerate():
            if thread.name.startswith("remit-repl-") and thread not in KNOWN:
                thread.join(0.5)  # those in a call into C go on, and cost nothing
                KNOWN.add(thread)
        OVER.clear()


def on_stage(main):
    async def staged():
        async with stage() as made:
            await main(made)

    run(staged)


async def until(condition, seconds=DEADLINE):
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


__all__ = ["Counter", "Granter", "Sink", "Stage", "on_stage", "run", "spawn", "stage", "until"]
