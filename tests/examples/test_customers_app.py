"""The first program of docs/applications.md: typed, short, and run as its readers run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PROGRAM = TOP / "examples" / "customers" / "app.py"


def test_the_page_shows_the_example() -> None:
    """The program of the manual and the one in examples/ are the same, and under 40 lines."""
    lines = PROGRAM.read_text().splitlines()
    page = (TOP / "docs" / "applications.md").read_text()
    assert "".join(f"{f'> {line}'.rstrip()}\n" for line in lines) in page
    assert len(lines) < 40


def test_the_example_runs_in_this_process() -> None:
    """`remit up FILE.py` runs all components here, and ends when the client is done."""
    command = [sys.executable, "-m", "remit.cli", "up", str(PROGRAM)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "Loaded customer: Customer(id='1', name='John Doe')\n"), done.stderr


def test_the_example_is_typed(tmp_path: Path) -> None:
    """mypy --strict passes it, without casts and without a plugin; and it finds a wrong call of an endpoint, and a wrong field."""
    text = PROGRAM.read_text()
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        text.replace("get_customer('1')", "get_customer(1)").replace(
            '"example-client", server=', '"example-client", sever='
        )
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental", str(PROGRAM), str(wrong)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path)
    told = [
        line.partition("error: ")[2]
        for line in done.stdout.splitlines()
        if "error" in line and str(PROGRAM) not in line
    ]
    assert str(PROGRAM) not in done.stdout and any("incompatible type" in each for each in told), done.stdout
    assert any("sever" in each for each in told), done.stdout
