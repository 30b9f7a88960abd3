"""cloud-init's document for a machine: what it writes, who can read that, and that the introduction does not stay."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from remit.errors import BadArgument
from remit.machines import AgentSetup, cloud_config
from remit.machines._cloud_init import CLOUD_LIMIT, meta_data
from remit.machines._cloud_scripts import FORGET, agent_unit, enrolled_units, set_up_script

SECRET = "ocapn://x.remit/s/c3VwZXJzZWNyZXQ"
USER_DATA = {"version": 1, "machine": "db", "id": "db-1", "introduction": SECRET, "agent": {"classes": ["notes"]}}


def parsed(document: bytes) -> dict[str, Any]:
    """The document's own words."""
    head, _, rest = document.partition(b"\n")
    assert head == b"#cloud-config"
    made: dict[str, Any] = json.loads(rest)
    return made


def test_the_introduction_is_in_one_file_that_root_alone_can_read() -> None:
    """In a directory that nobody else can enter: cloud-init gives a file its mode only after it has written it."""
    made = parsed(cloud_config(USER_DATA, address=b"signed"))
    holding = [file for file in made["write_files"] if "c3VwZXJzZWNyZXQ" in json.dumps(file)]
    assert [(file["path"], file["permissions"]) for file in holding] == [("/root/.remit/user-data", "0600")]
    assert json.loads(holding[0]["content"]) == USER_DATA
    assert "c3VwZXJzZWNyZXQ" not in json.dumps(made["runcmd"])
    assert {file["permissions"] for file in made["write_files"] if file["path"].startswith("/root/")} == {"0600"}


def test_it_fits_what_clouds_take() -> None:
    """With room for what the agent is told; more is refused with the numbers, and nothing of what was in it."""
    assert len(cloud_config(USER_DATA)) < CLOUD_LIMIT / 2
    with pytest.raises(BadArgument, match=r"there is room for 16384") as caught:
        cloud_config({**USER_DATA, "agent": {"classes": ["x" * CLOUD_LIMIT]}})
    assert "c3VwZXJzZWNyZXQ" not in str(caught.value)


def test_an_agent_has_few_rights() -> None:
    """As a user of its own it writes to its state directory only; as root it cannot change programs."""
    own, root = agent_unit(AgentSetup()).splitlines(), agent_unit(AgentSetup(user="root")).splitlines()
    for lines in (own, root):
        assert {"NoNewPrivileges=yes", "PrivateTmp=yes", "KillMode=process", "Restart=on-failure"} <= set(lines)
    assert {"User=remit", "ProtectSystem=strict", "ReadWritePaths=/var/lib/remit", "CapabilityBoundingSet="} <= set(own)
    assert {"User=root", "ProtectSystem=full"} <= set(root)


def test_what_is_told_at_each_boot_is_a_unit_of_its_own() -> None:
    """The agent's unit may open no devices, not even before the agent is started: a seed disk could not be read there."""
    files = {
        file["path"]: file["content"]
        for file in parsed(cloud_config(USER_DATA, AgentSetup(before="true")))["write_files"]
    }
    assert files["/usr/local/sbin/remit-before"] == "#!/bin/sh\ntrue\n"
    assert "ExecStart=/usr/local/sbin/remit-before" in files["/etc/systemd/system/remit-before.service"]
    assert "After=remit-before.service" in files["/etc/systemd/system/remit-agent.service"]
    assert "ExecStartPre" not in files["/etc/systemd/system/remit-agent.service"]


def test_services_outlive_an_agent_that_is_started_again() -> None:
    """systemd ends the agent alone, and not what the agent's warden runs."""
    assert "KillMode=process" in agent_unit(AgentSetup())


@pytest.mark.parametrize(
    "setup",
    [
        AgentSetup(user="remit\nExecStartPre=/bin/false"),
        AgentSetup(user="-x"),
        AgentSetup(state="/"),
        AgentSetup(state="/var/lib/../../etc"),
        AgentSetup(state="/var/lib/x y"),
        AgentSetup(command=("/bin/agent", "a\nb")),
        AgentSetup(environment={"A": "b\nUser=root"}),
        AgentSetup(forwards={"127.0.0.1:1": "example.org:1"}),
    ],
    ids=lambda setup: repr(setup)[11:40],
)
def test_what_would_say_something_else_in_a_unit_is_refused(setup: AgentSetup) -> None:
    """No line can be slipped into a unit or a script by way of the configuration."""
    with pytest.raises(BadArgument, match="cannot"):
        cloud_config(USER_DATA, setup)


def test_words_are_quoted_as_systemd_reads_them() -> None:
    """Percent and dollar signs mean something to it."""
    unit = agent_unit(AgentSetup(command=("/opt/my agent", "100%", "$x")))
    assert 'ExecStart="/opt/my agent" "100%%" "$$x" --state /var/lib/remit' in unit


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("user", ["daemon", "root"])
def test_systemd_understands_the_units(tmp_path: Path, user: str) -> None:
    """No key of them is unknown to it, which it would pass over in silence."""
    setup = AgentSetup(command=("/bin/true",), user=user)
    units = {"remit-agent.service": agent_unit(setup), **enrolled_units(setup)}
    units["remit-forget.service"] = units["remit-forget.service"].replace("/usr/local/sbin/remit-forget", "/bin/true")
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in units)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert [line for line in done.stderr.splitlines() if "remit" in line] == []


def test_the_set_up_script_brings_the_agent_first() -> None:
    """A machine without the code would have units that cannot start."""
    script = set_up_script(AgentSetup(install="pip install remit"), "/root/.remit")
    assert script.index("pip install remit") < script.index("systemctl start")
    assert subprocess.run(["sh", "-n"], input=script.encode(), check=False).returncode == 0


def test_the_introduction_is_taken_out_of_what_cloud_init_keeps(tmp_path: Path) -> None:
    """Out of its texts, its JSON and its pickle, wherever it was; everything else stays, so that cloud-init goes on with the instance."""
    lib, run, log = (tmp_path / name for name in ("lib", "run", "log"))
    (lib / "instances/i").mkdir(parents=True)
    run.mkdir()
    log.mkdir()
    document = cloud_config(USER_DATA)
    kept = SimpleNamespace(userdata_raw=document, metadata={"instance-id": "i"}, deep=[{"user": (document.decode(),)}])
    (lib / "instances/i/user-data.txt").write_bytes(document)
    (lib / "instances/i/obj.pkl").write_bytes(pickle.dumps(kept))
    (lib / "instances/i/other").write_text("as it was")
    (lib / "instance").symlink_to("instances/i")
    (run / "instance-data-sensitive.json").write_text(json.dumps({"ds": {"id": "i"}, "u": document.decode()}))
    (log / "cloud-init.log").write_bytes(b"before " + document)
    fake = tmp_path / "bin" / "cloud-init"
    fake.parent.mkdir()
    fake.write_text(f"#!{sys.executable}\n")
    fake.chmod(0o755)
    script = FORGET.replace("/root/.remit", str(tmp_path / "staged"))
    for there, here in (("/var/lib/cloud", lib), ("/run/cloud-init", run), ("/var/log", log)):
        assert f"'{there}'" in script
        script = script.replace(f"'{there}'", f"'{here}'")
    environment = {"PATH": f"{fake.parent}:/usr/bin:/bin"}
    done = subprocess.run(["sh"], input=script, capture_output=True, text=True, env=environment, timeout=30, check=True)
    left = [path for path in tmp_path.rglob("*") if path.is_file() and b"c3VwZXJzZWNyZXQ" in path.read_bytes()]
    assert left == [], done.stdout
    again = pickle.loads((lib / "instances/i/obj.pkl").read_bytes())
    assert (again.metadata, again.deep) == ({"instance-id": "i"}, [{"user": ("#cloud-config\n{}\n",)}])
    assert json.loads((run / "instance-data-sensitive.json").read_text())["ds"] == {"id": "i"}
    assert (lib / "instances/i/other").read_text() == "as it was"
    assert done.stdout.count("was taken out of") == 4
    assert done.stdout.endswith("remit: this machine has enrolled\n")


def test_meta_data_names_the_instance() -> None:
    """cloud-init does its work once for each instance."""
    assert json.loads(meta_data("db-1", "db")) == {"instance-id": "remit-db-1", "local-hostname": "db"}
