"""The file for `docker stack deploy`.

Secrets of a swarm never change, so their names carry their content; services are found by the addresses of their tasks (`dnsrr`), which needs no virtual addresses of the kernel.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from remit.app._graph import AppNode
from remit.app.hosting import PERSONA
from remit.app.targets.containers._image import USER
from remit.app.targets.containers._parts import HEALTHY, environment, labels, restart_of
from remit.app.targets.containers._wired import DATA, KEEPS, Wired, edge_name

__all__ = ["stack_file"]

_CONDITIONS: Final = {"no": "none", "on-failure": "on-failure", "always": "any"}


def stack_file(wired: Wired, image: str, subnets: dict[str, str]) -> dict[str, Any]:
    """The stack as data (Compose file format 3.8, as the Engine's `docker stack` reads it)."""
    names = {
        name: f"{wired.graph.app}_{name}_{_short(path.read_bytes())}"[-64:] for name, path in wired.secrets.items()
    }
    made: dict[str, Any] = {
        "version": "3.8",
        "services": {node.name: _service(wired, node, image) for node in wired.hosted if node.kind != "command"},
        "secrets": {name: {"name": names[name], "file": f"./secrets/{name}"} for name in sorted(wired.secrets)},
    }
    networks = {
        edge_name(wired, edge): {
            "driver": "overlay",
            "internal": True,
            "ipam": {"config": [{"subnet": subnets[edge_name(wired, edge)]}]},
        }
        for edge in wired.edges
    }
    volumes: dict[str, Any] = {node.name: {} for node in wired.hosted if node.kind in KEEPS}
    if networks:
        made["networks"] = networks
    if volumes:
        made["volumes"] = volumes
    return made


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:10]


def _service(wired: Wired, node: AppNode, image: str) -> dict[str, Any]:
    own = {"source": wired.own[node.id], "target": "persona"}
    held = [{"source": name, "target": f"edge.{field}"} for field, name in sorted(wired.held[node.id].items())]
    private = {"uid": str(USER), "gid": str(USER), "mode": 0o400}
    made: dict[str, Any] = {
        "image": image,
        "environment": environment(wired, node),
        "user": f"{USER}:{USER}",
        "read_only": True,
        "volumes": [{"type": "tmpfs", "target": place} for place in (PERSONA, "/tmp")],  # noqa: S108  # in the container
        "cap_drop": ["ALL"],
        "init": True,
        "healthcheck": {
            "test": ["CMD", *HEALTHY],
            "interval": "5s",
            "timeout": "5s",
            "retries": 3,
            "start_period": "60s",
        },
        "secrets": [{**each, **private} for each in (own, *held)],
        "deploy": {
            "replicas": 1,
            "endpoint_mode": "dnsrr",
            "labels": labels(wired, node),
            "restart_policy": {"condition": _CONDITIONS[restart_of(node)], "delay": "1s"},
            "update_config": {"order": "stop-first", "failure_action": "rollback", "monitor": "20s"},
        },
    }
    near = [edge for edge in wired.edges if node.id in (edge.source, edge.target)]
    made["networks"] = [edge_name(wired, edge) for edge in near]
    if not near:
        made["networks"] = {}
    if node.kind in KEEPS:
        made["volumes"].append({"type": "volume", "source": node.name, "target": DATA})
    return made
