"""A network of nodes and its shadow: for each reference that an agent holds, the object that it must lead to.

A program is a list of steps, plain tuples, so that a failing one can be pasted as a test:

    ("spawn", a, x)         agent a makes object x and holds it
    ("meet", a, b)          agent a fetches agent b by its swiss number, and may use it at once
    ("give", a, b, x, y)    agent a sends what it holds as x to agent b, who holds it as y
    ("borrow", a, b, x, y)  agent a asks agent b for x, and uses the promise as y at once
    ("self", a, x, y)       agent a asks object x for itself, and holds the promise as y
    ("call", a, x)          agent a calls what it holds as x; calls are numbered
    ("drop", a, x)          agent a lets go of x
    ("deliver", k, n)       n messages of the k-th connection with any on its way
    ("run", a)              node a's vat takes its turns
    ("cut", a, b)           the connections between a and b break, with what is on its way
    ("evil", a, k)          the hostile node sends node a its k-th message
"""

from __future__ import annotations

import gc
import random
from typing import Any

from remit.captp import Session
from remit.captp._gifts import SLOW
from remit.errors import Missing
from remit.testing import HandNode, World
from remit.values import Symbol, encode
from remit.vat import PENDING, Failed, Promise, Ref, actor, final, send, spawn, tell, this
from tests.captp.hostile import deliver, desc, envelope, export, give, op, receive

Step = tuple[Any, ...]


@actor(kind="test.shadow.target")
class Target:
    """Writes down who called: the holder's node, the name it holds this under, the call's number."""

    name: str
    calls: list[Any] = []

    def note(self, holder: int, under: str, number: int) -> int:
        self.calls.append([holder, under, number])
        return number

    def me(self) -> Ref[Target]:
        return this()


@actor(kind="test.shadow.agent")
class Agent:
    """Holds references under names, and uses them as it is told; what it knows no name for is an error."""

    node: int
    held: dict[str, Any] = {}
    numbers: dict[str, int] = {}

    def take(self, name: str, ref: Any) -> None:
        self.held[name] = ref

    def lend(self, name: str) -> Any:
        if name not in self.held:
            raise Missing(f"nothing is held as {name}")
        return self.held[name]

    def drop(self, name: str) -> None:
        self.held.pop(name, None)

    def spawn(self, name: str) -> None:
        self.held[name] = spawn(Target, name)

    def give(self, to: str, name: str, under: str) -> None:
        tell(self.held[to]).take(under, self.held[name])

    def borrow(self, of: str, name: str, under: str) -> None:
        self.held[under] = self.held[of].lend(name)

    def itself(self, name: str, under: str) -> None:
        self.held[under] = self.held[name].me()

    def call(self, name: str) -> int:
        number = self.numbers[name] = self.numbers.get(name, 0) + 1
        tell(self.held[name]).note(self.node, name, number)
        return number


class Shadow:
    """Runs a program's steps, and checks at each that no call reaches what it should not."""

    def __init__(self, nodes: int) -> None:
        self.world = World()
        self.nodes = [self.world.node(f"n{i}") for i in range(nodes)]
        self.agents: list[Any] = []
        self.leads: dict[tuple[int, str], str] = {}  # (agent, name) -> the object it must lead to
        self.doubtful: set[tuple[int, str]] = set()  # may be broken: what it came from was, or a link was cut
        self.made: dict[str, tuple[int, Any]] = {}
        self.calls: dict[tuple[int, str], int] = {}
        self.evil: HandNode | None = None
        self.evil_sessions: dict[int, Session] = {}
        for i, node in enumerate(self.nodes):
            agent = node.vat.spawn(Agent, i)
            self.agents.append(agent)
            node.objects[b"agent %d" % i] = agent

    # --- steps ---------------------------------------------------------------------------------------------------

    def do(self, step: Step) -> None:
        """One step; one whose premise does not hold (any more) does nothing, so that programs can be shortened."""
        name, *args = step
        getattr(self, f"do_{name}")(*args)

    def do_spawn(self, a: int, x: str) -> None:
        if x not in self.made:
            self.tell(a, "spawn", x)
            self.nodes[a].vat.run()
            self.made[x] = a, self.agents[a]._at.held[x]
            self.leads[a, x] = x

    def do_meet(self, a: int, b: int) -> None:
        name = f"agent{b}"
        known = self.agents[a]._at.held.get(name)
        if a == b or (known is not None and not is_broken(known)):
            return
        here, there = self.nodes[a], self.nodes[b]
        found: list[Any] = []
        here.session_to(there.locator, found.append)
        if not found:
            self.world.settle()
        (session,) = found
        if isinstance(session, Session) and session.state == "open":
            self.agents[a].take(name, here.remote(session, b"agent %d" % b))
            self.leads[a, name] = name
            here.vat.run()

    def do_give(self, a: int, b: int, x: str, y: str) -> None:
        to = f"agent{b}"
        if self.holds(a, x) and self.holds(a, to) and (b, y) not in self.leads and a != b:
            self.tell(a, "give", to, x, y)
            self.leads[b, y] = self.leads[a, x]
            self.doubt((b, y), (a, x), (a, to))

    def do_borrow(self, a: int, b: int, x: str, y: str) -> None:
        of = f"agent{b}"
        if (b, x) in self.leads and self.holds(a, of) and (a, y) not in self.leads and a != b:
            self.tell(a, "borrow", of, x, y)
            self.leads[a, y] = self.leads[b, x]
            self.doubtful.add((a, y))  # it may not be there yet, or not any more

    def do_self(self, a: int, x: str, y: str) -> None:
        if self.holds(a, x) and (a, y) not in self.leads and not self.leads[a, x].startswith("agent"):
            self.tell(a, "itself", x, y)
            self.leads[a, y] = self.leads[a, x]
            self.doubt((a, y), (a, x))

    def do_call(self, a: int, x: str) -> None:
        if self.holds(a, x) and not self.leads[a, x].startswith("agent"):
            self.tell(a, "call", x)
            self.calls[a, x] = self.calls.get((a, x), 0) + 1

    def do_drop(self, a: int, x: str) -> None:
        if (a, x) in self.leads and not x.startswith("agent"):
            self.tell(a, "drop", x)
            self.nodes[a].vat.run()

    def do_deliver(self, k: int, n: int) -> None:
        for _ in range(n):
            pipes = self.world.pending()
            if not pipes:
                break
            self.world.pass_on(pipes[k % len(pipes)])

    def do_run(self, a: int) -> None:
        self.nodes[a].vat.run()

    def do_cut(self, a: int, b: int) -> None:
        for session in self.world.between(self.nodes[a], self.nodes[b]):
            self.world.cut(session)
            # Whatever went over it, or through somebody who used it, may be lost.
            self.doubtful.update(self.leads)

    def do_evil(self, a: int, k: int) -> None:
        session = self.evil_session(a)
        if session.state == "open":
            self.world.pipes[session].receiver.received(hostile_message(k))
            self.world.pipes[session].messages.clear()
            self.world.quiet()
            self.world.pipes[self.world.pipes[session].receiver].messages.clear()

    # --- their parts ------------------------------------------------------------------------------------------------

    def tell(self, a: int, selector: str, *args: Any) -> None:
        send(self.agents[a], selector, *args)
        self.nodes[a].vat.run()

    def holds(self, a: int, x: str) -> bool:
        return x in self.agents[a]._at.held

    def doubt(self, of: tuple[int, str], *by: tuple[int, str]) -> None:
        if self.doubtful & set(by):
            self.doubtful.add(of)

    def evil_session(self, a: int) -> Session:
        """The hostile node's session with node a; it is given one object of its own there, and nothing else."""
        if self.evil is None:
            self.evil = self.world.node("evil")
        if a not in self.evil_sessions:
            session = self.world.open(self.evil, self.nodes[a])
            self.world.settle()
            self.evil_sessions[a] = session
            bait = self.nodes[a].vat.spawn(Target, f"bait{a}")
            self.world.pipes[session].receiver.exports.add(bait)
        return self.evil_sessions[a]

    # --- what must hold -----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Each call has come to the right object, in order, and none twice."""
        for name, (_, target) in self.made.items():
            last: dict[tuple[int, str], int] = {}
            for holder, under, number in target._at.calls:
                assert self.leads.get((holder, under)) == name, f"a call of n{holder} on {under} came to {name}"
                assert number > last.get((holder, under), 0), (
                    f"n{holder}'s calls on {under} came out of order to {name}"
                )
                last[holder, under] = number
        for session in self.world.sessions():
            assert "FAULT" not in session.dump(), session.dump()

    def finish(self) -> None:
        """Everything arrives; then no call is missing where nothing was cut, and nothing is left in any table."""
        for session in self.evil_sessions.values():
            self.world.cut(session)
        self.world.settle()
        self.check()
        for (a, x), number in self.calls.items():
            if (a, x) not in self.doubtful:
                _, target = self.made[self.leads[a, x]]
                came = [n for holder, under, n in target._at.calls if (holder, under) == (a, x)]
                assert came == list(range(1, number + 1)), f"calls of n{a} on {x}: {came} came of {number}"
        for agent in self.agents:
            agent._at.held.__class__.__mro__[1].clear(agent._at.held)
        self.made.clear()
        self.agents.clear()
        for session in self.world.sessions() * SLOW:  # gifts whose receivers were cut off are taken back
            session.age_gifts()
        self.world.check_empty()


def is_broken(ref: Any) -> bool:
    """Whether a reference is of no use any more."""
    if isinstance(ref, Promise):
        ref = final(ref)._value if final(ref)._value is not PENDING else final(ref)
    return isinstance(ref, Failed) or getattr(ref._link, "state", "open") == "ended"


def hostile_message(k: int) -> bytes:
    """A message that looks valid, or nearly."""
    chance = random.Random(k)
    place = lambda: chance.choice([0, 1, 1, 2, 3, 4, 7, 50])  # noqa: E731
    descriptor = lambda: desc(chance.choice(["export", "import-object", "import-promise", "answer"]), place())  # noqa: E731
    to = lambda: chance.choice([export(place()), export(place()), desc("answer", place())])  # noqa: E731
    args: list[Any] = [
        Symbol(chance.choice(["note", "me", "fulfill", "break", "fetch", "deposit-gift", "withdraw-gift", "op:flush"])),
        *(
            chance.choice(
                [descriptor(), 1, b"x", "x", envelope(give()), envelope(receive()), [descriptor()], {"k": descriptor()}]
            )
            for _ in range(chance.randrange(3))
        ),
    ]
    answer = chance.choice([False, place()])
    resolver = chance.choice([False, desc("import-object", place()), descriptor()])
    message = chance.choice(
        [
            op("deliver", to(), args, answer, resolver),
            op("deliver", to(), args, answer, resolver),
            op("deliver", to(), args, answer, resolver),
            op("deliver-only", to(), args),
            op("listen", to(), descriptor(), chance.random() < 0.5),
            op("gc-exports", [place()], [chance.choice([0, 1, 1, 2, -1])]),
            op("gc-answers", [place()]),
            op("get", to(), "x", place()),
            op("index", to(), place(), place()),
            op("untag", to(), "x", place()),
            deliver(*args),
            chance.choice([op("abort", "enough"), op("start-session", 1, 2, 3, 4), op("unknown"), descriptor()]),
        ]
    )
    return encode(message)


def replay(nodes: int, program: list[Step]) -> None:
    """Run a program with its checks."""
    gc.collect()
    gc.disable()
    try:
        shadow = Shadow(nodes)
        for step in program:
            shadow.do(step)
            shadow.check()
        shadow.finish()
    finally:
        gc.enable()


class Writer:
    """Writes a random program whose steps mostly can be done."""

    def __init__(self, seed: int, nodes: int) -> None:
        self.chance = random.Random(seed)
        self.nodes = nodes
        self.names: list[tuple[int, str]] = []
        self.met: set[tuple[int, int]] = set()
        self.steps: list[Step] = []

    def fresh(self, a: int) -> str:
        self.names.append((a, f"x{len(self.names)}"))
        return self.names[-1][1]

    def held(self) -> tuple[int, str]:
        """Somebody who holds something, and what."""
        if not self.names or self.chance.random() < 0.03:
            self.write_spawn()
        return self.chance.choice(self.names[-10:])

    def other(self, a: int, *, met: bool = True) -> int:
        """Another node, which this one has met by then."""
        b = self.chance.choice([i for i in range(self.nodes) if i != a])
        if met and (a, b) not in self.met:
            self.met.add((a, b))
            self.steps.append(("meet", a, b))
        return b

    def write_spawn(self) -> None:
        a = self.chance.randrange(self.nodes)
        self.steps.append(("spawn", a, self.fresh(a)))

    def write_give(self) -> None:
        a, x = self.held()
        b = self.other(a)
        self.steps.append(("give", a, b, x, self.fresh(b)))

    def write_borrow(self) -> None:
        a, x = self.held()
        b = self.chance.choice([i for i in range(self.nodes) if i != a])
        if (b, a) not in self.met:
            self.met.add((b, a))
            self.steps.append(("meet", b, a))
        self.steps.append(("borrow", b, a, x, self.fresh(b)))

    def write_self(self) -> None:
        a, x = self.held()
        self.steps.append(("self", a, x, self.fresh(a)))

    def write_call(self) -> None:
        self.steps += [("call", *self.held())] * self.chance.randrange(1, 4)

    def write_drop(self) -> None:
        self.steps.append(("drop", *self.held()))

    def write_deliver(self) -> None:
        self.steps.append(("deliver", self.chance.randrange(12), self.chance.randrange(1, 5)))

    def write_cut(self) -> None:
        a = self.chance.randrange(self.nodes)
        b = self.other(a, met=False)
        self.steps.append(("cut", a, b))
        self.met -= {(a, b), (b, a)}

    def write_evil(self) -> None:
        self.steps.append(("evil", self.chance.randrange(self.nodes), self.chance.randrange(1 << 32)))


def program(seed: int, length: int, *, nodes: int, cuts: bool = False, evil: bool = False) -> list[Step]:
    """A random program."""
    writer = Writer(seed, nodes)
    kinds = {
        "spawn": 2,
        "give": 10,
        "borrow": 6,
        "self": 4,
        "call": 14,
        "drop": 2,
        "deliver": 12,
        "cut": int(cuts),
        "evil": 8 * evil,
    }
    for kind in writer.chance.choices(list(kinds), list(kinds.values()), k=length):
        getattr(writer, f"write_{kind}")()
    return writer.steps


def shortened(nodes: int, steps: list[Step], error: BaseException) -> list[Step]:
    """The program without the steps that its failure does not need."""
    size = len(steps) // 2
    while size:
        start = 0
        while start < len(steps):
            shorter = steps[:start] + steps[start + size :]
            if type(failure(nodes, shorter)) is type(error):
                steps = shorter
            else:
                start += size
        size //= 2
    return steps


def failure(nodes: int, steps: list[Step]) -> BaseException | None:
    try:
        replay(nodes, steps)
    except Exception as error:  # any fault is a finding
        return error
    return None


def hold(nodes: int, steps: list[Step]) -> None:
    """Run a program; if it fails, fail with a test that can be pasted."""
    error = failure(nodes, steps)
    if error is not None:
        short = shortened(nodes, steps, error)
        lines = "\n".join(f"        {step!r}," for step in short)
        raise AssertionError(
            f"{type(error).__name__}: {error}\n\ndef test_found() -> None:\n    replay({nodes}, [\n{lines}\n    ])\n"
        ) from error
