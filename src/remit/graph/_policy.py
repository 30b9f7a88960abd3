"""Policies: what must hold of every graph that is applied, as tables of a declaration, and what violates them. Pure.

deny = { from = "public", to = "ledger" }             nothing of public reaches anything of ledger, not through others either; but by way of `gates`, or with no
more than `unless`
allow = { from = ["api", "report"], to = "ledger" }   nobody else holds anything of it
require = { from = "web-*", to = "logs/main" }        each of these reaches it
limit = { to = "db/main", read_only = true }          whoever holds it holds no more than this
limit = { expires = true }                            every link ends some day
most = { to = "db/main", holders = 3 }                no more hold it
python = "checks:weekday"                             a function of yours, which is given the graph
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from remit.errors import BadArgument
from remit.graph._authority import covers
from remit.graph._data import attenuation_of, canonical
from remit.graph._model import Graph, Link, Node, Violation
from remit.graph._reach import Reach
from remit.graph._selector import Selector, selector
from remit.lib import FREE, Attenuation

__all__ = ["Hook", "check", "check_policies"]

Hook = Callable[[Graph], Iterable[Violation | str] | None]
Load = Callable[[str], Hook]

_ATTENUATIONS: Final = tuple(FREE.__record_fields__)  # type: ignore[attr-defined]  # @record adds it
_VERBS: Final[dict[str, tuple[str, ...]]] = {
    "deny": ("from", "to", "direct", "unless", "gates"),
    "allow": ("from", "to", "unless"),
    "require": ("from", "to", "direct"),
    "limit": ("from", "to", "expires", *_ATTENUATIONS),
    "most": ("from", "to", "holders"),
    "python": (),
}


class _Policy:
    """One policy, read and checked."""

    def __init__(self, given: Mapping[str, Any], number: int) -> None:
        verbs = [verb for verb in _VERBS if verb in given]
        self.where = f"policy {given.get('name') or number}"
        if len(verbs) != 1:
            raise BadArgument(
                f"{self.where} has {' and '.join(verbs) or 'nothing to check'}: one of {', '.join(_VERBS)}"
            )
        self.verb = verbs[0]
        _known(given, ("name", "why", self.verb), self.where)
        self.rule: Any = given[self.verb]
        self.name = str(given.get("name") or f"{self.verb} {_short(self.rule)}")
        self.why = str(given.get("why") or "")
        if self.verb == "python":
            if not isinstance(self.rule, str) or ":" not in self.rule:
                raise BadArgument(f'{self.where}: python = "module:function"')
            return
        if not isinstance(self.rule, dict):
            raise BadArgument(f'{self.where}: {self.verb} = {{ from = "…", to = "…" }}')
        where = f"{self.where}: {self.verb}"
        _known(self.rule, _VERBS[self.verb], where)
        needed = {"deny": ("from", "to"), "allow": ("from", "to"), "require": ("from", "to"), "most": ("to", "holders")}
        for key in needed.get(self.verb, ()):
            if key not in self.rule:
                raise BadArgument(f"{where} lacks {key!r}")
        self.start = self._selector("from")
        self.end = self._selector("to")
        self.gates = self._selector("gates") if "gates" in self.rule else None
        self.direct = _flag(self.rule, "direct", where)
        self.unless = _attenuation(self.rule.get("unless", {"methods": []}), where)
        self.expires = _flag(self.rule, "expires", where)
        self.limit = _attenuation({key: self.rule[key] for key in _ATTENUATIONS if key in self.rule}, where)
        self.holders = self.rule.get("holders", 0)
        if type(self.holders) is not int or self.holders < 0:
            raise BadArgument(f"{where}: holders is a whole number")
        if self.verb == "limit" and not self.expires and self.limit == FREE:
            raise BadArgument(f"{where} limits nothing: give expires, {', '.join(_ATTENUATIONS)}")

    def _selector(self, key: str) -> Selector:
        return selector(self.rule[key], f"{self.where}: {self.verb}.{key}") if key in self.rule else Selector()

    def found(self, text: str, at: Sequence[str]) -> Violation:
        """A violation of it."""
        return Violation(self.name, f"{text}{f' ({self.why})' if self.why else ''}", list(at))


def check_policies(policies: Sequence[Mapping[str, Any]]) -> None:
    """Raise `BadArgument` for what is no policy, naming it and what it could be."""
    for number, given in enumerate(policies, 1):
        _Policy(given, number)


def check(graph: Graph, load: Load | None = None) -> list[Violation]:
    """What in the graph violates its own policies, each with the way that does it; [] if nothing does.

    `load` finds the function that a policy `python` names. It gives violations, or texts, or raises, which is a violation, too.
    """
    found: list[Violation] = []
    for number, given in enumerate(graph.policies, 1):
        policy = _Policy(given, number)
        if policy.verb == "python":
            found += _asked(policy, graph, load)
            continue
        unknown = policy.start.unknown(graph.nodes) or policy.end.unknown(graph.nodes)
        if unknown:
            found.append(policy.found(f"{policy.where} means nothing: {unknown}", []))
            continue
        found += _CHECKS[policy.verb](policy, graph)
    return found


def _deny(policy: _Policy, graph: Graph) -> Iterable[Violation]:
    reach = _reach(policy, graph)
    for node in graph.nodes:
        if policy.start.matches(node) and not policy.end.matches(node):
            yield from _reached(policy, reach, node)


def _allow(policy: _Policy, graph: Graph) -> Iterable[Violation]:
    holders = {node.id for node in graph.nodes if policy.start.matches(node)}
    for link in _links(policy.end, Selector(), graph):
        if link.grantee not in holders and not covers(policy.unless, link.attenuation.checked()):
            text = f"{link.grantee} holds {link.service} ({link.attenuation.describe()}) as {link.id}, and is not one of those that may"
            yield policy.found(text, [link.grantee, link.id, link.service])


def _reached(policy: _Policy, reach: Reach, node: Node) -> Iterable[Violation]:
    """Each service of `to` that the node reaches, unless by a link of another node of `from`: that is told there."""
    for way in reach.ways(node.id, through=not policy.direct):
        first, end = reach.node(way[0].grantee), reach.node(way[-1].service)
        told = first is not None and first.id != node.id and policy.start.matches(first)
        if end is not None and policy.end.matches(end) and not told:
            text = f"{node.id} reaches {end.id}: {reach.words(node.id, way)}"
            yield policy.found(text, [node.id, *(link.id for link in way), end.id])


def _require(policy: _Policy, graph: Graph) -> Iterable[Violation]:
    reach = Reach(graph)
    for node in graph.nodes:
        if policy.start.matches(node) and not policy.end.matches(node):
            ends = [reach.node(way[-1].service) for way in reach.ways(node.id, through=not policy.direct)]
            if not any(end is not None and policy.end.matches(end) for end in ends):
                yield policy.found(f"{node.id} reaches nothing of {_short(policy.rule['to'])}, and has to", [node.id])


def _limit(policy: _Policy, graph: Graph) -> Iterable[Violation]:
    for link in _links(policy.end, policy.start, graph):
        has = link.attenuation.checked()
        if policy.expires and has.until is None:
            yield policy.found(f"{link.id} ({link.service}: {has.describe()}) does not expire", [link.id, link.service])
        elif not covers(policy.limit, has):
            more = f"{link.id} ({link.service}: {has.describe()}) gives more than this: {policy.limit.describe()}"
            yield policy.found(more, [link.id, link.service])


def _most(policy: _Policy, graph: Graph) -> Iterable[Violation]:
    groups: dict[str, list[Link]] = {}
    for link in _links(policy.end, policy.start, graph):
        groups.setdefault(link.service, []).append(link)
    for service, links in sorted(groups.items()):
        holders = sorted({link.grantee for link in links})
        if len(holders) > policy.holders:
            text = f"{len(holders)} hold {service}, and {policy.holders} may: {', '.join(holders)}"
            yield policy.found(text, [service, *(link.id for link in links)])


def _asked(policy: _Policy, graph: Graph, load: Load | None) -> Iterable[Violation]:
    if load is None:
        raise BadArgument(f"{policy.where}: functions in Python cannot be asked here")
    function = load(policy.rule)
    try:
        answers = list(function(graph) or ())
    except Exception as error:  # noqa: BLE001  # a check that fails has not passed
        answers = [f"{policy.rule} failed: {type(error).__name__}: {error}"]
    return [policy.found(each, []) if isinstance(each, str) else each for each in answers]


_CHECKS: Final = {"deny": _deny, "allow": _allow, "require": _require, "limit": _limit, "most": _most}


def _reach(policy: _Policy, graph: Graph) -> Reach:
    gates = {node.id for node in graph.nodes if policy.gates is not None and policy.gates.matches(node)}
    return Reach(graph, lambda link: not covers(policy.unless, link.attenuation.checked()), gates)


def _links(end: Selector, start: Selector, graph: Graph) -> list[Link]:
    nodes = {node.id: node for node in graph.nodes}
    ends = [
        (link, nodes.get(link.grantee), nodes.get(link.service))
        for link in sorted(graph.links, key=lambda link: link.key)
    ]
    return [link for link, one, other in ends if one and other and start.matches(one) and end.matches(other)]


def _known(given: Mapping[str, Any], keys: Sequence[str], where: str) -> None:
    for key in given:
        if key not in keys:
            near = get_close_matches(key, keys, 1)
            raise BadArgument(f"{where} has no {key!r}: {f'did you mean {near[0]}?' if near else ', '.join(keys)}")


def _flag(rule: Mapping[str, Any], key: str, where: str) -> bool:
    found = rule.get(key, False)
    if type(found) is not bool:
        raise BadArgument(f"{where}: {key} is true or false")
    return found


def _attenuation(given: Any, where: str) -> Attenuation:
    if not isinstance(given, dict):
        raise BadArgument(f"{where}: an attenuation is a table, such as {{ read_only = true }}")
    try:
        return attenuation_of(given)
    except BadArgument as error:
        raise BadArgument(f"{where}: {error.message}") from None


def _short(rule: Any) -> str:
    return rule if isinstance(rule, str) else canonical(rule)
