"""A network with a clock: every link has a delay of its own, and promises settle while messages are on their way through them.

A run is made from a seed. Agents on three or four nodes send numbered messages on references that begin as promises of other
nodes' oracles. An oracle answers later: with an object anywhere, the sender's own node included, or with the promise of another
oracle. What an agent sends on one reference must arrive all, once, and in order, wherever the reference leads by then.
"""

from __future__ import annotations

import gc
import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from typing import Any

from remit.testing import HandNode, Pipe, World
from remit.vat import Ref, actor, promise, send, tell

DURATION = 100.0
"""Units of time in which everything is sent; a link's mean delay is between 0.1 and 60 of them."""


@actor(kind="test.order.target")
class Target:
    """Writes down what comes: who sent it, on which reference, its number."""

    heard: list[Any] = []

    def note(self, sender: int, on: str, number: int) -> None:
        self.heard.append([sender, on, number])


@actor(kind="test.order.oracle")
class Oracle:
    """Promises an answer, to everybody the same, and gives it once it is told."""

    vow: Any = None
    resolver: Any = None

    def ask(self) -> Any:
        if self.vow is None:
            self.vow, self.resolver = promise()
        return self.vow

    def answer(self, value: Any) -> None:
        self.ask()
        self.resolver.fulfill(value)


@actor(kind="test.order.agent")
class Agent:
    """Holds references under names, and sends on them."""

    node: int
    held: dict[str, Any] = {}
    numbers: dict[str, int] = {}

    def take(self, name: str, ref: Any) -> None:
        self.held[name] = ref

    def ask(self, oracle: str, name: str) -> None:
        self.held[name] = self.held[oracle].ask()

    def answer(self, oracle: str, name: str) -> None:
        tell(self.held[oracle]).answer(self.held[name])

    def give(self, to: str, name: str, under: str) -> None:
        tell(self.held[to]).take(under, self.held[name])

    def call(self, name: str) -> None:
        if name in self.held:
            number = self.numbers[name] = self.numbers.get(name, 0) + 1
            tell(self.held[name]).note(self.node, name, number)

    def forget(self) -> None:
        for name in list(self.held):
            del self.held[name]


class Timed:
    """The network: messages of one link arrive in order, each after the link's own random delay."""

    def __init__(self, chance: random.Random) -> None:
        self.world = World()
        self.now = 0.0
        self.delays: dict[tuple[str, str], float] = {}
        self._chance = chance
        self._arrivals: dict[Pipe, deque[float]] = {}
        self._plans: list[tuple[float, int, Callable[[], None]]] = []
        self._counter = itertools.count()

    def at(self, time: float, what: Callable[[], None]) -> None:
        """Do something at this time."""
        heapq.heappush(self._plans, (time, next(self._counter), what))

    def run(self) -> None:
        """Let time pass until nothing moves and nothing is planned."""
        while True:
            self._schedule()
            next_plan = self._plans[0][0] if self._plans else None
            coming = [(times[0], i, pipe) for i, (pipe, times) in enumerate(self._arrivals.items()) if times]
            if not coming and next_plan is None:
                return
            if coming and (next_plan is None or min(coming)[0] < next_plan):
                self.now, _, pipe = min(coming)
                self._arrivals[pipe].popleft()
                self.world.pass_on(pipe)
            else:
                self.now, _, what = heapq.heappop(self._plans)
                what()

    def _schedule(self) -> None:
        """Say when those messages arrive that have been sent meanwhile."""
        for pipe in self.world.pending():
            times = self._arrivals.setdefault(pipe, deque())
            while len(times) < len(pipe.messages):
                earliest = times[-1] if times else self.now
                times.append(max(earliest, self.now + self._delay(pipe)))

    def _delay(self, pipe: Pipe) -> float:
        """What one message takes on one link, one way; each has its own scale."""
        link = (pipe.sender.home.vat.name, pipe.receiver.home.vat.name)
        if link not in self.delays:
            self.delays[link] = 0.1 * 600 ** self._chance.random()
        return self.delays[link] * self._chance.expovariate(1.0)


class Run:
    """One run of one seed."""

    def __init__(self, seed: int, nodes: int) -> None:
        self.chance = random.Random(seed)
        self.timed = Timed(self.chance)
        self.world = self.timed.world
        self.nodes = [self.world.node(f"n{i}") for i in range(nodes)]
        self.agents: list[Ref[Agent]] = [node.vat.spawn(Agent, i) for i, node in enumerate(self.nodes)]
        self.targets: list[tuple[str, Any]] = []
        self.oracles: list[tuple[str, int]] = []
        self.leads: dict[str, str] = {}  # an oracle, or a reference's name -> the target that it comes to
        self.sent: dict[tuple[int, str], str] = {}
        self.count = 0  # of messages, once it is over
        self._meet()

    # --- who knows whom, before anything is sent ---------------------------------------------------------

    def _meet(self) -> None:
        for i, node in enumerate(self.nodes):
            self._offer(node, f"agent{i}", self.agents[i])
            for _ in range(2):
                name = f"target{len(self.targets)}"
                target = node.vat.spawn(Target)
                self.targets.append((name, target))
                self._offer(node, name, target)
                self.leads[name] = name
            for _ in range(2):
                name = f"oracle{len(self.oracles)}"
                self.oracles.append((name, i))
                self._offer(node, name, node.vat.spawn(Oracle))
        for a, b in itertools.permutations(range(len(self.nodes)), 2):
            self._introduce(a, b)
        for node in self.nodes:
            node.objects.clear()
        self.world.settle()

    def _offer(self, node: HandNode, name: str, ref: Ref[Any]) -> None:
        node.objects[name.encode()] = ref
        self._tell(self.nodes.index(node), "take", name, ref)

    def _introduce(self, a: int, b: int) -> None:
        """Agent a gets what node b offers."""
        found: list[Any] = []
        self.nodes[a].session_to(self.nodes[b].locator, found.append)
        self.world.settle()
        for swiss in self.nodes[b].objects:
            self._tell(a, "take", swiss.decode(), self.nodes[a].remote(found[0], swiss))
        self.world.settle()

    def _tell(self, a: int, selector: str, *args: Any) -> None:
        send(self.agents[a], selector, *args)
        self.nodes[a].vat.run()

    # --- the plan -------------------------------------------------------------------------------------------

    def plan(self) -> None:
        """Who asks, who answers what, who sends, and when."""
        order = self.oracles[:]
        self.chance.shuffle(order)
        for at, (oracle, home) in enumerate(order):
            self._plan_answer(oracle, home, order[:at])
        names = [self._plan_asking() for _ in range(5)]
        names += [self._plan_gift(*self.chance.choice(names)) for _ in range(3)]
        for sender, name in names:
            for time in sorted(self._some_time() for _ in range(self.chance.randrange(5, 25))):
                self.timed.at(time, lambda sender=sender, name=name: self._call(sender, name))

    def _plan_answer(self, oracle: str, home: int, settled: list[tuple[str, int]]) -> None:
        """It answers with a target, or with the promise of an oracle that answers by itself."""
        time = self._some_time()
        if settled and self.chance.random() < 0.6:
            other, _ = self.chance.choice(settled)
            name = f"answer of {other} for {oracle}"
            self.timed.at(time * self.chance.random(), lambda: self._tell(home, "ask", other, name))
            self.leads[oracle] = self.leads[other]
        else:
            name, _ = self.chance.choice(self.targets)
            self.leads[oracle] = name
        self.timed.at(time, lambda: self._tell(home, "answer", oracle, name))

    def _plan_asking(self) -> tuple[int, str]:
        """An agent asks an oracle, and has a promise from then on."""
        oracle, _ = self.chance.choice(self.oracles)
        sender, name = self.chance.randrange(len(self.nodes)), f"x{len(self.sent)}"
        self.timed.at(0.3 * self._some_time(), lambda: self._tell(sender, "ask", oracle, name))
        self.leads[name] = self.leads[oracle]
        self.sent[sender, name] = self.leads[oracle]
        return sender, name

    def _plan_gift(self, giver: int, name: str) -> tuple[int, str]:
        """An agent passes on what it has, settled by then or not."""
        receiver = self.chance.choice([i for i in range(len(self.nodes)) if i != giver])
        under = f"x{len(self.sent)}"
        self.timed.at(30 + 0.5 * self._some_time(), lambda: self._tell(giver, "give", f"agent{receiver}", name, under))
        self.leads[under] = self.leads[name]
        self.sent[receiver, under] = self.leads[name]
        return receiver, under

    def _some_time(self) -> float:
        return self.chance.uniform(0.0, DURATION)

    def _call(self, sender: int, name: str) -> None:
        self._tell(sender, "call", name)

    # --- the judgement ----------------------------------------------------------------------------------------

    def check(self) -> int:
        """Each reference's messages are all at its target, once, in order; how many there were in all."""
        heard: dict[tuple[int, str], list[tuple[str, int]]] = {}
        for at, target in self.targets:
            for sender, name, number in target._at.heard:
                heard.setdefault((sender, name), []).append((at, number))
        count = 0
        for (sender, name), target in self.sent.items():
            number = self.agents[sender]._at.numbers.get(name, 0)
            came = heard.get((sender, name), [])
            wanted = [(target, i) for i in range(1, number + 1)]
            assert came == wanted, f"n{sender} on {name}: {number} messages to {target}, came {came}"
            count += number
        return count

    def finish(self) -> None:
        """Nothing is left in any table once nobody holds anything."""
        for agent in self.agents:
            send(agent, "forget")
        self.targets.clear()
        self.agents.clear()
        self.world.check_empty()


def run(seed: int, nodes: int) -> Run:
    """One run, with its checks; the error tells the seed."""
    gc.disable()
    try:
        one = Run(seed, nodes)
        one.plan()
        one.timed.run()
        try:
            one.count = one.check()
            one.finish()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {nodes} nodes: {error}") from None
        return one
    finally:
        gc.enable()
