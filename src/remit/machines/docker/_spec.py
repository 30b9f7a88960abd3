"""What the Engine is asked for when a machine's container is made (Docker Engine API v1.41, ContainerCreate). Pure data: no secret is among it."""

from __future__ import annotations

from typing import Any, Final

from remit.machines.docker._options import ContainerOptions, HostOptions

__all__ = ["STATE", "VOLUME", "container_spec", "machine_volume"]

VOLUME: Final = "/var/lib/remit"
STATE: Final = f"{VOLUME}/machine"
STOP_SECONDS: Final = 30  # for the services to end in order


def container_spec(name: str, image: str, options: ContainerOptions, host: HostOptions) -> dict[str, Any]:
    """The body of the request for the container of a machine of this name, without what it runs, its labels, its volume and its network."""
    return {
        "Image": image,
        "Hostname": name.replace("_", "-"),
        "User": options.user,
        "WorkingDir": VOLUME,
        "Env": [f"HOME={STATE}", "PYTHONDONTWRITEBYTECODE=1"],
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "SIGTERM",
        "StopTimeout": STOP_SECONDS,
        "ExposedPorts": {f"{there}/tcp": {} for _, there in options.publish},
        "HostConfig": _host_config(options, host),
    }


def _host_config(options: ContainerOptions, host: HostOptions) -> dict[str, Any]:
    user = options.user.split(":")[0]
    return {
        "Init": True,  # the agent's services leave processes for a first one to reap
        "ReadonlyRootfs": options.read_only,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Memory": options.memory,
        "MemorySwap": options.memory,  # of both together: no swap
        "NanoCpus": int(options.cpus * 1_000_000_000),
        "PidsLimit": options.pids,
        "IpcMode": "private",
        "Tmpfs": {
            "/tmp": f"rw,nosuid,nodev,size={options.tmpfs},mode=1777",  # noqa: S108  # the machine's own
            "/run": f"rw,nosuid,nodev,noexec,size={options.tmpfs},mode=0755,uid={user}",
        },
        "Mounts": [_bind(*mount) for mount in host.mounts],
        "PortBindings": {
            f"{there}/tcp": [
                {"HostIp": "127.0.0.1", "HostPort": str(here)} for here, inner in options.publish if inner == there
            ]
            for _, there in options.publish
        },
        "RestartPolicy": {"Name": "unless-stopped"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}},
    }


def machine_volume(name: str) -> dict[str, Any]:
    """Where the machine has the volume of this name; nothing of the image goes into it."""
    return {"Type": "volume", "Source": name, "Target": VOLUME, "VolumeOptions": {"NoCopy": True}}


def _bind(here: str, there: str, read_only: bool) -> dict[str, Any]:
    return {"Type": "bind", "Source": here, "Target": there, "ReadOnly": read_only}
