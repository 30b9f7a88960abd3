"""`remit trace` and `remit call --trace`, by hand: a boss and two machines, each a process of its own."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.cli._trace import tree
from tests.cli.kit import Done, Invoke
from tests.cli.stage import Stage

STEP = {
    "machine",
    "trace",
    "id",
    "cause",
    "at",
    "took",
    "vat",
    "turn",
    "kind",
    "method",
    "from",
    "to",
    "result",
    "error",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A boss with machines db and app; app.db is db's customer table, with a customer whose name no hexadecimal id can contain."""
    made = Stage(tmp_path_factory.mktemp("home"))
    try:
        made.start_boss()
        for words in (
            ["machine", "create", "db"],
            ["machine", "create", "app"],
            ["offer", "db.customers", "--kind", "examples.customer-table", "--interface", "customers"],
            ["bind", "app.db", "db.customers"],
            ["call", "app.db", "add", "zoe-quill", "zoe@example.org"],
        ):
            done = made.remit(*words)
            assert done.code == 0, done.err + made.log()
        yield made
    finally:
        made.tidy()


@pytest.fixture
def remit(stage: Stage, home: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.setenv("REMIT_CONFIG", str(stage.home / "remit.toml"))
    return invoke


def traced(done: Done) -> str:
    """The trace's id, which the command says."""
    found = re.search(r"remit trace ([0-9a-f]{32})", done.err)
    assert found is not None, done
    return found[1]


def test_one_call_is_followed_over_three_processes(remit: Invoke, stage: Stage) -> None:
    """The boss finds the machine, the machine the binding, and the other machine does the work: who called whom, with no value."""
    done = remit("call", "app.db", "names", "--trace")
    assert done.code == 0, done.err
    assert json.loads(done.out) == ["zoe-quill"]
    shown = remit("trace", traced(done))
    assert shown.code == 0, shown.err
    assert re.search(r"binding of remit.machines.hob_server +ok", shown.out)
    assert re.search(r"  app +get of remit.machines.hob_client +ok", shown.out)
    assert re.search(r"db +names of examples.customer-table +ok", shown.out)
    found = json.loads(remit("trace", traced(done)[:10], "--json").out)
    assert {step["machine"] for step in found["steps"]} == {"boss", "app", "db"}
    assert all(set(step) == STEP for step in found["steps"])
    assert "zoe-" not in json.dumps(found)
    for file in (*stage.state.glob("*.jsonl"), *stage.state.glob("machines/*/*.jsonl")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "example.org" not in file.read_text()


def test_an_error_is_found_by_the_id_that_its_caller_heard(remit: Invoke, stage: Stage) -> None:
    """`remit trace` says where it happened; the traceback stands in that machine's file only."""
    done = remit("call", "app.db", "add", "eve", "e@x", "swordfish", "--trace")
    assert done.code == 1
    found = re.search(r"\[(db\.[0-9a-f]+-\d+)\]", done.err)
    assert found is not None, done.err
    shown = remit("trace", found[1])
    assert shown.code == 0
    assert "BadArgument on db" in shown.out
    assert "add(str of 3, str of 3, str of 9)" in shown.out
    assert re.search(rf"add of examples.customer-table +broken \[{re.escape(found[1])}\]", shown.out)
    assert "Traceback" not in shown.out
    assert "swordfish" not in shown.out
    lines = [json.loads(line) for line in (stage.directory("db") / "failures.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines if "Traceback" in line["traceback"]].count(found[1]) == 1
    assert not any(found[1] in file.read_text() for file in stage.state.glob("failures.jsonl"))


def test_an_id_that_is_not_known_names_the_nearest(remit: Invoke) -> None:
    """Exit code 1, with what was perhaps meant."""
    trace = traced(remit("call", "app.db", "names", "--trace"))
    wrong = trace[:-3] + "zzz"
    done = remit("trace", wrong)
    assert done.code == 1
    assert f"did you mean {trace}" in done.err


def test_every_call_is_followed_while_that_is_on(remit: Invoke) -> None:
    """On all machines or one, for a time; then `list` names the traces, the latest first."""
    before = json.loads(remit("trace", "list", "--json").out)
    assert remit("trace", "on", "db", "--for", "5m").err == "every call is followed on db for 300 s\n"
    assert remit("call", "app.db", "names").code == 0
    assert remit("trace", "off", "db").err == "no call is followed any more on db\n"
    after = [id for id in json.loads(remit("trace", "list", "--json").out) if id not in before]
    steps = [step for id in after if len(id) == 32 for step in json.loads(remit("trace", id, "--json").out)["steps"]]
    assert ("db", "names") in {(step["machine"], step["method"]) for step in steps}
    assert remit("call", "app.db", "names").code == 0
    assert [id for id in json.loads(remit("trace", "list", "--json").out) if id not in [*before, *after]] == []


@pytest.mark.parametrize(
    ("words", "code"),
    [(["0123abc", "db"], 2), (["on", "--for", "soon"], 2), (["on", "dbb"], 1), (["nothing-like-it"], 1)],
)
def test_wrong_words_are_told(remit: Invoke, words: list[str], code: int) -> None:
    """Usage errors end with 2, what is not known with 1 and its nearest name."""
    done = remit("trace", *words)
    assert done.code == code, done
    assert "Traceback" not in done.err


def test_a_machine_that_is_away_makes_it_partly_done(remit: Invoke, stage: Stage) -> None:
    """The others are followed and asked; exit code 3, and who is missing."""
    trace = traced(remit("call", "app.db", "names", "--trace"))
    stage.kill_agent("app")
    shown = remit("trace", trace)
    assert shown.code == 3
    assert "machine app could not be asked" in shown.err
    assert "names of examples.customer-table" in shown.out
    assert stage.remit("machine", "start", "app").code == 0
    again = remit("trace", trace)
    assert again.code == 0, again.err
    assert "get of remit.machines.hob_client" in again.out, "what an earlier run has written is found"


def test_causes_make_a_tree_whatever_machines_say() -> None:
    """Each step stands below its cause; what has none begins a tree, and a circle is shown and ends."""

    def step(id: str, cause: str | None) -> dict[str, Any]:
        return {"id": id, "cause": cause}

    steps = [step("a", None), step("b", "a"), step("c", "b"), step("d", "a"), step("e", "lost"), step("f", "f")]
    assert [(depth, each["id"]) for depth, each in tree(steps)] == [
        *((0, "a"), (1, "b"), (2, "c"), (1, "d"), (0, "e"), (0, "f")),
    ]
    circle = [step("x", "y"), step("y", "x")]
    assert sorted(each["id"] for _, each in tree(circle)) == ["x", "y"]
    deep = [step(str(n), str(n - 1)) for n in range(5000)]
    assert len(list(tree(deep))) == 5000
