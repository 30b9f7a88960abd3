"""Manifests for Kubernetes: all of an application's pods are cut off, and a policy for each edge lets its two ends talk.

What keeps something is a StatefulSet with a claim, what does not is a Deployment; each has an account of its own that no token is mounted for, a secret of its own, and one for each edge that it holds. Nothing here was run by a cluster
of ours: the manifests are checked against Kubernetes' own schemas (docs/applications.md).
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Final

from remit.app._graph import AppEdge, AppNode
from remit.app.hosting import PERSONA, SECRETS
from remit.app.targets.containers._image import USER
from remit.app.targets.containers._parts import HEALTHY, environment, restart_of
from remit.app.targets.containers._wired import DATA, KEEPS, PORT, Wired, edge_name

__all__ = ["manifests"]

_SIZE: Final = "1Gi"


def manifests(wired: Wired, image: str, namespace: str) -> Iterator[dict[str, Any]]:
    """Each object, in the order in which they are to be made."""
    yield _object("v1", "Namespace", wired, namespace, "", {})
    yield _object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        wired,
        "nothing-by-default",
        namespace,
        {"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}},
    )
    yield _object("networking.k8s.io/v1", "NetworkPolicy", wired, "names", namespace, {"spec": _names()})
    for name in sorted(wired.secrets):
        data = {"value": b64encode(wired.secrets[name].read_bytes()).decode()}
        yield _object(
            "v1", "Secret", wired, _label(name), namespace, {"type": "Opaque", "immutable": False, "data": data}
        )
    for edge in wired.edges:
        yield from _policies(wired, edge, namespace)
    for node in wired.hosted:
        yield _object(
            "v1", "ServiceAccount", wired, node.name, namespace, {"automountServiceAccountToken": False}, node.id
        )
        if wired.graph.edges_to(node.id):
            yield _object("v1", "Service", wired, node.name, namespace, {"spec": _service(node)}, node.id)
        if node.kind != "command":
            yield _workload(wired, node, image, namespace)


def _object(
    version: str, kind: str, wired: Wired, name: str, namespace: str, more: dict[str, Any], id: str = ""
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "labels": {"app.kubernetes.io/part-of": _label(wired.graph.app)}}
    metadata["labels"]["app.kubernetes.io/managed-by"] = "remit"
    if namespace:
        metadata["namespace"] = namespace
    if id:
        metadata["annotations"] = {"remit/id": id}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def _label(text: str) -> str:
    """The text as a name that Kubernetes takes (RFC 1123); another text gets another one."""
    safe = text.lower().replace("_", "-")
    return safe if safe == text else f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _selector(node: AppNode) -> dict[str, Any]:
    return {"matchLabels": {"app.kubernetes.io/name": node.name}}


def _names() -> dict[str, Any]:
    """The cluster's name service, which all pods may ask."""
    to = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}]
    ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": to, "ports": ports}]}


def _policies(wired: Wired, edge: AppEdge, namespace: str) -> Iterator[dict[str, Any]]:
    """The holder may go out to the provider, and the provider lets it in."""
    source, target = wired.graph.by_id[edge.source], wired.graph.by_id[edge.target]
    ports = [{"protocol": "TCP", "port": PORT}]
    ways: tuple[tuple[str, AppNode, str, str, AppNode], ...] = (
        ("out", source, "egress", "to", target),
        ("in", target, "ingress", "from", source),
    )
    for suffix, here, way, field, there in ways:
        spec = {
            "podSelector": _selector(here),
            "policyTypes": [way.capitalize()],
            way: [{field: [{"podSelector": _selector(there)}], "ports": ports}],
        }
        yield _object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            wired,
            f"{edge_name(wired, edge)}-{suffix}",
            namespace,
            {"spec": spec},
            edge.id,
        )


def _service(node: AppNode) -> dict[str, Any]:
    return {
        "clusterIP": "None",
        "selector": {"app.kubernetes.io/name": node.name},
        "publishNotReadyAddresses": True,  # who waits for it to be ready asks it
        "ports": [{"name": "captp", "port": PORT, "protocol": "TCP"}],
    }


def _workload(wired: Wired, node: AppNode, image: str, namespace: str) -> dict[str, Any]:
    """A StatefulSet where it keeps something, a Job where it is done once, else a Deployment."""
    pod = _pod(wired, node, image)
    spec: dict[str, Any] = {"replicas": 1, "selector": _selector(node), "template": pod}
    if node.kind in KEEPS:
        claim = {
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": _SIZE}}},
        }
        spec |= {"serviceName": node.name, "volumeClaimTemplates": [claim]}
        return _object("apps/v1", "StatefulSet", wired, node.name, namespace, {"spec": spec}, node.id)
    if restart_of(node) != "always" and not wired.graph.edges_to(node.id):
        pod["spec"]["restartPolicy"] = "OnFailure" if restart_of(node) == "on-failure" else "Never"
        once = {"template": pod, "backoffLimit": 6 if restart_of(node) == "on-failure" else 0}
        return _object("batch/v1", "Job", wired, node.name, namespace, {"spec": once}, node.id)
    spec["strategy"] = {"type": "Recreate"}  # one of each: two at once would be two components
    return _object("apps/v1", "Deployment", wired, node.name, namespace, {"spec": spec}, node.id)


def _volumes(wired: Wired, node: AppNode) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The volumes of a pod, and where its container has them: its secrets as files, memory for its directory, and what it keeps."""
    files = {"persona": wired.own[node.id], **{f"edge.{field}": name for field, name in wired.held[node.id].items()}}
    sources = [
        {"secret": {"name": _label(name), "items": [{"key": "value", "path": file, "mode": 0o440}]}}
        for file, name in sorted(files.items())
    ]
    volumes: list[dict[str, Any]] = [
        {"name": "secrets", "projected": {"sources": sources}},
        {"name": "persona", "emptyDir": {"medium": "Memory"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    mounts: list[dict[str, Any]] = [
        {"name": "secrets", "mountPath": SECRETS, "readOnly": True},
        {"name": "persona", "mountPath": PERSONA},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # in the container
    ]
    if node.kind in KEEPS:
        mounts.append({"name": "data", "mountPath": DATA})
    return volumes, mounts


def _pod(wired: Wired, node: AppNode, image: str) -> dict[str, Any]:
    volumes, mounts = _volumes(wired, node)
    container = {
        "name": "component",
        "image": image,
        "env": [{"name": name, "value": value} for name, value in environment(wired, node).items()],
        "ports": [{"name": "captp", "containerPort": PORT}],
        "readinessProbe": {"exec": {"command": HEALTHY}, "periodSeconds": 5},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }
    return {
        "metadata": {
            "labels": {"app.kubernetes.io/name": node.name, "app.kubernetes.io/part-of": _label(wired.graph.app)},
            "annotations": {"remit/id": node.id, "remit/deployed": wired.digest(node)},
        },
        "spec": {
            "serviceAccountName": node.name,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": volumes,
        },
    }
