"""The main job, end to end with real processes: `make demo`, and the same by hand in README.md."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import SRC, TOP

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SRC)}
HOLDS = [
    "the boss keeps its state in boss/state.db",
    "both have enrolled themselves",
    "over tls: each has a TCP connection with the boss",
    "the introductions are deleted after use",
    "it was given both bindings",
    "it can write a customer",
    "and read it back",
    "it can read through the read-only binding",
    "a write through the read-only binding is refused",
    "the program reads without the boss",
    "over a TCP connection of its own with db-machine",
    "both machines are there",
    "so are both bindings and their grants",
    "without a new introduction",
    "though all ports have changed",
    "and the customer is there",
    "remit status shows an alarm for app-machine",
    "the machine goes on working",
    "the next call on the binding breaks",
    "so does one on the customer that was got through it",
    "the read-only binding goes on working",
]


def test_the_demonstration_holds() -> None:
    """Every step of the main job is checked by the demonstration itself, none is left out, and no process stays."""
    command = [sys.executable, str(TOP / "examples" / "demo.py")]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=55)
    assert done.returncode == 0, done.stdout + done.stderr
    checked = [line.partition("checked: ")[2] for line in done.stdout.splitlines() if "checked: " in line]
    assert [what for what in HOLDS if what not in checked] == []
    assert "Nothing is left behind" in done.stdout


def test_a_step_that_does_not_hold_ends_the_demonstration(tmp_path: Path) -> None:
    """The demonstration fails loudly: with an error and another exit status."""
    script = (
        f"import sys; sys.path.insert(0, {str(TOP / 'examples')!r})\n"
        "import demo\n"
        "def enrol(place):\n"
        "    demo.check(False, 'the moon is here')\n"
        "demo.enrol = enrol\n"
        "sys.exit(demo.main())\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=55, cwd=tmp_path
    )
    assert done.returncode != 0
    assert "this does not hold: the moon is here" in done.stdout + done.stderr


@pytest.mark.skipif(not Path(sys.executable).with_name("remit").exists(), reason="remit is not installed here")
def test_the_main_job_by_hand() -> None:
    """What README.md says can be typed, can be typed, with the output that it shows."""
    command = [sys.executable, str(TOP / "tools" / "tour.py"), str(TOP / "README.md")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=55)
    assert done.returncode == 0, done.stdout + done.stderr
