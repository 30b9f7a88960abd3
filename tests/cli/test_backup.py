"""`remit boss backup`, `restore` and `move`: a boss on another port of another directory, and machines that find it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from remit.cli import _exit
from tests.cli.stage import CONFIG, Stage, until

OUTSIDE = CONFIG.replace(
    "[providers.process.agent]", '[providers.process]\nroot = "machines"\n[providers.process.agent]'
)


@pytest.fixture
def stage(home: Path) -> Iterator[Stage]:
    """A boss whose machines stay where they are when it goes: with a service, bound."""
    made = Outside(home, OUTSIDE)
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


class Outside(Stage):
    """Its machines' directories are no part of the boss's."""

    def tidy(self) -> None:
        if not (self.state / "machines").exists() and (self.home / "machines").exists():
            self.state.mkdir(mode=0o700, exist_ok=True)
            (self.state / "machines").symlink_to(self.home / "machines")
        super().tidy()

    def goes_on(self) -> None:
        """The machines know the boss, and it them; what was bound works, and more can be bound."""
        until(lambda: all(each["seen"] and each["state"] == "active" for each in self.read("machine", "list")))
        assert self.read("call", "app.c", "names") == ["ann"]
        done = self.remit("bind", "app.more", "db.customers", "--read-only")
        assert done.code == 0, done.err


def test_a_boss_moves_and_its_machines_find_it_again(stage: Stage) -> None:
    """It does not start where it was; where it was restored it does, without starting machines, on another port."""
    assert isinstance(stage, Outside)
    running = stage.remit("boss", "move", "boss.copy", "--plain")
    assert running.code == _exit.FAILED and "is in use" in running.err
    stage.stop_boss()
    assert stage.remit("boss", "move", "boss.copy", "--plain").code == 0
    assert (stage.home / "boss.copy").stat().st_mode & 0o777 == 0o600
    refused = stage.remit("boss", "run")
    assert refused.code == _exit.FAILED and "has moved" in refused.err and "boss.copy" in refused.err
    (stage.home / "remit.toml").write_text(OUTSIDE.replace('"state"', '"elsewhere"'))
    restored = stage.remit("boss", "restore", "boss.copy")
    assert restored.code == 0, restored.err
    stage.state = stage.home / "elsewhere"
    stage.start_boss("--no-start")
    stage.goes_on()


def test_a_running_boss_is_copied_and_comes_back_after_a_loss(stage: Stage) -> None:
    """With a passphrase; authority given after the copy was taken is taken back by the machines that hold it."""
    assert isinstance(stage, Outside)
    (stage.home / "words").write_text("four words and more\n")
    (stage.home / "words").chmod(0o600)
    done = stage.remit("boss", "backup", "boss.copy", "--passphrase", "words", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["file"] == "boss.copy"
    assert list(stage.state.glob("copy-*")) == []
    assert stage.remit("bind", "app.late", "db.customers").code == 0
    stage.stop_boss()
    stage.state.rename(stage.home / "lost")
    asked = stage.remit("boss", "restore", "boss.copy")
    assert asked.code == _exit.USAGE and "--passphrase" in asked.err
    assert stage.remit("boss", "restore", "boss.copy", "--passphrase", "words").code == 0
    stage.start_boss("--no-start")
    stage.goes_on()
    until(lambda: stage.remit("call", "app.late", "names").code != 0)
    assert {each["target"] for each in stage.read("bindings")} == {"app.c", "app.more"}


def test_a_person_is_asked_for_the_passphrase(stage: Stage) -> None:
    """Where nobody can be asked, the choice is not made for them; a copy is not overwritten."""
    done = stage.remit("boss", "backup", "boss.copy")
    assert done.code == _exit.USAGE and "--plain" in done.err
    assert stage.remit("boss", "backup", "boss.copy", "--plain").code == 0
    again = stage.remit("boss", "backup", "boss.copy", "--plain")
    assert again.code == _exit.FAILED and "exists already" in again.err
    over = stage.remit("boss", "restore", "boss.copy")
    assert over.code == _exit.FAILED and "not empty" in over.err
