"""The bench's own environment, `.bench/venv`: the project and its peers, so that the project's own stays clean."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ._harness import ROOT

VENV = ROOT / ".bench" / "venv"
REQUIREMENTS = ROOT / "bench" / "requirements.txt"


def peers() -> list[str]:
    lines = (line.partition("#")[0].strip() for line in REQUIREMENTS.read_text().splitlines())
    return [line for line in lines if line]


def _pip(*what: str) -> bool:
    argv = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "-q", *what]
    return subprocess.run(argv, check=False).returncode == 0


def prepare() -> Path:
    """Make or bring up to date the environment; its interpreter. A peer that cannot be installed is named and left."""
    state = "\n".join([sys.version, str(ROOT), (ROOT / "pyproject.toml").read_text(), REQUIREMENTS.read_text()])
    wanted, mark = hashlib.sha256(state.encode()).hexdigest(), VENV / "installed"
    if not mark.exists() or mark.read_text() != wanted:
        print(f"preparing {VENV.relative_to(ROOT)} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        if not _pip("-e", str(ROOT)):
            raise SystemExit("bench: the project could not be installed into .bench/venv; see pip's words above")
        for peer in peers():
            if not _pip(peer):
                print(f"skipped {peer}: it could not be installed here")
        mark.write_text(wanted)
    return VENV / "bin" / "python"


def enter(argv: Sequence[str]) -> None:
    """Go on in the bench's environment: replaces this process unless it runs there already."""
    if Path(sys.prefix) != VENV:
        python = prepare()
        os.execv(python, [str(python), "-m", "bench", *argv])
