"""What is declared, as data: things (nodes), and who is to hold what of whom (links). Immutable; the same bytes every time.

It comes from `remit.toml` or from a program, and everything after that works from the data alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from remit.errors import BadArgument
from remit.graph._data import attenuation_of, plain
from remit.lib import FREE, Attenuation
from remit.values import record

__all__ = ["Graph", "Link", "Node", "Violation", "below", "levels", "part_of"]

VERSION: Final = 1
_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(/[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*", re.ASCII)


@record("remit.graph.node")
class Node:
    """One thing that is to be there. `id` is a path (`db`, `db/main`) that never changes its meaning; `kind` says what it is.

    `fields` is what is declared of it, as JSON has it; secrets never are in it, only where they are. `needs` names the nodes that have to be there first.
    `protect` refuses to remove it or to make it anew; `retain` has it kept when it is declared no longer; `external` says that
    others make it: it is linked to, and never made, changed or removed from here. One that needs others may come after them, by itself.
    """

    id: str
    kind: str
    fields: dict[str, Any]
    needs: Sequence[str] = ()
    protect: bool = False
    retain: bool = False
    external: bool = False

    @property
    def key(self) -> str:
        """What it is called in plans and ledgers: kind and id."""
        return f"{self.kind} {self.id}"

    def but(self, **changes: Any) -> Node:
        """The same node with these fields changed."""
        return self.__replace__(**changes)  # type: ignore[attr-defined,no-any-return]  # @record adds it


@record("remit.graph.link")
class Link:
    """One edge that is to be there: the node `grantee` holds the node `service`, under the last name of the path `id`, as far as `attenuation` goes.

    `interface` is what the holder counts on, "" if that is left open. `fields` is what else is declared of it.
    """

    id: str
    grantee: str
    service: str
    attenuation: Attenuation = FREE
    interface: str = ""
    kind: str = "binding"
    fields: dict[str, Any] | None = None

    @property
    def key(self) -> str:
        """What it is called in plans and ledgers: kind and id."""
        return f"{self.kind} {self.id}"

    def but(self, **changes: Any) -> Link:
        """The same link with these fields changed."""
        return self.__replace__(**changes)  # type: ignore[attr-defined,no-any-return]  # @record adds it


@record("remit.graph.violation")
class Violation:
    """Why a plan is refused: the name of the policy (or "protect"), what is wrong, and the ids that it is about."""

    policy: str
    text: str
    at: Sequence[str] = ()


@record("remit.graph.graph")
class Graph:
    """All that one project declares. `policies` are tables, for whoever checks them. `moved` has pairs of an old and a new id, which
    hold for everything below them, too.
    """

    project: str = ""
    nodes: Sequence[Node] = ()
    links: Sequence[Link] = ()
    policies: Sequence[dict[str, Any]] = ()
    moved: Sequence[Sequence[str]] = ()
    version: int = VERSION

    def checked(self) -> Graph:
        """The same in its one order. Raises `BadArgument` that names what collides, what is not there, and what needs itself."""
        if self.version != VERSION:
            raise BadArgument(f"a graph of version {self.version}: this program knows version {VERSION}")
        nodes = sorted((_checked_node(node) for node in self.nodes), key=lambda node: node.key)
        links = sorted((_checked_link(link) for link in self.links), key=lambda link: link.key)
        known = _unique("node", nodes)
        _unique("link", links)
        for node in nodes:
            for need in node.needs:
                _there(known, need, f"{node.key} needs")
        for link in links:
            _there(known, link.grantee, f"{link.key} is to be held by")
            _there(known, link.service, f"{link.key} leads to")
        levels(nodes)
        moved = _checked_moves(self.moved, [*known, *(link.id for link in links)])
        policies = [plain(policy, "policy") for policy in self.policies]
        return Graph(self.project, nodes, links, policies, moved)

    @property
    def ids(self) -> list[str]:
        """All ids that are in it, those that links lead to included."""
        named = [id for link in self.links for id in (link.id, link.grantee, link.service)]
        return sorted({*(node.id for node in self.nodes), *named})

    @property
    def by_key(self) -> dict[str, Node | Link]:
        """Nodes and links by key."""
        found: dict[str, Node | Link] = {node.key: node for node in self.nodes}
        found.update((link.key, link) for link in self.links)
        return found

    @staticmethod
    def of(given: Mapping[str, Any]) -> Graph:
        """The graph that `data` made this of."""
        nodes = [part_of(each) for each in given["nodes"]]
        links = [part_of(each) for each in given["links"]]
        rest = {name: given[name] for name in ("project", "policies", "moved", "version")}
        return Graph(nodes=nodes, links=links, **rest)  # type: ignore[arg-type]  # parts are told apart by what they have


def part_of(given: Mapping[str, Any]) -> Node | Link:
    """The node or link that `data` made this of."""
    if "grantee" in given:
        return Link(**{**given, "attenuation": attenuation_of(given["attenuation"])})
    return Node(**given)


def below(id: str, top: str) -> bool:
    """Whether an id is this one, or one below it."""
    return id == top or id.startswith(f"{top}/")


def levels(nodes: Iterable[Node], *, strict: bool = True) -> dict[str, int]:
    """How far up each node stands, by id: 0 for those that need nothing. Raises `BadArgument` that names a circle; or passes over it, where
    the nodes are of several graphs.
    """
    needs = {node.id: list(node.needs) for node in nodes}
    found: dict[str, int] = {}
    for id in needs:
        _climb(id, needs, found, strict)
    return found


def _climb(id: str, needs: Mapping[str, Sequence[str]], found: dict[str, int], strict: bool) -> None:
    """Without recursion: what needs what can be as deep as it likes."""
    path = [id]
    while path:
        here = path[-1]
        missing = [need for need in needs.get(here, ()) if need in needs and need not in found]
        if not strict:
            missing = [need for need in missing if need not in path]
        if here not in found and missing:
            if missing[0] in path:
                circle = [*path[path.index(missing[0]) :], missing[0]]
                raise BadArgument(f"these need each other: {' -> '.join(circle)}")
            path.append(missing[0])
            continue
        found.setdefault(here, 1 + max((found[need] for need in needs.get(here, ()) if need in found), default=-1))
        path.pop()


def _checked_id(what: str, id: object) -> str:
    if type(id) is not str or not _ID.fullmatch(id):
        raise BadArgument(
            f"{str(id)[:80]!r} cannot be the id of a {what}: it has names of letters, digits, '-' and '_', with '/' between them"
        )
    return id


def _checked_node(node: Node) -> Node:
    _checked_id(node.kind or "node", node.id)
    return node.but(fields=plain(node.fields, node.key), needs=sorted(set(node.needs)))


def _checked_link(link: Link) -> Link:
    _checked_id(link.kind or "link", link.id)
    fields = plain(link.fields, link.key) or None
    return link.but(attenuation=link.attenuation.checked(), fields=fields)


def _unique(what: str, parts: Sequence[Node] | Sequence[Link]) -> dict[str, Node | Link]:
    known: dict[str, Node | Link] = {}
    for part in parts:
        if part.id in known:
            raise BadArgument(
                f"{known[part.id].key} and {part.key} are two {what}s with one id: give one of them another"
            )
        known[part.id] = part
    return known


def _there(known: Mapping[str, object], id: str, what: str) -> None:
    if id not in known:
        near = get_close_matches(id, known, 1)
        hint = f"did you mean {near[0]}?" if near else "declare it"
        raise BadArgument(f"{what} {id}, which is not declared: {hint}")


def _checked_moves(moved: Sequence[Sequence[str]], ids: Iterable[str]) -> list[list[str]]:
    made: list[list[str]] = []
    for pair in moved:
        old, new = (_checked_id("thing", each) for each in pair)
        if below(new, old) or below(old, new):
            raise BadArgument(f"moved: from {old} to {new} leads nowhere: they are the same, or one is below the other")
        still = [id for id in ids if below(id, old)]
        if still:
            raise BadArgument(
                f"moved: {old} is to be {new}, and {still[0]} is declared as well: rename that, or remove the move"
            )
        made.append([old, new])
    return made
