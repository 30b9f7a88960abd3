"""What is declared, what was applied, and what there is, brought together for commands."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from remit.cli._declared import Declared
from remit.cli._secret import read_secret
from remit.graph import Graph, Known, Plan, Violation, plan
from remit.ledger import SqliteLedger, open_ledger
from remit.machines import MACHINE_KINDS, BossWorld
from remit.values import Secret
from remit.vat import Ref

__all__ = ["opened", "planned", "world_of"]


@contextmanager
def opened(project: Declared) -> Iterator[SqliteLedger]:
    """The ledger of a project."""
    ledger = open_ledger(project.state, project.graph.project)
    try:
        yield ledger
    finally:
        ledger.close()


async def world_of(
    boss: Ref[Any], project: Declared, *, say: Callable[[str], Any] = str, patience: float = 60.0
) -> BossWorld:
    """A boss as the world of this project's plans; `patience` in seconds, for each machine to come."""

    def owner(file: str) -> Secret:
        return Secret(read_secret(str(project.directory / file), "owner")[1])

    planner = await boss.planner()
    return BossWorld(planner, project.graph.project, owner=owner, say=say, patience=patience)


async def planned(world: BossWorld, graph: Graph, known: Known, adopt: Collection[str] = ()) -> Plan:
    """What is to be done now for a graph to come about."""
    return plan(graph, known, await world.observe(), MACHINE_KINDS, _check, adopt)


def _check(graph: Graph) -> list[Violation]:
    return [Violation(each["name"], "this version cannot check policies") for each in graph.policies]
