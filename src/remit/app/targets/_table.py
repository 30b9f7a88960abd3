"""The table of targets: each is a module or package of its own, loaded when it is used. Another target is another line."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import Final

from remit.app.targets._target import Target
from remit.errors import Missing

__all__ = ["TARGETS", "find_target"]

TARGETS: Final[dict[str, tuple[str, str]]] = {
    "in-process": ("remit.app.targets._in_process", "InProcessTarget"),
    "processes": ("remit.app.targets.processes", "ProcessesTarget"),
    "compose": ("remit.app.targets.containers", "ComposeTarget"),
    "swarm": ("remit.app.targets.containers", "SwarmTarget"),
    "kubernetes": ("remit.app.targets.containers", "KubernetesTarget"),
}


def find_target(name: str) -> type[Target]:
    """The target of this name. Raises `Missing` with those that there are."""
    if name not in TARGETS:
        near = get_close_matches(name, TARGETS, 1)
        raise Missing(
            f"there is no target {name!r}; {f'did you mean {near[0]}?' if near else 'there are: ' + ', '.join(TARGETS)}"
        )
    module, cls = TARGETS[name]
    found: type[Target] = getattr(import_module(module), cls)
    return found
