"""`remit graph`, `remit history` and `remit unlock` where no boss is needed."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

from remit.graph import Plan
from remit.ledger import open_ledger
from tests.cli.kit import Invoke

TOML = """
[plan]
project = "shop"
[machines.db]
tags = ["inside"]
[machines.db.offers.main]
kind = "example.table"
[machines.app.bindings]
db = { service = "db.main", read_only = true, until = 2031-12-24T18:00:00Z }
[policies.quiet]
deny = { from = { tag = "inside" }, to = "app" }
"""


def test_what_is_declared_is_drawn(home: Path, invoke: Invoke) -> None:
    """Without a boss; in every form; the end of a binding as a date."""
    (home / "remit.toml").write_text(TOML)
    shown = invoke("graph", "--declared")
    assert shown.code == 0 and "db ─▶ db/main  read-only; until 2031-12-24" in shown.out
    ET.fromstring(invoke("graph", "--declared", "--format", "svg").out)
    assert json.loads(invoke("graph", "--declared", "--format", "json").out)["links"][0]["id"] == "app/db"
    assert invoke("graph", "--declared", "--format", "mermaid").out.startswith("flowchart LR\n")
    for form in ("text", "svg", "dot", "mermaid", "json"):
        done = invoke("graph", "--declared", "--format", form, "--out", "picture")
        assert (done.code, done.out, done.err) == (0, "", "")
        assert (home / "picture").read_text() == invoke("graph", "--declared", "--format", form).out
    assert invoke("graph", "--declared", "--plan").code == 2
    assert "cannot write" in invoke("graph", "--declared", "--out", "no/such/place").err


def test_runs_are_listed_and_shown(home: Path, invoke: Invoke) -> None:
    """Who did what; the plan of one; a number that is not remembered."""
    (home / "remit.toml").write_text(TOML)
    assert invoke("history").err == "nothing was applied yet\n"
    ledger = open_ledger(home / ".remit" / "plan.db", "shop")
    with ledger.locked("remit up") as journal:
        journal.begin(Plan("shop", [], [], [], "d", 0, "o"))
        journal.finish()
        journal.begin(Plan("shop", [], [], [], "d", 0, "o"))
        assert "not finished (the state is locked)" in invoke("history").out
    ledger.close()
    runs = json.loads(invoke("history", "--json").out)["runs"]
    assert [(run["number"], run["purpose"], run["ended"] is None) for run in runs] == [
        (2, "remit up", True),
        (1, "remit up", False),
    ]
    assert invoke("history", "1").out.startswith("Project shop: nothing to do")
    assert invoke("history", "9").code == 1


def test_a_lock_is_taken_by_its_id_only(home: Path, invoke: Invoke) -> None:
    """Who holds it is told; another id than the one that was shown is refused."""
    (home / "remit.toml").write_text(TOML)
    assert "nobody holds the state" in invoke("unlock", "0a1b2c3d").err
    ledger = open_ledger(home / ".remit" / "plan.db", "shop")
    with ledger.locked("remit up") as journal:
        wrong = invoke("unlock", "0a1b2c3d")
        assert wrong.code == 1 and journal.lock.id in wrong.err and "for remit up" in wrong.err
        done = invoke("unlock", journal.lock.id)
        assert done.code == 0 and done.out.startswith(f"unlocked: it was {journal.lock.owner}'s, for remit up")
        assert ledger.lock() is None
    ledger.close()
