"""`remit plan`, `up` and `down` with a real boss, real machines, and runs that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.cli import _exit
from remit.machines import _boss_world
from remit.machines._process_table import Process
from tests.cli.kit import PATIENCE, Done, Invoke, environment, on_terminal
from tests.cli.stage import CONFIG, Stage, until
from tests.house.source import TOP

MACHINES = """
[plan]
project = "shop"
[machines.db.offers.main]
kind = "examples.customer-table"
[machines.db.bindings.own]
service = "db.main"
read_only = true
"""
KILLER = """
import os, signal, sys
from remit.cli._main import run
from remit.ledger import LedgerJournal

left = iter(range(int(sys.argv[1])))

def dying(method):
    def before(*args):
        if next(left, None) is None:
            os.kill(os.getpid(), getattr(signal, sys.argv[2]))
        return method(*args)
    return before

for name in ("begin", "intent", "done", "finish"):
    setattr(LedgerJournal, name, dying(getattr(LedgerJournal, name)))
sys.exit(run(["up", "--yes"]))
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A boss with a machine and a binding that were made by hand."""
    made = Stage(tmp_path_factory.mktemp("plans"))
    try:
        made.start_boss()
        hand = made.remit(
            "machine", "create", "hand", "--option", "classes=customers", "--option", f"path={TOP / 'examples'}"
        )
        assert hand.code == 0, hand.err
        for words in (["offer", "hand.x", "--kind", "examples.customer-table"], ["bind", "hand.own", "hand.x"]):
            done = made.remit(*words)
            assert done.code == 0, done.err
        yield made
    finally:
        made.tidy()


@pytest.fixture
def remit(stage: Stage, home: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Iterator[Invoke]:
    """A command in a project that is empty again at the end."""
    monkeypatch.setenv("REMIT_CONFIG", str(stage.home / "remit.toml"))
    yield invoke
    declare(stage, "[plan]\nproject = 'shop'\n")
    assert invoke("up", "--yes").code == 0
    assert {each["target"] for each in json.loads(invoke("bindings", "--json").out)} == {"hand.own"}


def declare(stage: Stage, text: str) -> None:
    """Write the file."""
    (stage.home / "remit.toml").write_text(CONFIG + text)


def killed(stage: Stage, number: int, how: str = "SIGKILL") -> int:
    """`remit up` in a process that kills itself before this write of its ledger; its exit code."""
    return subprocess.run(
        [sys.executable, "-c", KILLER, str(number), how],
        env=environment(stage.home),
        cwd=stage.home,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    ).returncode


def test_a_run_that_is_killed_again_and_again_comes_to_the_same_end(stage: Stage, remit: Invoke) -> None:
    """`remit up` by real processes, killed before a later write each time: in the end all is there once, and there is nothing to do."""
    declare(stage, MACHINES)
    codes = []
    for number in range(12):
        codes.append(killed(stage, number))
        if codes[-1] == 0:
            break
    assert codes[-1] == 0 and set(codes[:-1]) == {-signal.SIGKILL} and len(codes) > 4
    made = json.loads(remit("plan", "--json").out)
    assert (made["steps"], made["orphans"], made["foreign"]) == (
        [],
        [],
        ["binding hand/own", "machine hand", "offer hand/x"],
    )
    assert [each["target"] for each in json.loads(remit("bindings", "--json").out)] == ["hand.own", "db.own"]
    assert len(list((stage.state / "machines").glob("db-*"))) == 1
    assert remit("call", "db.own", "names").code == 0


def test_an_interrupted_run_lets_go_of_its_lock(stage: Stage, remit: Invoke) -> None:
    """Ctrl-C ends it with 130; the next run goes on at once."""
    declare(stage, MACHINES)
    assert killed(stage, 3, "SIGINT") == _exit.INTERRUPTED
    assert remit("up", "--yes").code == 0
    assert remit("plan", "--detailed-exitcode").code == 0


def test_a_renamed_machine_is_the_same_machine(stage: Stage, remit: Invoke) -> None:
    """With `moved` its key, its id and its objects stay; and it finds its boss under the new name after a restart."""
    declare(stage, MACHINES.replace("read_only = true", ""))
    assert remit("up", "--yes").code == 0
    assert remit("call", "db.own", "add", "ada", "ada@example.org").code == 0
    before = machine(remit, "db")
    declare(
        stage,
        MACHINES.replace("read_only = true", "").replace("db.", "store.") + "[[moved]]\nfrom = 'db'\nto = 'store'\n",
    )
    done = remit("up", "--yes")
    assert (done.code, "1 to rename\n" in done.err) == (0, True), done.err
    after = machine(remit, "store")
    assert (after["id"], after["introduction"]["key"]) == (before["id"], before["introduction"]["key"])
    assert "ada" in remit("call", "store.own", "names").out
    (agent,) = (stage.state / "machines").glob(f"{after['id']}/process")
    found = Process.parse(agent.read_text())
    assert found is not None
    found.send(signal.SIGKILL)
    assert found.wait(PATIENCE)
    assert remit("machine", "start", "store").code == 0
    until(lambda: "ada" in remit("call", "store.own", "names").out)


def machine(remit: Invoke, name: str) -> dict[str, Any]:
    """A machine as the list shows it."""
    (found,) = (each for each in json.loads(remit("machine", "list", "--json").out) if each["name"] == name)
    return dict(found)


def test_a_plan_is_shown_and_changes_nothing(stage: Stage, remit: Invoke) -> None:
    """For people, as Markdown and as JSON; the exit code says whether there is something to do only if it is asked to."""
    declare(stage, MACHINES)
    shown = remit("plan")
    assert (shown.code, shown.err) == (0, "")
    assert "+ db gains db.main: read-only  (db.own)" in shown.out
    assert remit("plan", "--detailed-exitcode").code == _exit.CHANGES
    assert "| db | **gains** | db.main |" in remit("plan", "--format", "markdown").out
    assert json.loads(remit("plan", "--json").out)["steps"][0]["action"] == "create"
    assert [each["name"] for each in json.loads(remit("machine", "list", "--json").out)] == ["hand"]


def test_exactly_the_saved_plan_is_done(stage: Stage, remit: Invoke, tmp_path: Path) -> None:
    """It is refused once what it counts on has changed, and then nothing is done; what is no plan is said to be none."""
    declare(stage, MACHINES)
    file = tmp_path / "plan.json"
    assert remit("plan", "--out", str(file)).code == 0
    declare(stage, MACHINES.replace("read_only = true", "only = ['names']"))
    done = remit("up", "--plan", str(file))
    assert (done.code, "what is declared has changed" in done.err) == (_exit.FAILED, True)
    assert [each["name"] for each in json.loads(remit("machine", "list", "--json").out)] == ["hand"]
    declare(stage, MACHINES)
    done = remit("up", "--plan", str(file), "--json")
    assert (done.code, json.loads(done.out)["late"]) == (0, [])
    done = remit("up", "--plan", str(file))
    assert (done.code, "this plan is out of date" in done.err) == (_exit.FAILED, True)
    file.write_text("{}")
    assert "is no plan that" in remit("up", "--plan", str(file)).err


def test_what_is_taken_back_is_taken_back(stage: Stage, remit: Invoke) -> None:
    """`remit down` removes what was declared and nothing else; what is protected refuses, what is retained is kept."""
    declare(stage, MACHINES.replace("[machines.db.offers", "[machines.db]\nprotect = true\n[machines.db.offers"))
    assert remit("up", "--yes").code == 0
    done = remit("down", "--yes")
    assert (done.code, "machine db is protected, and would be removed" in done.err) == (_exit.FAILED, True)
    declare(stage, MACHINES)
    assert remit("up", "--yes").code == 0
    done = remit("down", "--yes")
    assert (done.code, "- binding db.own\n- offer db.main\n- machine db\ndone\n" in done.err) == (0, True)
    assert [each["name"] for each in json.loads(remit("machine", "list", "--json").out)] == ["hand"]


def test_a_machine_that_is_away_holds_nothing_up(stage: Stage, remit: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its offer and binding are taken back and the exit code says that the rest comes later; and it does, by itself."""
    monkeypatch.setattr(_boss_world, "GRACE", 0.3)
    declare(stage, MACHINES)
    assert remit("up", "--yes").code == 0
    stage.kill_agent("db")
    declare(stage, "[plan]\nproject = 'shop'\n[machines.db]\n")
    done = remit("up", "--yes")
    assert (done.code, "what is left is kept, and finished by itself" in done.err) == (_exit.PARTLY, True)
    assert remit("plan", "--detailed-exitcode").code == 0
    assert remit("machine", "start", "db").code == 0
    until(lambda: [each["service"] for each in json.loads(remit("offers", "--json").out)] == ["hand.x"])


def test_policies_refuse_a_plan(stage: Stage, remit: Invoke) -> None:
    """Declared beside the machines, or as a function in a module beside the file; a plan that violates one is shown, and not done."""
    (stage.home / "checks.py").write_text(
        "def no_links(graph):\n    return [f'{link.id} is one too many' for link in graph.links]\n"
    )
    for rule, said in (
        ("deny = { from = 'db', to = 'db.main' }", "REFUSED by quiet: "),
        ("python = 'checks:no_links'", "REFUSED by quiet: db.own is one too many"),
    ):
        declare(stage, f"{MACHINES}\n[policies.quiet]\n{rule}\n")
        done = remit("plan")
        assert (done.code, said in done.out) == (_exit.FAILED, True)
        assert remit("up", "--yes").code == _exit.FAILED
    assert [each["name"] for each in json.loads(remit("machine", "list", "--json").out)] == ["hand"]
    for rule, said in (("python = 'checks:none'", "has no such function"), ("denny = 3", "policy quiet")):
        declare(stage, f"{MACHINES}\n[policies.quiet]\n{rule}\n")
        done = remit("plan")
        assert (done.code, said in done.err) == (_exit.USAGE, True), done.err


def test_a_job_may_plan_and_not_apply(stage: Stage, remit: Invoke) -> None:
    """An invitation to the part "plan" is enough for a pull request; "up" is another part."""
    declare(stage, MACHINES)
    for part, code in (("plan", _exit.REFUSED), ("up", 0)):
        file = str(stage.home / f"{part}.ref")
        assert remit("invite", part, "--only", part, "--out", file).code == 0
        shown = remit("--boss", file, "plan")
        assert (shown.code, "3 to create" in shown.out) == (0, True)
        done = remit("--boss", file, "up", "--yes")
        assert done.code == code, done.err
        assert remit("--boss", file, "machine", "destroy", "hand", "--yes").code == _exit.REFUSED


def test_nobody_is_asked_who_cannot_answer(stage: Stage, remit: Invoke) -> None:
    """Without a terminal `remit up` needs --yes, or a saved plan."""
    declare(stage, MACHINES)
    done = remit("up")
    assert (done.code, "give --yes, or --plan FILE" in done.err) == (_exit.USAGE, True)


def test_a_person_is_asked(stage: Stage, remit: Invoke) -> None:
    """On a terminal the plan is shown, and a no leaves everything as it is."""
    declare(stage, MACHINES)
    script = "import pty, sys; from remit.cli._main import run; import click; click.confirm = lambda *a, **k: print('ASKED', a[0]); sys.exit(run(['up']) != 1)"
    shown = on_terminal(stage.home, script, REMIT_CONFIG=str(stage.home / "remit.toml"))
    assert "ASKED Do these 3 steps?" in shown and "nothing was done" in shown
    assert [each["name"] for each in json.loads(remit("machine", "list", "--json").out)] == ["hand"]


def test_no_secret_is_in_a_plan(stage: Stage, remit: Invoke) -> None:
    """What is declared, planned, saved and kept names files with secrets, and never what is in them."""
    owner = stage.home / "owner"
    owner.write_text("postgres://owner:hunter2@127.0.0.1:1/db")
    os.chmod(owner, 0o600)
    declare(stage, "[plan]\nproject = 'shop'\n[machines.db.offers.sql]\nkind = 'postgres'\nowner = 'owner'\n")
    said: list[Done] = [
        remit("plan"),
        remit("plan", "--json"),
        remit("--timeout", "2", "up", "--yes"),
        remit("--timeout", "2", "up", "--yes", "--json"),
        remit("plan", "--json"),
    ]
    assert said[2].code == _exit.PARTLY  # there is no such server
    assert [each for each in said if "hunter2" in each.out + each.err] == []
    kept = b"".join(path.read_bytes() for path in (stage.home / ".remit").iterdir())
    assert b"hunter2" not in kept and b"owner" in kept
