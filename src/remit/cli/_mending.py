"""Putting right what was found, and named: restoring what was applied, or having the state follow what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from remit.cli._looking import INSIDE, Inside, look_inside
from remit.errors import Conflict, Missing
from remit.graph import (
    Actual,
    Finding,
    Graph,
    Known,
    Late,
    Link,
    Plan,
    Step,
    Violation,
    adoption,
    apply,
    check,
    digest,
    drift,
    only,
    plan,
)
from remit.ledger import LedgerJournal, SqliteLedger
from remit.machines import MACHINE_KINDS, BossWorld
from remit.vat import Ref

__all__ = ["Found", "adopt", "find", "restore"]


class Found(NamedTuple):
    """Everything that differs, with what could not be looked at, and the policies that what there is violates."""

    findings: list[Finding]
    notes: list[str]
    violations: list[Violation]
    actual: Actual

    def named(self, ids: Iterable[str], choice: str) -> list[Finding]:
        """The findings with these ids, all that can be for "all". `Missing` for one that is not there (any more), `Conflict` where the choice is not to be had."""
        chosen = []
        for id in ids:
            if id == "all":
                chosen += [each for each in self.findings if choice in each.can]
                continue
            match = next((each for each in self.findings if each.id == id), None)
            if match is None:
                raise Missing(f"nothing differs under the id {id[:40]!r} any more; look again with remit drift")
            if choice not in match.can:
                raise Conflict(f"{match.key} {match.what}: {getattr(match, choice)}")
            chosen.append(match)
        return chosen


async def find(
    boss: Ref[Any],
    world: BossWorld,
    known: Known,
    policies: Sequence[dict[str, Any]] = (),
    machines: Sequence[str] = (),
) -> Found:
    """Look at everything, or at these machines and what is below them."""
    actual = await world.observe()
    inside: Inside = await look_inside(boss, actual, machines)
    findings = [*drift(known, actual), *inside.findings]
    if machines:
        findings = [each for each in findings if each.key.partition(" ")[2].partition("/")[0] in machines]
    return Found(findings, inside.notes, _violations(actual, policies), actual)


def _violations(actual: Actual, policies: Sequence[dict[str, Any]]) -> list[Violation]:
    """What there is, judged by what is declared; functions in Python judge plans only."""
    parts = [seen.what for seen in actual.things if seen.state != "going"]
    links = [part for part in parts if isinstance(part, Link)]
    nodes = [part for part in parts if not isinstance(part, Link)]
    told = [policy for policy in policies if "python" not in policy]
    return [each for each in check(Graph("", nodes, links, told)) if each.at]


async def restore(
    boss: Ref[Any],
    world: BossWorld,
    ledger: SqliteLedger,
    journal: LedgerJournal,
    chosen: Sequence[Finding],
    tell: Callable[[Step, str], Any],
) -> list[Late]:
    """Make these as they were applied; gives what is not finished."""
    known = _settled(ledger)
    inspector, keys = await boss.inspector(), {each.key for each in chosen if each.what in ("missing", "changed")}
    for each in chosen:
        if each.what in INSIDE:
            await inspector.restore(each.at)
        elif each.what == "stopped":
            await inspector.start(each.key.partition(" ")[2])
        elif each.what == "gone":
            await (await boss.planner()).destroy(each.key.partition(" ")[2], each.at)
            keys |= {each.key, *_at(each.key.partition(" ")[2], known)}
    if not keys:
        return []
    actual = await world.observe()
    taken = {each.key for each in drift(known, actual) if each.what == "taken"}
    wanted = _without(known.graph, taken)
    made = plan(wanted, Known(known.project, known.serial, wanted, known.names), actual, MACHINE_KINDS)
    return await apply(only(made, keys), journal, world, tell)


def _at(machine: str, known: Known) -> set[str]:
    """What belongs to a machine, and the links at it."""
    ends = {
        part.key: ([part.grantee, part.service] if isinstance(part, Link) else [part.id])
        for part in known.graph.by_key.values()
    }
    return {key for key, ids in ends.items() if any(id.partition("/")[0] == machine for id in ids)}


def _without(graph: Graph, keys: set[str]) -> Graph:
    """The graph without these, and without the links at them."""
    nodes = [node for node in graph.nodes if node.key not in keys]
    ids = {node.id for node in nodes}
    links = [link for link in graph.links if link.key not in keys and {link.grantee, link.service} <= ids]
    return Graph(graph.project, [node for node in nodes if set(node.needs) <= ids], links)


async def adopt(
    boss: Ref[Any], ledger: SqliteLedger, journal: LedgerJournal, chosen: Sequence[Finding], actual: Actual
) -> list[Step]:
    """Have the state follow what there is; gives the steps, which changed the state only. What is gone inside is taken back at the boss."""
    known = _settled(ledger)
    for each in chosen:
        if each.what == "gone":
            await (await boss.planner()).destroy(each.key.partition(" ")[2], each.at)
        elif each.what == "account":
            await boss.revoke(each.at)
    steps = adoption(known, actual, chosen)
    journal.begin(Plan(known.project, steps, (), (), digest(known.graph), known.serial, ""))
    for step in steps:
        journal.done(step, step.name)
    journal.finish()
    return steps


def _settled(ledger: SqliteLedger) -> Known:
    known = ledger.known()
    if known.open:
        begun = ", ".join(step.key.replace("/", ".") for step in known.open)
        raise Conflict(f"a run was cut short, and has left begun: {begun}. Finish that first: remit up")
    return known
