"""What a command costs before it does anything: whole processes, with warm byte code."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from . import _compiled
from ._harness import ROOT, Experiment, Measure, Options, Table

TABLES = (Table("startup", "A whole process", "ms", "lower"),)
BASELINE = "python -c pass"
CLICK = "import click; click.command()(lambda: click.echo('hello'))()"


def process(*argv: str, build: str = "") -> Measure:
    def measure() -> list[float]:
        env = _compiled.environment(build)
        if not shutil.which(argv[0]):
            raise RuntimeError("not installed here")
        began = time.perf_counter()
        none = subprocess.DEVNULL
        done = subprocess.run(argv, cwd=ROOT, env=env, stdin=none, capture_output=True, text=True, check=False)
        took = (time.perf_counter() - began) * 1e3
        if done.returncode:
            raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1])
        return [took]

    return measure


def experiments(options: Options) -> Iterator[Experiment]:
    variants = {
        BASELINE: process(sys.executable, "-c", "pass"),
        "import asyncio": process(sys.executable, "-c", "import asyncio"),
        "a hello of click's": process(sys.executable, "-c", CLICK),
        "import remit": process(sys.executable, "-c", "import remit"),
        "import remit, compiled": process(sys.executable, "-c", "import remit", build=_compiled.MARK),
        "remit --help": process(str(Path(sys.executable).parent / "remit"), "--help"),
    }
    yield Experiment(TABLES, BASELINE, variants, ("remit", "click"))
