"""`remit boss rekey`: real processes, whose boss gets another key."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from remit.net import NodeKey
from tests.cli.stage import Stage, until


@pytest.fixture
def stage(home: Path) -> Iterator[Stage]:
    """A boss with two machines, one of which offers a table that the other has bound."""
    made = Stage(home)
    try:
        made.start_boss()
        for name in ("db", "app"):
            assert made.remit("machine", "create", name).code == 0, made.log()
        assert made.remit("offer", "db.customers", "--kind", "examples.customer-table").code == 0
        assert made.remit("bind", "app.c", "db.customers").code == 0
        assert made.remit("call", "app.c", "add", "ann", "ann@example.org").code == 0
        yield made
    finally:
        made.tidy()


def heard(stage: Stage) -> dict[str, bool]:
    """Which machines know the boss's key."""
    return {each["machine"]: each["heard"] for each in stage.read("boss", "rekey", "--status")["machines"]}


def test_machines_follow_a_running_boss_to_its_new_key(stage: Stage) -> None:
    """Both are active under it, what was bound works, more can be bound; the old key is destroyed, and invitations have ended."""
    assert stage.remit("invite", "ci", "--only", "status").code == 0
    old = NodeKey.load(stage.state / "key.pem").designator
    assert stage.read("boss", "rekey", "--status")["former"] == []
    done = stage.read("boss", "rekey")
    new = NodeKey.load(stage.state / "key.pem").designator
    assert done == {"key": new, "told": ["app", "db"], "missing": []} and new != old
    until(lambda: all(heard(stage).values()))
    assert stage.read("boss", "rekey", "--status")["former"] == [old]
    assert stage.read("call", "app.c", "names") == ["ann"]
    assert stage.remit("bind", "app.more", "db.customers", "--read-only").code == 0
    assert stage.remit("call", "app.more", "names").code == 0
    assert stage.remit("revoke", "app.c").code == 0 and stage.remit("call", "app.c", "names").code != 0
    assert stage.read("invitations") == [] and stage.remit("--boss", "ci.ref", "status").code != 0
    assert not (stage.state / "key-next.pem").exists()
    for each in stage.read("machine", "list"):
        assert (each["state"], each["alarms"]) == ("active", [])
    assert stage.remit("machine", "destroy", "app", "--yes").code == 0  # its label names the first key


def test_a_machine_that_was_away_follows_when_it_is_back(stage: Stage) -> None:
    """It hears from its provider where the boss is and who; twice changed, it goes through both. A boss that is killed over it starts with the new key."""
    stage.kill_agent("app")
    assert stage.read("boss", "rekey")["missing"] == ["app"]
    until(lambda: heard(stage)["db"])
    assert stage.stop_boss(signal.SIGKILL) < 0
    assert stage.remit("boss", "rekey").code == 0
    stage.start_boss("--no-start")
    until(lambda: heard(stage) == {"db": True, "app": False})
    assert stage.remit("machine", "start", "app").code == 0
    until(lambda: heard(stage)["app"])
    assert stage.read("call", "app.c", "names") == ["ann"]
    assert stage.remit("bind", "app.more", "db.customers").code == 0
