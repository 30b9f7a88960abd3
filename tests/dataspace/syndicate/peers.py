"""Environments of foreign peers, apart from our own: made once under `.peers/` in the checkout, and kept."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import venv
from pathlib import Path

import pytest

HOME = Path(__file__).parents[3] / ".peers"
SYNDICATE_PY = "syndicate-py==0.19.3"


def python_with(package: str) -> Path:
    """The interpreter of an environment that has this package; skips the test where it cannot be installed."""
    place = HOME / f"{package.replace('==', '-')}-{sys.version_info.major}.{sys.version_info.minor}"
    python = place / "bin" / "python"
    HOME.mkdir(exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "installed").exists():
            venv.create(place, clear=True, with_pip=True)
            pip = [
                str(python),
                "-m",
                "pip",
                "--disable-pip-version-check",
                "install",
                "-q",
                "--timeout",
                "10",
                "--retries",
                "1",
            ]
            done = subprocess.run([*pip, package], capture_output=True, text=True, timeout=50, check=False)
            if done.returncode:
                why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                pytest.skip(f"{package} could not be installed: {why}")
            (place / "installed").touch()
    return python
