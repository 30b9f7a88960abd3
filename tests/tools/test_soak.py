"""tools/soak.py: references of every kind leave nothing behind; and it would tell if they did."""

from __future__ import annotations

import asyncio

import pytest

from remit.captp._imports import Imports
from tools.soak import Soak


@pytest.mark.parametrize("kind", ["memory", "unix"])
def test_some_thousand_references_leave_empty_tables(kind: str) -> None:
    """The short form of `make soak`: arguments, results, promises, held ones, handed-on ones; all tables end empty."""
    said: list[str] = []
    soak = Soak(4000, kind=kind, seed=3, say=said.append)
    assert asyncio.run(soak.run()), said
    assert said[-2] == "tables: empty, at 6 ends"
    assert soak.faults == []
    assert len([line for line in said if "references/s" in line]) == 10


def test_a_leak_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With references that are never given back, the run fails and names the entries."""
    monkeypatch.setattr("tools.soak.DEADLINE", 0.2)
    monkeypatch.setattr(Imports, "take_given_back", lambda self: {})
    said: list[str] = []
    soak = Soak(600, kind="memory", seed=3, say=said.append)
    assert not asyncio.run(soak.run())
    assert any("entries left" in line for line in said) and any("export" in line for line in said)
