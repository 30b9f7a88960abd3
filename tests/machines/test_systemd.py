"""Agents that systemd keeps running, on a host that is there already."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from remit.machines import Parcel
from remit.machines._hosted import HostedProvider
from remit.machines._systemd import Manager, unit_text
from tests.machines.parcels import small_parcel
from tests.machines.test_provider_contract import USER_DATA, run

# What systemctl does of it: a unit's program in the background, and a note of which process that is.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>{place}/orders
[ "$1" = --user ] && shift
word=$1
for unit in "$@"; do :; done
pid=$(cat {place}/pid 2>/dev/null)
end() {{ [ -z "$pid" ] || kill "$pid"; rm -f {place}/pid; }}
begin() {{
    command=$(sed -n 's/^ExecStart=//p' "{place}/systemd/user/$unit")
    eval "setsid $command >/dev/null 2>&1 &"
    echo $! >{place}/pid
}}
case $word in
    start) [ -n "$pid" ] || begin ;;
    restart) end; begin ;;
    stop) end ;;
    show) echo "${{pid:-0}}" ;;
esac
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A host whose user has a systemd, as far as we can tell."""
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(SYSTEMCTL.format(place=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    yield tmp_path
    subprocess.run([program, "--user", "stop", "x"], check=False)


def provider(host: Path) -> HostedProvider:
    return HostedProvider(host / "base", host / "machines", "boss", find=lambda: Manager("user"))


def taken(host: Path, *parcels: Parcel) -> HostedProvider:
    """A machine db-1 out of the first of these parcels."""
    made = provider(host)
    for each in parcels:
        shutil.copytree(each.path, host / "base" / "versions" / each.digest)
    run(made.take("db-1", "db", USER_DATA, parcels[0].digest, ""))
    return made


def orders(host: Path) -> list[str]:
    """What it was told since the last look, questions left out."""
    path = host / "orders"
    said = [line.removeprefix("--user ") for line in path.read_text().splitlines()]
    path.write_text("")
    return [line for line in said if not line.startswith("show")]


def test_a_unit_keeps_the_agent_running(host: Path) -> None:
    """It is written, enabled and started; asked for again nothing is written; it goes with the machine, and nothing is left of it."""
    made = taken(host, small_parcel(host / "store"))
    unit = host / "systemd" / "user" / "remit-db-1.service"
    assert (
        f'ExecStart="{host}/machines/db-1/current/bin/remit-agent" --state "{host}/machines/db-1"' in unit.read_text()
    )
    name = "remit-db-1.service"
    assert orders(host) == ["daemon-reload", f"enable --quiet {name}", f"start {name}"]
    seen = run(made.observe("db-1"))
    assert (seen.state, seen.detail) == ("running", f"process {(host / 'pid').read_text().strip()}")
    run(made.start("db-1", b"address"))
    assert orders(host) == [f"enable --quiet {name}", f"start {name}"]
    run(made.destroy("db-1"))
    assert orders(host) == [f"stop {name}", f"disable --quiet {name}", "daemon-reload", f"reset-failed {name}"]
    assert not unit.exists() and list((host / "base" / "versions").iterdir()) == []
    assert not (host / "machines" / "db-1").exists()


def test_an_upgrade_restarts_the_unit_out_of_the_other_version(host: Path) -> None:
    """With the word that services are kept; so does going back."""
    first = small_parcel(host / "store")
    second = small_parcel(host / "store", "exec sleep 301")
    made = taken(host, first, second)
    orders(host)
    here = host / "machines" / "db-1"
    for work, one in (
        (lambda: made.upgrade("db-1", second_here(host, second)), second),
        (lambda: made.downgrade("db-1"), first),
    ):
        run(work())
        assert os.readlink(here / "current") == str(host / "base" / "versions" / one.digest)
        assert (here / "keep-services").exists()
        assert orders(host) == ["restart remit-db-1.service"]


def second_here(host: Path, made: Parcel) -> Parcel:
    return made._replace(path=host / "base" / "versions" / made.digest)


def test_leaving_stops_the_unit_and_removes_it(host: Path) -> None:
    """What is in use stays."""
    made = taken(host, small_parcel(host / "store"))
    files = host / "machines" / "db-1" / "services.d"
    files.mkdir()
    (files / "web.toml").write_text("")
    assert run(made.leave("db-1")) == f"the files in services.d/ (in {host}/machines/db-1)"
    assert not (host / "systemd" / "user" / "remit-db-1.service").exists()
    assert [path.name for path in (host / "machines" / "db-1").iterdir()] == ["services.d"]


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """Its own verifier has nothing to say of it, also where a directory has a percent sign."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed here")
    state = tmp_path / "50%u"
    agent = state / "current" / "bin" / "remit-agent"
    agent.parent.mkdir(parents=True)
    agent.write_text("#!/bin/sh\n")
    agent.chmod(0o755)
    unit = tmp_path / "remit-db-1.service"
    unit.write_text(unit_text("db", state, "/usr/bin/python3", "multi-user.target"))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=50, check=False)
    assert not [line for line in (done.stderr + done.stdout).splitlines() if "remit-db-1" in line], done.stderr
