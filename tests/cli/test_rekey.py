"""`remit boss rekey`: real processes, whose boss gets another key."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from remit.net import NodeKey
from remit.values import SturdyRef
from tests.cli.kit import PATIENCE, command, environment
from tests.cli.stage import Stage, until
from tests.house.source import SRC, TOP


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


@contextmanager
def program(stage: Stage) -> Iterator[None]:
    """A server `web` that runs on the machine db."""
    around = environment(stage.home, PYTHONPATH=f"{SRC}:{TOP}", REMIT_HOB=str(stage.directory("db")))
    words = command("server", "run", "web", "tests.ensemble.town_main")
    with (stage.home / "web.log").open("w") as log:
        web = subprocess.Popen(words, env=around, cwd=stage.home, stdout=log, stderr=log)
    try:
        yield
    finally:
        web.terminate()
        web.wait(PATIENCE)


def servers(stage: Stage) -> set[str]:
    """Who is in the directory that the boss is, besides."""
    return {each["id"] for each in stage.read("server", "list")}


def test_servers_are_there_again_under_the_new_key(stage: Stage) -> None:
    """The boss, its machines and a program on one, though the old cookie lets in nobody: each home has another one."""
    cookie, everyone = stage.state / "ensemble" / "cookie", {"app@/", "boss@/", "db@/", "web@/"}
    before = SturdyRef.parse(cookie.read_text().strip())
    with program(stage):
        until(lambda: servers(stage) == everyone)
        new = stage.read("boss", "rekey")["key"]
        until(lambda: servers(stage) == everyone)
        for each in ("boss", "app", "web"):
            assert stage.remit("server", "ping", each).code == 0
    after = SturdyRef.parse(cookie.read_text().strip())
    assert after.locator.designator == new and after.swiss != before.swiss
    assert SturdyRef.parse((stage.directory("db") / "ensemble" / "cookie").read_text().strip()).swiss == after.swiss


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
    until(lambda: heard(stage)["app"] and servers(stage) == {"app@/", "boss@/", "db@/"})
    assert stage.read("call", "app.c", "names") == ["ann"]
    assert stage.remit("bind", "app.more", "db.customers").code == 0
