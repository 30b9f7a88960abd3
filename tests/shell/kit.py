"""Running bash with the shell library."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from tests.house.source import TOP

__all__ = ["LIBRARY", "PATIENCE", "bash", "plain_environment"]

LIBRARY: Final = TOP / "shell" / "syndicate.sh"
PATIENCE: Final = 30.0  # seconds for anything that is waited for


def plain_environment(**more: str) -> dict[str, str]:
    """The environment of a script, with nothing of the user's that the library reads."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SYNDICATE_")}
    return {**kept, "LC_ALL": "C.UTF-8", **more}


def bash(script: str, *words: str, stdin: bytes = b"", library: Path = LIBRARY, **more: str) -> bytes:
    """What a script that has sourced the library writes to stdout; it has to succeed, and to say nothing on stderr."""
    done = subprocess.run(
        ["bash", "-c", f'set -eu; . "$0"; {script}', str(library), *words],
        input=stdin,
        env=plain_environment(**more),
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b""), done
    return done.stdout
