"""What the descriptions of containers have in common, whichever engine reads them."""

from __future__ import annotations

from typing import Any, Final

from remit.app._graph import AppNode
from remit.app.hosting import HOME, PERSONA
from remit.app.targets.containers._wired import Wired

__all__ = ["HEALTHY", "LABELS", "PERSONA", "RESTARTS", "environment", "labels", "restart_of"]

HEALTHY: Final = ["test", "-f", f"{PERSONA}/{HOME}/ready"]
"""What says whether the component of a container is ready."""
LABELS: Final = ("remit.app", "remit.id")

RESTARTS: Final = {"never": "no", "on-failure": "on-failure", "always": "always"}


def restart_of(node: AppNode) -> str:
    """When it is started again: `no`, `on-failure` or `always`."""
    return RESTARTS[node.spec.get("restart", "always")] if node.spec.get("runs") else "always"


def environment(wired: Wired, node: AppNode) -> dict[str, str]:
    """What a container is told besides its secrets: nothing that is one."""
    return {"REMIT_PERSONA": node.id, "REMIT_DEPLOYED": wired.digest(node)}


def labels(wired: Wired, node: AppNode) -> dict[str, Any]:
    """By which all that is made is known as this application's."""
    return {"remit.app": wired.graph.app, "remit.id": node.id}
