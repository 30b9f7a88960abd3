"""`remit machine upgrade`: other versions of the agent, seen to be well or taken back; and neighbouring versions that work together."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from remit.machines import Parcel, digest_of, parcel, read_parcel
from tests.cli.kit import PATIENCE, environment
from tests.cli.stage import Stage, until
from tests.house.source import TOP
from tests.services.stage import alive

MARK = f"75319.{os.getpid()}"
CONFIG = f"""
[boss]
state = "state"
[providers.process.agent]
classes = ["customers"]
path = ["{TOP / "examples"}"]
services = "files"
"""
SERVICE = f"""
[web]
run = "exec sleep {MARK}"
"""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    (tmp_path / "files").mkdir()
    made = Stage(tmp_path, CONFIG)
    yield made
    made.tidy()


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Parcel:
    """The parcel of the commit before this one."""
    place = tmp_path_factory.mktemp("previous")
    archive = subprocess.run(["git", "archive", "HEAD~1", "src"], cwd=TOP, capture_output=True, check=False)
    if archive.returncode != 0:
        pytest.skip("there is no commit before this one to be had here")
    subprocess.run(["tar", "-x", "-C", str(place)], input=archive.stdout, check=True, timeout=PATIENCE)
    (place / "src" / "remit" / "previous.txt").write_text("so that it is another one, whatever the commit has changed")
    script = "import sys; from remit.machines import parcel; print(parcel(sys.argv[1], extras=[]).path)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, str(place / "store")],
        env={**environment(place), "PYTHONPATH": str(place / "src")},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return read_parcel(Path(done.stdout.strip()))


def keep(stage: Stage, made: Parcel) -> Parcel:
    """Put a parcel among those that the boss has."""
    place = stage.state / "parcels" / made.digest
    place.parent.mkdir(exist_ok=True)
    shutil.copytree(made.path, place, dirs_exist_ok=True)
    return read_parcel(place)


def broken(stage: Stage, made: Parcel) -> Parcel:
    """One whose agent ends at once."""
    draft = stage.home / "broken"
    shutil.copytree(made.path, draft)
    (draft / "bin" / "remit-agent").write_text("#!/bin/sh\necho no good >&2\nexit 1\n")
    place = draft.rename(made.path.with_name(digest_of(draft)))
    return read_parcel(place)


def versions(stage: Stage) -> dict[str, str]:
    return {each["name"]: each["parcel"] for each in stage.read("machine", "list")}


def states(stage: Stage, *words: str) -> tuple[int, dict[str, str]]:
    done = stage.remit("machine", "upgrade", *words, "--json")
    return done.code, {one["machine"]: one["state"] for one in json.loads(done.out)}


@pytest.mark.timeout(180)
def test_upgrades_go_from_machine_to_machine_and_stop_at_one_that_is_not_well(stage: Stage) -> None:
    """Services, objects and bindings are the same afterwards; one that does not come back runs again what it ran before, and no other is tried."""
    (stage.home / "files" / "web.toml").write_text(SERVICE)
    stage.start_boss()
    for name in ("a", "b"):
        assert stage.remit("machine", "create", name).code == 0
    assert stage.remit("offer", "a.customers", "--kind", "examples.customer-table").code == 0
    assert stage.remit("bind", "b.customers", "a.customers").code == 0
    pids = until(lambda: found if len(found := alive(MARK)) == 2 else None)
    assert versions(stage) == {"a": "", "b": ""}

    assert states(stage, "--all") == (0, {"a": "upgraded", "b": "upgraded"})
    (made,) = (read_parcel(path) for path in (stage.state / "parcels").iterdir() if path.is_dir())
    assert versions(stage) == {"a": made.short, "b": made.short}
    assert f" {made.version} {made.short} " in stage.remit("machine", "list").out

    wrong = broken(stage, made)
    assert states(stage, "--all", "--to", wrong.short, "--patience", "2") == (1, {"a": "restored"})
    assert versions(stage) == {"a": made.short, "b": made.short}
    assert states(stage, "a") == (0, {"a": "unchanged"})
    assert sorted(alive(MARK)) == sorted(pids)
    assert stage.remit("call", "b.customers", "names").code == 0


@pytest.mark.timeout(180)
def test_an_agent_of_the_previous_commit_works_with_this_boss_and_is_upgraded(stage: Stage, previous: Parcel) -> None:
    """It serves and uses bindings; then it is brought to this version, and does so still."""
    stage.start_boss()
    keep(stage, previous)
    for name in ("a", "b"):
        assert stage.remit("machine", "create", name).code == 0
    assert states(stage, "a", "--to", previous.short) == (0, {"a": "upgraded"})
    assert versions(stage) == {"a": previous.short, "b": ""}
    assert stage.remit("offer", "a.customers", "--kind", "examples.customer-table").code == 0
    assert stage.remit("bind", "b.customers", "a.customers").code == 0
    assert stage.remit("call", "b.customers", "names").code == 0
    assert states(stage, "a") == (0, {"a": "upgraded"})
    assert stage.remit("call", "b.customers", "names").code == 0
    assert versions(stage)["a"] not in ("", previous.short)


@pytest.mark.timeout(180)
def test_an_agent_of_this_commit_works_with_a_boss_of_the_previous_one(stage: Stage, previous: Parcel) -> None:
    """The other way round: agents may be newer than their boss."""
    stage.start_boss(program=[str(previous.path / "bin" / "remit")])
    now = parcel(stage.state / "parcels", extras=[])
    for name in ("a", "b"):
        assert stage.remit("machine", "create", name).code == 0
    assert states(stage, "b", "--to", now.short) == (0, {"b": "upgraded"})
    assert stage.remit("offer", "a.customers", "--kind", "examples.customer-table").code == 0
    assert stage.remit("bind", "b.customers", "a.customers", "--read-only").code == 0
    assert stage.remit("call", "b.customers", "names").code == 0
    assert stage.remit("revoke", "b").code == 0
