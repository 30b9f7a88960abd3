"""The compiled build beside the pure one: for variants named `…, compiled`, whose processes import it as `remit`.

Interpreter, libraries and peers are the same; only the package `remit` is another. `tools/setup compiled` builds it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from ._harness import ROOT

MARK = ", compiled"
SITE = ROOT / ".bench" / "compiled"


def both(names: Iterable[str]) -> list[str]:
    """The names of variants, each of Remit's followed by the same on the compiled build."""
    return [each for name in names for each in ([name, name + MARK] if name.startswith("Remit") else [name])]


def pure(name: str) -> str:
    """The name of the variant without its mark."""
    return name.removesuffix(MARK)


def environment(name: str) -> dict[str, str] | None:
    """What a process that measures this variant finds around it; None for one of the pure build.

    Raises RuntimeError with the reason where there is no compiled build.
    """
    if not name.endswith(MARK):
        return None
    problem = _build()
    if problem:
        raise RuntimeError(problem)
    return {**os.environ, "PYTHONPATH": str(SITE)}


@cache
def _build() -> str:
    """Bring the build up to date, once in a run; what is the matter, if anything."""
    status = subprocess.run([ROOT / "tools" / "setup", "compiled"], check=False).returncode
    if status == 3:
        return "no compiled build, for want of a C compiler or of Python's headers"
    if status:
        return "no compiled build: `make compiled` says why"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    installed = ROOT / ".venv-compiled" / "lib" / version / "site-packages"
    found = [installed / "remit", *installed.glob("remit__mypyc*")]
    if len(found) < 2:
        return f"the compiled build in .venv-compiled is none of {version}"
    SITE.mkdir(parents=True, exist_ok=True)
    for old in SITE.iterdir():
        old.unlink()
    for path in found:
        _link(path)
    return ""


def _link(path: Path) -> None:
    (SITE / path.name).symlink_to(path)


def check(name: str) -> None:
    """In the process of a variant: that it measures the build that it is named after. Raises RuntimeError where not."""
    import remit

    if name.startswith("Remit") and remit.compiled != name.endswith(MARK):
        raise RuntimeError("it would have measured the other build")
