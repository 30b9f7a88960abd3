"""What is declared, what was applied, and what there is, brought together for commands."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from remit.cli._declared import Declared
from remit.cli._exit import BadConfig
from remit.cli._plan_text import worded
from remit.cli._secret import read_secret
from remit.errors import BadArgument, Conflict, Missing
from remit.graph import Graph, Hook, Known, Plan, Violation, check, plan
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


def world_of(
    boss: Ref[Any], project: Declared, *, say: Callable[[str], Any] = str, patience: float = 60.0
) -> BossWorld:
    """A boss as the world of this project's plans; `patience` in seconds, for each machine to come."""

    def owner(file: str) -> Secret:
        return Secret(read_secret(str(project.directory / file), "owner")[1])

    return BossWorld(boss, project.graph.project, owner=owner, say=say, patience=patience)


async def planned(world: BossWorld, graph: Graph, known: Known, directory: Path, adopt: Collection[str] = ()) -> Plan:
    """What is to be done now for a graph to come about. `directory` is where it is declared, and where functions of its policies are."""

    def violations(each: Graph) -> list[Violation]:
        return [*world.violations(each), *check(each, _hook(directory))]

    keys = list(graph.by_key) if "all" in adopt else adopt
    try:
        return plan(graph, known, await world.observe(), MACHINE_KINDS, violations, keys)
    except (BadArgument, Conflict, Missing) as error:  # in the planner's words, whose ids have another form
        raise type(error)(worded(error.message, set(graph.ids))) from None


def _hook(directory: Path) -> Callable[[str], Hook]:
    """Finds the functions that policies name, `module:function`, in modules beside the file that declares them."""

    def load(name: str) -> Hook:
        module, _, function = name.partition(":")
        sys.path.insert(0, str(directory))
        try:
            found = getattr(importlib.import_module(module), function, None)
        except ImportError as error:
            raise BadConfig(f"a policy names {name!r}, and {directory} has no such module: {error}") from None
        finally:
            sys.path.remove(str(directory))
        if not callable(found):
            raise BadConfig(f"a policy names {name!r}, and module {module} has no such function")
        return found  # type: ignore[no-any-return]  # whatever it gives is looked at

    return load
