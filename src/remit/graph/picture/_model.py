"""What is drawn: boxes for what stands by itself, with the services in it and what it holds of others. Made from graphs, plans and what there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from remit.graph._actual import Actual, Seen
from remit.graph._model import Graph, Link, Node
from remit.graph._steps import Plan, Step
from remit.lib import Attenuation
from remit.values import printable

__all__ = ["CHANGED", "GAINED", "LOST", "Box", "Hold", "Picture", "Service", "picture"]

GAINED: Final = "+"
LOST: Final = "-"
CHANGED: Final = "~"
_MARKS: Final = {
    "create": GAINED,
    "adopt": GAINED,
    "remove": LOST,
    "change": CHANGED,
    "replace": CHANGED,
    "move": CHANGED,
}


class Service(NamedTuple):
    """Something in a box that can be held: its id, its name within the box, what it is, and how a plan changes it ("" if not)."""

    id: str
    name: str
    note: str = ""
    mark: str = ""


class Hold(NamedTuple):
    """What a box holds of a service (an id), under which name, how much of it, and how far it is ("" where nobody has looked)."""

    id: str
    box: str
    name: str
    service: str
    words: str
    state: str = ""
    mark: str = ""


class Box(NamedTuple):
    """A machine, or a component that belongs to no other."""

    id: str
    note: str
    mark: str
    services: Sequence[Service]
    holds: Sequence[Hold]


class Picture(NamedTuple):
    """Everything that is drawn, in one order. All texts are printable, whoever they come from."""

    title: str
    boxes: Sequence[Box]

    @property
    def marked(self) -> bool:
        """Whether it shows the changes of a plan."""
        marks = [row.mark for _, row in self.rows] + [hold.mark for hold in self.holds]
        return any(marks)

    @property
    def rows(self) -> list[tuple[Box, Box | Service]]:
        """All that can be held, each with its box."""
        rows: list[tuple[Box, Box | Service]] = []
        for box in self.boxes:
            rows += [(box, box), *((box, service) for service in box.services)]
        return rows

    @property
    def holds(self) -> list[Hold]:
        """All that is held."""
        return [hold for box in self.boxes for hold in box.holds]


def picture(
    graph: Graph,
    actual: Actual | None = None,
    plan: Plan | None = None,
    words: Callable[[Attenuation], str] = Attenuation.describe,
) -> Picture:
    """The picture of a graph: with the states of what there is, if that is given, and with what a plan changes.

    `words` says for people what an attenuation lets through.
    """
    drawn = _Drawn(graph, actual, plan, words)
    title = graph.project or "what there is"
    return Picture(printable(title), [drawn.box(id) for id in sorted(drawn.tops)])


class _Drawn:
    """One picture in the making: parts by key, with those that a plan removes."""

    def __init__(
        self, graph: Graph, actual: Actual | None, plan: Plan | None, words: Callable[[Attenuation], str]
    ) -> None:
        self.words = words
        self.seen: Mapping[str, Seen] = {} if actual is None else actual.by_key
        self.looked = actual is not None
        self.steps: dict[str, Step] = {step.key: step for step in (plan.steps if plan is not None else ())}
        parts = graph.by_key
        for step in self.steps.values():
            if step.action == "remove" and step.before is not None:
                parts.setdefault(step.key, step.before)
        self.nodes = {part.id: part for part in parts.values() if isinstance(part, Node)}
        self.links = sorted((part for part in parts.values() if isinstance(part, Link)), key=lambda link: link.id)
        self.tops: dict[str, list[str]] = {}
        ends = [end for link in self.links for end in (link.grantee, link.service)]
        for id in sorted({*self.nodes, *ends}):
            self.tops.setdefault(self.top(id), []).append(id)

    def top(self, id: str) -> str:
        """The box of a node: the first part of its path that is a node, or the first part."""
        parts = id.split("/")
        for length in range(1, len(parts)):
            if "/".join(parts[:length]) in self.nodes:
                return "/".join(parts[:length])
        return id if id in self.nodes else parts[0]

    def box(self, id: str) -> Box:
        services = [self.service(each, id) for each in self.tops[id] if each != id]
        holds = [self.hold(link, id) for link in self.links if self.top(link.grantee) == id]
        return Box(printable(id), self.note(id), self.mark(self.nodes.get(id)), services, holds)

    def service(self, id: str, box: str) -> Service:
        return Service(printable(id), printable(id[len(box) + 1 :]), self.note(id), self.mark(self.nodes.get(id)))

    def hold(self, link: Link, box: str) -> Hold:
        mark, seen = self.mark(link), self.seen.get(link.key)
        words = self.words(link.attenuation)
        step = self.steps.get(link.key)
        if step is not None and mark == CHANGED and isinstance(step.before, Link):
            before = self.words(step.before.attenuation)
            words += f" (was {before})" if before != words else f" (was {step.before.service})"
        name = link.id[len(box) + 1 :] if link.id.startswith(f"{box}/") else link.id
        state = "" if seen is None or seen.state == "up" else f"{seen.state}{f': {seen.note}' if seen.note else ''}"
        return Hold(*map(printable, (link.id, box, name, link.service, words, state, mark)))

    def note(self, id: str) -> str:
        node = self.nodes.get(id)
        if node is None:
            return "not declared"
        seen, words = (
            self.seen.get(node.key),
            [] if "/" in id and isinstance(node.fields.get("kind"), str) else [node.kind],
        )
        words += [
            str(node.fields[name]) for name in ("provider", "kind", "image") if isinstance(node.fields.get(name), str)
        ]
        words += ["external"] if node.external else []
        if seen is not None:
            words.append(seen.state)
        elif self.looked and node.key not in self.steps:
            words.append("missing")
        return printable(" · ".join(dict.fromkeys(words)))

    def mark(self, part: Node | Link | None) -> str:
        step = self.steps.get(part.key) if part is not None else None
        return "" if step is None else _MARKS.get(step.action, "") if not step.anew else CHANGED
