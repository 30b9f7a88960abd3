"""A world and a ledger in memory, in which plans are applied, and cut short wherever a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remit.errors import Conflict, Unreachable
from remit.graph import Actual, Done, Graph, Kind, Known, Late, Link, Node, Plan, Seen, Step, apply, below, plan
from remit.lib import Attenuation

KINDS = [
    Kind("machine", ["provider"], "everything that it keeps"),
    Kind("offer", ["kind"], "the object and what it keeps"),
]


class Killed(BaseException):
    """The process has ended here."""


def machine(id: str, provider: str = "process", **more: Any) -> Node:
    """A machine."""
    return Node(id, "machine", {"provider": provider}, **more)


def offer(id: str, kind: str = "table", **fields: Any) -> Node:
    """An offer of the machine that its path begins with."""
    return Node(id, "offer", {"kind": kind, **fields}, [id.partition("/")[0]])


def link(id: str, service: str, attenuation: Attenuation | None = None, **more: Any) -> Link:
    """A binding of the machine that its path begins with."""
    return Link(id, id.partition("/")[0], service, attenuation or Attenuation(), **more)


def graph(*parts: Node | Link, **more: Any) -> Graph:
    """A project's graph of these."""
    nodes = [part for part in parts if isinstance(part, Node)]
    links = [part for part in parts if isinstance(part, Link)]
    return Graph("shop", nodes, links, **more)


class MemoryLedger:
    """A ledger, and its own journal. `cut` is called before each write; what it raises is where the process ended."""

    def __init__(self) -> None:
        self.serial = 0
        self.parts: dict[str, Node | Link] = {}
        self.names: dict[str, str] = {}
        self.open: dict[str, Step] = {}
        self.writes: list[str] = []
        self.cut = lambda what: None

    def known(self) -> Known:
        nodes = [part for part in self.parts.values() if isinstance(part, Node)]
        links = [part for part in self.parts.values() if isinstance(part, Link)]
        return Known("shop", self.serial, Graph("shop", nodes, links), dict(self.names), list(self.open.values()))

    def begin(self, plan: Plan) -> None:
        if plan.serial != self.serial:
            raise Conflict("the ledger has moved")
        self._write("begin")

    def intent(self, step: Step) -> None:
        self._write(f"intent {step.action} {step.key}")
        self.open[step.key] = step

    def done(self, step: Step, name: str) -> None:
        self._write(f"done {step.action} {step.key}")
        self.serial += 1
        for key in {step.was or step.key, step.key}:
            self.parts.pop(key, None)
        known = self.names.pop(step.was, "") or self.names.pop(step.key, "")
        if step.after is not None:
            self.parts[step.key] = step.after
            self.names[step.key] = name or known
        self.open.pop(step.key, None)

    def finish(self) -> None:
        self._write("finish")
        self.open.clear()

    def _write(self, what: str) -> None:
        self.cut(what)
        self.writes.append(what)


class MemoryWorld:
    """What there is, by key, with all that was ever done to it. `away` has ids that cannot be reached."""

    def __init__(self) -> None:
        self.things: dict[str, Seen] = {}
        self.done: list[tuple[str, str]] = []
        self.away: set[str] = set()
        self.made = 0
        self.gone = False
        self.batches: list[int] = []

    def put(self, part: Node | Link, owner: str = "") -> str:
        """As if made, by hand or by a project."""
        self.made += 1
        seen = part.but(fields={**(part.fields or {})}) if isinstance(part, Node) else part
        self.things[part.key] = Seen(seen, owner, f"{part.id}-{self.made}")
        return self.things[part.key].name

    def actual(self) -> Actual:
        return Actual(list(self.things.values()))

    async def together(self, works: Sequence[Any]) -> Sequence[Any]:
        self.batches.append(len(works))
        return [await work() for work in works]

    async def alive(self) -> bool:
        return not self.gone

    async def settle(self) -> Sequence[Late]:
        return []

    async def do(self, step: Step) -> Done:
        if self.gone or step.part.id.partition("/")[0] in self.away:
            raise Unreachable(f"{step.part.id} is away")
        return Done(getattr(self, f"_{step.action}")(step))

    def _create(self, step: Step) -> str:
        there = self.things.get(step.key)
        if there is not None:
            assert there.owner == "shop" and there.what.but() == step.after, "made twice, or another's"
            return there.name
        ends = [step.after.grantee, step.after.service] if isinstance(step.after, Link) else list(step.after.needs)
        assert all(
            any(seen.what.id == end and isinstance(seen.what, Node) for seen in self.things.values()) for end in ends
        )
        self.done.append(("create", step.key))
        return self.put(step.after, "shop")

    def _replace(self, step: Step) -> str:
        there = self.things.pop(step.key, None)
        if there is not None and there.what == step.after:
            self.things[step.key] = there
            return there.name
        return self._create(step)

    def _change(self, step: Step) -> str:
        there = self.things[step.key]
        self.things[step.key] = Seen(step.after, there.owner, there.name)
        return there.name

    def _remove(self, step: Step) -> str:
        there = self.things.get(step.key)
        if there is not None and there.name == step.name:
            assert there.owner == "shop", "another's"
            if isinstance(there.what, Node):
                below_it = [
                    key
                    for key, seen in self.things.items()
                    if seen.what.id != there.what.id and below(seen.what.id, there.what.id)
                ]
                at_it = [
                    seen
                    for seen in self.things.values()
                    if isinstance(seen.what, Link) and there.what.id in (seen.what.service, seen.what.grantee)
                ]
                assert not [seen for seen in at_it if seen.owner == "shop"], "removed under what needs it"
                for key in below_it:
                    del self.things[key]
            self.done.append(("remove", step.key))
            del self.things[step.key]
        return ""

    def _move(self, step: Step) -> str:
        there = self.things.pop(step.was, None) or self.things[step.key]
        self.things[step.key] = Seen(step.after, there.owner, there.name)
        return there.name

    def _adopt(self, step: Step) -> str:
        there = self.things[step.key]
        self.things[step.key] = Seen(there.what, "shop", there.name)
        return there.name

    _note = _adopt

    def _forget(self, step: Step) -> str:
        there = self.things.get(step.key)
        if there is not None and there.owner == "shop":
            self.things[step.key] = Seen(there.what, "", there.name)
        return ""


class Town:
    """One project: its ledger and its world."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger()
        self.world = MemoryWorld()

    def plan(self, wanted: Graph, **more: Any) -> Plan:
        return plan(wanted, self.ledger.known(), self.world.actual(), KINDS, **more)

    def up(self, wanted: Graph, **more: Any) -> list[Late]:
        """Plan and apply."""
        return run(apply(self.plan(wanted, **more), self.ledger, self.world))


def run(coroutine: Any) -> Any:
    """A coroutine that waits for nothing outside."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


def actions(made: Plan) -> list[str]:
    """The steps in short."""
    return [f"{step.action} {step.key}" for step in made.steps]
