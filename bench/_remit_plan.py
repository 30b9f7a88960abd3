"""A boss with the machines, offers and 500 bindings of a remit.toml, for the measurement of plans."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATIENCE = 120.0  # seconds for the one run that makes everything
OFFERS = 20
CLASS = """from remit import actor, field, reads
from remit.lib import keyed


@actor(kind="bench.notes", version=1)
class Notes:
    notes: dict[str, str] = field(dict)

    @reads
    @keyed("name")
    def read(self, name: str) -> str | None:
        return self.notes.get(name)
"""


def declaration(bindings: int, narrowed: str) -> str:
    """A remit.toml with so many bindings, narrowed so."""
    lines = ["[boss]", 'state = "boss"', "[machines.db]", 'options = { classes = ["benchnotes"], path = ["."] }']
    for number in range(OFFERS):
        lines += [f"[machines.db.offers.o{number}]", 'kind = "bench.notes"']
    lines.append("[machines.app.bindings]")
    lines += [f'b{n} = {{ service = "db.o{n % OFFERS}", {narrowed} }}' for n in range(bindings)]
    return "\n".join(lines) + "\n"


class Plans:
    """A boss, and a project that has been applied once."""

    def __init__(self, bindings: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.folder.joinpath("benchnotes.py").write_text(CLASS)
        self.declare("remit.toml", bindings, "read_only = true")
        self.declare("other.toml", bindings, 'read_only = true, prefix = "x"')
        self.boss = subprocess.Popen(self._command("boss", "run"), **self._where())
        try:
            self._run("boss", "wait")
            self._run("up", "--yes")
        except BaseException:
            self.close()
            raise

    def declare(self, name: str, bindings: int, narrowed: str) -> None:
        self.folder.joinpath(name).write_text(declaration(bindings, narrowed))

    def plan(self, file: str, steps: int) -> list[float]:
        """Milliseconds of `remit plan`, whole."""
        began = time.perf_counter()
        told = self._run("--config", str(self.folder / file), "plan")
        took = (time.perf_counter() - began) * 1e3
        said = f"{steps} to change" if steps else "nothing to do"
        if said not in told:
            raise RuntimeError(f"the plan was another: {told[:200]}")
        return [took]

    def close(self) -> None:
        subprocess.run(self._command("down", "--yes"), **self._where(), timeout=PATIENCE, check=False)
        self.boss.terminate()
        self.boss.wait(PATIENCE)
        shutil.rmtree(self.folder)

    def _run(self, *words: str) -> str:
        where = {**self._where(), "stdout": subprocess.PIPE}
        done = subprocess.run(self._command(*words), **where, text=True, timeout=PATIENCE, check=False)
        if done.returncode:
            raise RuntimeError(f"remit {' '.join(words)} ended with {done.returncode}")
        return str(done.stdout)

    def _command(self, *words: str) -> list[str]:
        return [str(Path(sys.executable).parent / "remit"), *words]

    def _where(self) -> dict[str, object]:
        null = subprocess.DEVNULL
        env = {name: value for name, value in os.environ.items() if not name.startswith(("REMIT_", "XDG_"))}
        return {"cwd": self.folder, "env": env, "stdin": null, "stdout": null, "stderr": null}
