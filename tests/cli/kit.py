"""Running commands: in this process where that is enough, as processes of their own where it is not."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.house.source import SRC

PATIENCE = 45.0  # seconds for anything that is waited for
NAMES = ("REMIT_", "XDG_", "NO_COLOR")


class Done(NamedTuple):
    """What a command came to: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


Invoke = Callable[..., Done]


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a person with an empty home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NAMES)}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(SRC), "LC_ALL": "C.UTF-8", **more}


def command(*words: str) -> list[str]:
    """How a command is started."""
    return [sys.executable, "-m", "remit.cli", *words]


def process(home: Path, *words: str, stdin: str = "", cwd: Path | None = None, **more: str) -> Done:
    """Run a command as a process of its own."""
    done = subprocess.run(
        command(*words),
        env=environment(home, **more),
        input=stdin,
        cwd=cwd or home,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def on_terminal(home: Path, script: str, **more: str) -> str:
    """What a script writes to a terminal, stderr included."""
    ours, theirs = pty.openpty()
    env = environment(home, **{"TERM": "xterm", **more})
    with subprocess.Popen(
        [sys.executable, "-c", script], env=env, stdin=theirs, stdout=theirs, stderr=theirs, cwd=home
    ) as child:
        os.close(theirs)
        written = b""
        deadline = time.monotonic() + PATIENCE
        try:
            while select.select([ours], [], [], max(0, deadline - time.monotonic()))[0]:
                if not (piece := os.read(ours, 4096)):
                    break
                written += piece
        except OSError:
            pass  # Linux says so when the other side has closed
        finally:
            os.close(ours)
        assert child.wait(PATIENCE) == 0
    return written.decode()
