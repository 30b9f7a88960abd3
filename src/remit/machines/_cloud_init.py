"""The `#cloud-config` document of a new machine: all that a cloud, a hypervisor or a container needs to make it enrol. Pure.

    write_files    user data, readable by root alone, in a directory that root alone can enter; units; two scripts
    runcmd         remit-set-up: the user, the agent's code, the user data where the agent takes it, the units started

cloud-init keeps user data on disk, and so does whoever passed it on. When the agent has enrolled, `remit-forget` empties cloud-init's copies
(`docs/machines.md`, *cloud-init*, lists them and those that nobody on the machine can reach). A copy that stays is worth nothing but an alarm: an introduction works
for one key.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

from remit.errors import BadArgument
from remit.machines._cloud_scripts import (
    FORGET,
    AgentSetup,
    agent_unit,
    before_unit,
    enrolled_units,
    forward_units,
    set_up_script,
)

__all__ = ["CLOUD_LIMIT", "cloud_config", "meta_data"]

CLOUD_LIMIT: Final = 16 << 10  # bytes of user data that the strictest of the usual clouds takes (Amazon EC2)
STAGED: Final = "/root/.remit"  # where only root can enter already, whatever mode a file has at its first moment


def cloud_config(
    user_data: Mapping[str, Any],
    setup: AgentSetup | None = None,
    *,
    address: bytes = b"",
    files: Mapping[str, bytes] | None = None,
    limit: int = CLOUD_LIMIT,
) -> bytes:
    """The document by which a machine becomes the one of this user data. A secret, as it holds the introduction.

    `address` is the boss's signed current address, if it is known; `files` lie beside the user data until the agent is started, for `setup.install`. JSON is YAML, so no YAML is written. Raises `BadArgument` where `setup` cannot be
    written down, or where the document has more than `limit` bytes.
    """
    how = (setup or AgentSetup()).checked()
    told = json.dumps(dict(user_data))
    written = [_file(f"{STAGED}/user-data", told, "0600")]
    staged = {**({"boss.address": address} if address else {}), **(files or {})}
    for name, data in staged.items():
        written.append({**_file(f"{STAGED}/{name}", b64encode(data).decode(), "0600"), "encoding": "b64"})
    units = {"remit-agent.service": agent_unit(how), **before_unit(how), **enrolled_units(how), **forward_units(how)}
    written += [_file(f"/etc/systemd/system/{name}", text, "0644") for name, text in units.items()]
    written.append(_file("/usr/local/sbin/remit-set-up", set_up_script(how, STAGED), "0755"))
    if how.before:
        written.append(_file("/usr/local/sbin/remit-before", f"#!/bin/sh\n{how.before}\n", "0755"))
    written.append(_file("/usr/local/sbin/remit-forget", FORGET, "0755"))
    made = (
        b"#cloud-config\n" + json.dumps({"write_files": written, "runcmd": [["/usr/local/sbin/remit-set-up"]]}).encode()
    )
    if len(made) > limit:
        raise BadArgument(
            f"the user data of this machine takes {len(made)} bytes, and there is room for {limit}: tell its agent less, or bring it another way"
        )
    return made


def meta_data(id: str, hostname: str) -> bytes:
    """The `meta-data` of a NoCloud seed: cloud-init does once what it does for each `instance-id`."""
    return json.dumps({"instance-id": f"remit-{id}", "local-hostname": hostname}).encode() + b"\n"


def _file(path: str, content: str, mode: str) -> dict[str, str]:
    return {"path": path, "content": content, "permissions": mode, "owner": "root:root"}
