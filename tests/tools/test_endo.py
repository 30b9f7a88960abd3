"""tools/endo.py: it needs the user's own checkout of Endo; with one it talks to it over every netlayer that both have."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.house.source import TOP

CHECKOUT = os.environ.get("OCAPN_ENDO", "")


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "PYTHONPATH": str(TOP / "src"), **environment}
    return subprocess.run(
        [sys.executable, str(TOP / "tools" / "endo.py")], env=given, capture_output=True, text=True, check=False
    )


def test_the_checkout_is_asked_for() -> None:
    """Without one, a line says what to set."""
    done = run(OCAPN_ENDO="")
    assert done.returncode == 2
    assert done.stdout == "set OCAPN_ENDO to a checkout of Endo in which its packages are installed\n"


@pytest.mark.skipif(not CHECKOUT, reason="no checkout of Endo: set OCAPN_ENDO")
def test_endo_and_remit_understand_each_other() -> None:
    """Calls, errors, dials, handoffs in three roles and empty tables, over websocket and both framings of tcp-testing-only."""
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": ok") == 3
