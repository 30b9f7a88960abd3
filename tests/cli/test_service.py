"""`remit service`: a machine's services seen, started, stopped and explained, by way of the boss and without it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.kit import PATIENCE
from tests.cli.stage import Stage
from tests.services.stage import alive

MARK = f"97531.{os.getpid()}"
FILES = {
    "db.toml": f"""
[db]
run = "echo up; echo >&3; exec sleep {MARK}"
ready = "fd"
want = false
[web]
run = "echo hob=$REMIT_HOB; exec sleep {MARK}"
needs = ["db"]
[late]
run = "true"
needs = ["nowhere"]
""",
    "offer.pr": "<service-object <daemon web> $config>",
    "bad.pr": "<require-service\n",
}
CONFIG = """
[boss]
state = "state"
[providers.process.agent]
services = "files"
"""


def states(stage: Stage) -> dict[str, list[Any]]:
    """What each service is, and the ids of its processes."""
    found = stage.read("service", "list")["services"]
    return {
        row["name"]: ["ready" in row["states"], [each["pid"] for each in row["processes"] if each["pid"]]]
        for row in found
    }


def until(true: Any, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.mark.timeout(120)
def test_the_services_of_a_machine_from_files_to_offers(tmp_path: Path) -> None:
    """They come up in order, say why they do not, stop and start by command, outlive their agent, are offered while ready, and end with their machine."""
    (tmp_path / "files").mkdir()
    for name, text in FILES.items():
        (tmp_path / "files" / name).write_text(text)
    stage = Stage(tmp_path, CONFIG)
    try:
        stage.start_boss()
        assert stage.remit("machine", "create", "m").code == 0
        until(lambda: states(stage).get("<daemon web>", [False])[0], "web comes up")
        seen_and_explained(stage)
        stopped_and_started(stage)
        kept_over_a_crash(stage)
        assert stage.remit("machine", "destroy", "m", "--yes").code == 0
        until(lambda: alive(MARK) == [], "the services end with their machine")
    finally:
        stage.tidy()


def seen_and_explained(stage: Stage) -> None:
    done = stage.remit("service", "list")
    assert "needs <daemon nowhere>, which nobody provides" in done.out
    assert "files/bad.pr:2:1: " in done.err
    why = stage.read("service", "why", "late")
    assert [link["service"] for link in why] == ["<daemon late>", "<daemon nowhere>"]
    assert f"hob={stage.directory('m')}" in stage.remit("service", "logs", "web").out
    checked = stage.remit("service", "check", "files")
    assert checked.code == 1 and "bad.pr:2:1: " in checked.out
    assert stage.remit("service", "why", "webb").out.startswith("webb nobody has spoken of it; did you mean")


def offered(stage: Stage) -> list[Any]:
    return [each["up"] for each in stage.read("offers") if each["service"] == "m.web"]


def stopped_and_started(stage: Stage) -> None:
    until(lambda: offered(stage) == [True], "it is offered")
    assert stage.remit("service", "stop", "db").code == 0
    until(lambda: states(stage)["<daemon web>"] == [False, []], "web stops with db")
    until(lambda: offered(stage) == [False], "it is offered no longer")
    assert stage.read("service", "why", "web")[-1]["text"] == "is held by an operator"
    assert stage.remit("service", "start", "db").code == 0
    until(lambda: states(stage)["<daemon web>"][0], "web comes back")
    before = states(stage)["<daemon db>"][1]
    assert stage.remit("service", "restart", "db").code == 0
    until(
        lambda: states(stage)["<daemon web>"][0] and states(stage)["<daemon db>"][1] != before, "db is another process"
    )
    missing = stage.remit("service", "start", "dbb")
    assert missing.code == 1 and "no service 'dbb'; did you mean" in missing.err


def kept_over_a_crash(stage: Stage) -> None:
    before = states(stage)
    stage.agent("m").send(signal.SIGKILL)
    until(lambda: not stage.agent("m").alive, "the agent ends")
    assert stage.remit("machine", "start", "m").code == 0
    until(lambda: states(stage)["<daemon web>"][0], "web is there again")
    assert {name: states(stage)[name] for name in ("<daemon db>", "<daemon web>")} == {
        name: before[name] for name in ("<daemon db>", "<daemon web>")
    }
    local = stage.remit("service", "--hob", str(stage.directory("m")), "list")
    for way, node in ((("--hob", str(stage.directory("m"))), "machine"), (("--machine", "m"), "m")):
        said = stage.remit("service", *way, "metrics").out
        assert 'remit_service_state{service="<daemon db>",state="ready"} 1\n' in said
        assert f'remit_node_answers{{node="{node}"}} 1\n' in said
    assert local.code == 0 and "<daemon web>" in local.out
