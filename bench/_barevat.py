"""The bound for a vat in plain Python: one queue of turns and promises of its own, and no rules at all."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from ._queue import BURST, RING, WINDOW, Counter


class Promise:
    __slots__ = ("done", "reactions", "value", "vat")

    def __init__(self, vat: BareVat) -> None:
        self.vat, self.value, self.done = vat, None, False
        self.reactions: list[tuple[Any, str]] = []

    def then(self, target: Any, verb: str) -> None:
        if self.done:
            self.vat.send(target, verb, (self.value,))
        else:
            self.reactions.append((target, verb))

    def resolve(self, value: Any) -> None:
        self.value, self.done = value, True
        for target, verb in self.reactions:
            self.vat.send(target, verb, (value,))


class BareVat:
    def __init__(self) -> None:
        self.turns: deque[tuple[Any, str, tuple[Any, ...], Promise | None]] = deque()

    def send(self, target: Any, verb: str, args: tuple[Any, ...] = (), promise: Promise | None = None) -> None:
        self.turns.append((target, verb, args, promise))

    def run(self) -> None:
        turns = self.turns
        while turns:
            target, verb, args, promise = turns.popleft()
            value = getattr(target, verb)(*args)
            if promise is not None:
                promise.resolve(value)


class Asker:
    """Asks from inside the vat, `width` at a time, until n answers came."""

    def __init__(self, vat: BareVat, counter: Counter, n: int, width: int) -> None:
        self.vat, self.counter, self.left, self.width = vat, counter, n, width

    def start(self) -> None:
        for _ in range(self.width):
            self.ask()

    def ask(self) -> None:
        promise = Promise(self.vat)
        self.vat.send(self.counter, "increment", (), promise)
        promise.then(self, "answered")

    def answered(self, value: int) -> None:
        self.left -= 1
        if self.left >= self.width:
            self.ask()


class Member:
    __slots__ = ("next", "vat")

    def __init__(self, vat: BareVat) -> None:
        self.vat = vat
        self.next: Member | None = None

    def token(self, left: int) -> None:
        if left:
            self.vat.send(self.next, "token", (left - 1,))


class Bare:
    def ask(self, n: int, width: int = 1) -> float:
        vat, counter = BareVat(), Counter()
        began = time.perf_counter()
        vat.send(Asker(vat, counter, n, width), "start")
        vat.run()
        took = time.perf_counter() - began
        assert counter.count == n, "calls were lost"
        return n / took

    def window(self, n: int) -> float:
        return self.ask(n, WINDOW)

    def tell(self, n: int) -> float:
        vat, counter = BareVat(), Counter()
        began = time.perf_counter()
        for _ in range(n // BURST):
            for _ in range(BURST):
                vat.send(counter, "increment")
            vat.run()
        return counter.count / (time.perf_counter() - began)

    def ring(self, n: int) -> float:
        vat = BareVat()
        ring = [Member(vat) for _ in range(RING)]
        for at, member in enumerate(ring):
            member.next = ring[(at + 1) % RING]
        began = time.perf_counter()
        vat.send(ring[0], "token", (n,))
        vat.run()
        return n / (time.perf_counter() - began)
