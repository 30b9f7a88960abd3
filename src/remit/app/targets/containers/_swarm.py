"""The file for `docker stack deploy`.

Secrets of a swarm never change, so their names carry their content; services are found by the addresses of their tasks (`dnsrr`), which needs no virtual addresses of the kernel.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from remit.app._graph import AppNode
from remit.app.hosting import PERSONA
from remit.app.targets.containers._image import USER
from remit.app.targets.containers._parts import HEALTHCHECK, environment, labels, restart_of, secrets
from remit.app.targets.containers._wired import DATA, KEEPS, Wired, edge_name

__all__ = ["stack_file"]

_CONDITIONS: Final = {"no": "none", "on-failure": "on-failure", "always": "any"}


def stack_file(wired: Wired, image: str, subnets: dict[str, str]) -> dict[str, Any]:
    """The stack as data (Compose file format 3.8, as the Engine's `docker stack` reads it)."""
    names = {name: _secret_name(wired.graph.app, name, path.read_bytes()) for name, path in wired.secrets.items()}
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


def _secret_name(app: str, name: str, data: bytes) -> str:
    """At most 64 characters that begin with a letter or digit, as the Engine has it; the end says which it is."""
    return f"{app}_{name}_{hashlib.sha256(data).hexdigest()[:10]}"[-64:].lstrip("-_.")


def _service(wired: Wired, node: AppNode, image: str) -> dict[str, Any]:
    private = {"uid": str(USER), "gid": str(USER), "mode": 0o400}
    made: dict[str, Any] = {
        "image": image,
        "environment": environment(wired, node),
        "user": f"{USER}:{USER}",
        "read_only": True,
        "volumes": [{"type": "tmpfs", "target": place} for place in (PERSONA, "/tmp")],  # noqa: S108  # in the container
        "cap_drop": ["ALL"],
        "init": True,
        "healthcheck": dict(HEALTHCHECK),
        "secrets": [{**each, **private} for each in secrets(wired, node)],
        "deploy": {
            "replicas": 1,
            "endpoint_mode": "dnsrr",
            "labels": labels(wired, node),
            "restart_policy": {"condition": _CONDITIONS[restart_of(node)], "delay": "1s"},
            "update_config": {"order": "stop-first", "failure_action": "rollback", "monitor": "20s"},
        },
    }
    near = wired.near(node)
    made["networks"] = [edge_name(wired, edge) for edge in near] if near else {}
    if node.kind in KEEPS:
        made["volumes"].append({"type": "volume", "source": node.name, "target": DATA})
    return made
