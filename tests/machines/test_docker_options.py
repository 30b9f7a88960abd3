"""What a container may be made with, and who may say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from remit.errors import BadArgument, ProviderError
from remit.machines import BossSettings
from remit.machines._run_boss import make_providers
from remit.machines.docker._options import ContainerOptions, container_options, host_options
from remit.machines.docker._spec import container_spec
from remit.net import NodeKey


def test_options_are_read_as_they_are_written_on_a_command_line() -> None:
    """Sizes with units, ports with or without the machine's own; what is not said stays as the table has it."""
    _, defaults = host_options({"memory": "2g", "pids": 100})
    given = {"memory": "512m", "cpus": "0.5", "read_only": "no", "publish": "8080:80,9000", "user": "12345"}
    found = container_options(given, defaults)
    assert found == ContainerOptions(
        memory=512 << 20, cpus=0.5, pids=100, read_only=False, publish=((8080, 80), (9000, 9000)), user="12345:12345"
    )


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"memroy": "1g"}, "no option memroy: did you mean memory"),
        ({"memory": "much"}, "a size is a number of bytes, or such as 512m"),
        ({"memory": "1"}, "at least 6m"),
        ({"cpus": "-1"}, "a number of processors"),
        ({"cpus": "nan"}, "a number of processors"),
        ({"pids": "3"}, "at least 16"),
        ({"read_only": "perhaps"}, "say true or false"),
        ({"publish": "0.0.0.0:80"}, "cannot be used"),
        ({"publish": "70000"}, "1 to 65535"),
        ({"user": "root"}, "a user is a number"),
        ({"user": "0"}, "name another user"),
        ({"image": "../x"}, "an image is named as docker names it"),
        ({"mounts": "/:/host"}, "stands in its table in remit.toml"),
        ({"socket": "/tmp/other.sock"}, "stands in its table in remit.toml"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_can(given: dict[str, Any], why: str) -> None:
    """Misspelt names with the nearest one, wrong values with the form; and what gives a machine more of the host is for the table alone."""
    with pytest.raises(ProviderError, match=why):
        container_options(given)


def test_the_table_says_what_all_machines_have() -> None:
    """Of this host, and the defaults of each machine."""
    host, options = host_options(
        {"subnet": "10.9.8.0/24", "internal": True, "mounts": ["/srv:/srv", "/data:/data:rw"], "image": "mine:1"}
    )
    assert (host.subnet, host.internal) == ("10.9.8.0/24", True)
    assert host.mounts == (("/srv", "/srv", True), ("/data", "/data", False))
    assert options.image == "mine:1"
    for wrong in ({"subnet": "10.9.8.1/24"}, {"mounts": "srv:/srv"}, {"mounts": "/srv:/srv:no"}, {"sokcet": "/x"}):
        with pytest.raises(ProviderError, match=r"cannot be used|did you mean socket"):
            host_options(wrong)


def test_a_container_has_the_least_rights() -> None:
    """No capability, no new privileges, not root, nothing to write but its volume and memory; ports on loopback only."""
    host, options = host_options({"publish": "8080:80"})
    spec = container_spec("db_1", "remit-agent:1", options, host)
    made = spec["HostConfig"]
    assert spec["User"] == "10001:10001"
    assert (made["CapDrop"], made["SecurityOpt"], made["ReadonlyRootfs"]) == (["ALL"], ["no-new-privileges"], True)
    assert (made["Memory"], made["MemorySwap"], made["PidsLimit"]) == (1 << 30, 1 << 30, 512)
    assert made["PortBindings"] == {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}
    assert not {"Privileged", "CapAdd", "PidMode", "Devices", "Binds"} & made.keys()
    assert spec["Hostname"] == "db-1"


def test_a_table_that_cannot_be_used_keeps_the_boss_from_starting(tmp_path: Path) -> None:
    """With the provider's name, before anything is asked of an Engine."""
    settings = BossSettings(tmp_path, providers={"boxes": {"kind": "docker", "memroy": "1g"}})
    with pytest.raises(
        BadArgument, match="provider boxes: a docker provider has no option memroy: did you mean memory"
    ):
        make_providers(settings, NodeKey.generate())
