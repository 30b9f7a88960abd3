"""What the descriptions of containers have in common, whichever engine reads them."""

from __future__ import annotations

from typing import Any, Final

from remit.app._graph import AppNode
from remit.app.hosting import HOME, PERSONA
from remit.app.targets.containers._wired import Wired

__all__ = ["HEALTHY", "LABELS", "PERSONA", "RESTARTS", "environment", "labels", "restart_of"]

HEALTHY: Final = ["test", "-f", f"{PERSONA}/{HOME}/ready"]
"""What says whether the component of a container is ready."""
HEALTHCHECK: Final = {"test": ["CMD", *HEALTHY], "interval": "5s", "timeout": "5s", "retries": 3, "start_period": "60s"}
"""The same for the Engine, which asks from time to time."""
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


def secrets(wired: Wired, node: AppNode) -> list[dict[str, Any]]:
    """The secrets of a container, and the files in which it finds them."""
    held = [{"source": name, "target": f"edge.{field}"} for field, name in sorted(wired.held[node.id].items())]
    return [{"source": wired.own[node.id], "target": "persona"}, *held]
