"""The file for docker-compose, in what its versions 1 (from 1.27) and 2 both read.

Each edge has a network of its own, without a way out, so that a component reaches those that it holds and is reached by those that hold it. Nothing is published to other hosts.
"""

from __future__ import annotations

from typing import Any, Final

from remit.app._graph import AppNode
from remit.app.hosting import PERSONA
from remit.app.targets.containers._image import USER
from remit.app.targets.containers._parts import HEALTHCHECK, environment, labels, restart_of, secrets
from remit.app.targets.containers._wired import DATA, KEEPS, Wired, edge_name

__all__ = ["compose_file"]

PIDS: Final = 256
_RESTART: Final = {"no": "no", "on-failure": "on-failure", "always": "unless-stopped"}


def compose_file(wired: Wired, image: str, subnets: dict[str, str]) -> dict[str, Any]:
    """The Compose file as data (Compose Specification)."""
    services = {node.name: _service(wired, node, image) for node in wired.hosted}
    networks = {
        edge_name(wired, edge): {
            "internal": True,
            "ipam": {"config": [{"subnet": subnets[edge_name(wired, edge)]}]},
            "labels": {"remit.app": wired.graph.app, "remit.id": edge.id},
        }
        for edge in wired.edges
    }
    volumes = {node.name: {"labels": labels(wired, node)} for node in wired.hosted if node.kind in KEEPS}
    files = {name: {"file": f"./secrets/{name}"} for name in sorted(wired.secrets)}
    made = {"services": services, "networks": networks, "volumes": volumes, "secrets": files}
    return {key: value for key, value in made.items() if value}


def _service(wired: Wired, node: AppNode, image: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "image": image,
        "build": "./image",
        "environment": environment(wired, node),
        "labels": labels(wired, node),
        "user": f"{USER}:{USER}",
        "read_only": True,
        "tmpfs": [f"{PERSONA}:mode=0700,uid={USER},gid={USER}", f"/tmp:mode=1777,uid={USER}"],  # noqa: S108  # in the container
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": PIDS,
        "init": True,
        "restart": _RESTART[restart_of(node)],
        "healthcheck": dict(HEALTHCHECK),
        "secrets": secrets(wired, node),
    }
    near = wired.near(node)
    if near:
        made["networks"] = {edge_name(wired, edge): None for edge in near}
    else:
        made["network_mode"] = "none"
    before = sorted({wired.graph.by_id[edge.target].name for edge in near if edge.source == node.id})
    if before:
        made["depends_on"] = before
    if node.kind in KEEPS:
        made["volumes"] = [f"{node.name}:{DATA}"]
    if node.kind == "command":
        made["profiles"] = ["commands"]
        made["restart"] = "no"
        del made["healthcheck"]
    return made
