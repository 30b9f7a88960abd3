"""The graph of an application: its components and edges as versioned data, the same bytes for the same program. Targets work from it alone.

It is computed twice, in two processes whose hashes differ, and compared: what differs is shown as a diff.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from remit.app._app import App, collected
from remit.app._component import Declaration, Edge
from remit.app._ids import physical_name
from remit.errors import BadArgument, Conflict
from remit.graph import Graph, Link, Node, below
from remit.lib import Attenuation, make_attenuation

__all__ = ["VERSION", "AppEdge", "AppGraph", "AppNode", "compare", "compute", "graph_schema", "twice"]

VERSION: Final = 1
KIND: Final = "remit.app.graph"


class AppNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A component. `id` never changes its meaning; `name` is what it is called where it runs; `spec` is what targets know of it."""

    id: str
    kind: str
    name: str
    spec: dict[str, Any]


class AppEdge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from", "target": "to"}):
    """What `source` holds of `target`, as far as `attenuation` goes ({}: all of it); `interface` is the class that it counts on."""

    id: str
    source: str
    target: str
    attenuation: dict[str, Any]
    interface: str

    @property
    def name(self) -> str:
        """The field of the holder."""
        return self.id.rpartition("/")[2]


class AppGraph(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of an application, in one order: nodes and edges by id, moves as declared."""

    app: str
    nodes: list[AppNode]
    edges: list[AppEdge]
    moved: list[tuple[str, str]] = []
    graph: str = KIND
    version: int = VERSION

    def canonical(self) -> str:
        """The JSON text, indented, keys in order: the same for the same program, to the byte."""
        text = msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=2)
        return text.decode() + "\n"

    @property
    def by_id(self) -> dict[str, AppNode]:
        """Nodes by id."""
        return {node.id: node for node in self.nodes}

    def edges_from(self, id: str) -> list[AppEdge]:
        """What a component holds."""
        return [edge for edge in self.edges if edge.source == id]

    def edges_to(self, id: str) -> list[AppEdge]:
        """Who holds a component."""
        return [edge for edge in self.edges if edge.target == id]

    def needs(self, id: str) -> list[str]:
        """What has to be ready before it: what it holds, but for what holds it by being above it."""
        return sorted({edge.target for edge in self.edges if edge.source == id and not below(id, edge.target)})

    def named(self, names: Mapping[str, str]) -> AppGraph:
        """The same with the physical names that are known already, by id; others get theirs, different from all of these."""
        taken = set(names.values())
        made: list[AppNode] = []
        for node in self.nodes:
            name = names.get(node.id) or physical_name(node.id, taken)
            taken.add(name)
            made.append(msgspec.structs.replace(node, name=name))
        return msgspec.structs.replace(self, nodes=made)

    def as_graph(self, *, shown: bool = False) -> Graph:
        """For the planner. Its links are `HOLDER/_FIELD`, so that their ids are apart from those of components when these are moved; for pictures (`shown`) they are the edges' own."""
        needs = {node.id: self.needs(node.id) for node in self.nodes}
        nodes = [Node(node.id, node.kind, _shown(node.spec), needs[node.id]) for node in self.nodes]
        links = [
            Link(
                edge.id if shown else f"{edge.source}/_{edge.name}",
                edge.source,
                edge.target,
                make_attenuation(**edge.attenuation),
                edge.interface,
                kind="edge",
            )
            for edge in self.edges
        ]
        return Graph(self.app, nodes, links, moved=[list(pair) for pair in self.moved])

    @staticmethod
    def of(text: str | bytes) -> AppGraph:
        """The graph of this JSON. Raises `BadArgument` that says where it is none."""
        try:
            found = msgspec.json.decode(text, type=AppGraph)
        except msgspec.DecodeError as error:
            raise BadArgument(f"no graph of an application: {error}") from None
        if (found.graph, found.version) != (KIND, VERSION):
            raise BadArgument(
                f"a graph {found.graph!r} of version {found.version}: this program knows {KIND!r}, version {VERSION}"
            )
        return found


def _shown(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec as plans show it: of methods their names, and which of them read or have keys."""
    fields = dict(spec)
    if "methods" in fields:
        fields["methods"] = [
            f"{each['name']}{' reads' * each['reads']}{' by key' * bool(each['keys'])}" for each in fields["methods"]
        ]
    return fields


def graph_schema() -> dict[str, Any]:
    """The JSON Schema of the graph's JSON."""
    return msgspec.json.schema(AppGraph)


def compute(app: App) -> AppGraph:
    """The graph of an application that was made."""
    nodes = [_node(declaration) for declaration in app.declarations.values()]
    edges = [_edge(edge) for declaration in app.declarations.values() for edge in declaration.edges.values()]
    made = AppGraph(
        app.name, sorted(nodes, key=lambda node: node.id), sorted(edges, key=lambda edge: edge.id), app.moves
    )
    return made.named({})


def twice(program: Callable[[], App | None]) -> AppGraph:
    """The graph of the application that a function makes, called twice. Raises `Conflict` with a diff where it makes two."""
    graphs = [compute(_called(program)) for _ in range(2)]
    compare(*(graph.canonical() for graph in graphs))
    return graphs[0]


def compare(first: str, second: str) -> None:
    """Raise `Conflict` with a diff where two computations of one graph differ."""
    if first != second:
        lines = list(
            difflib.unified_diff(first.splitlines(), second.splitlines(), "first", "second", "", "", 2, lineterm="")
        )
        more = f"\n… and {len(lines) - 40} lines more" if len(lines) > 40 else ""
        shown = "\n".join(lines[:40])
        raise Conflict(
            "start-up is not deterministic: the graph, computed twice, differs. Find what these lines come from (the order of a set, a counter of a module, what is read "
            f"from outside), and have it be the same each time; nothing was done.\n{shown}{more}"
        )


def _called(program: Callable[[], App | None]) -> App:
    with collected() as made:
        given = program()
    app = given if isinstance(given, App) else made[0] if made else None
    if app is None:
        raise BadArgument(f"{getattr(program, '__name__', program)} makes no application")
    return app


def _node(declaration: Declaration) -> AppNode:
    component = declaration.component
    spec: dict[str, Any] = {"class": declaration.kind_name, "hosted": component.hosted}
    if declaration.values:
        spec["fields"] = declaration.values
    if component.interface.methods:
        spec["methods"] = component.interface.as_data()
    return AppNode(str(declaration.id), component.kind, "", _plain(spec | component.spec(), str(declaration.id)))


def _edge(edge: Edge) -> AppEdge:
    interface = edge.target.component.interface.name
    return AppEdge(edge.id, str(edge.source.id), str(edge.target.id), _less(edge.attenuation), interface)


def _less(attenuation: Attenuation) -> dict[str, Any]:
    return {name: getattr(attenuation, name) for name in attenuation.kinds()}


def _plain(spec: Any, where: str) -> Any:
    """As JSON has it: records of fields become what they are made of."""
    try:
        return msgspec.json.decode(msgspec.json.encode(spec, enc_hook=_encoded))
    except (TypeError, NotImplementedError, ValueError) as error:
        raise BadArgument(f"{where} has a field that the graph cannot have: {error}") from None


def _encoded(value: Any) -> Any:
    if hasattr(value, "__record_values__"):
        return {"record": value.__record_label__, "fields": list(value.__record_values__())}
    raise NotImplementedError(f"{type(value).__name__} is no plain data")
