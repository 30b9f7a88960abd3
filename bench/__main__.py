"""`python -m bench`: run the experiments one after the other and print their tables."""

from __future__ import annotations

import compileall
import importlib
import os
import sys
from typing import Any

from . import __doc__ as about
from . import _harness, _venv, plot, report

MODULES = (
    "actors",
    "spawn",
    "codec",
    "preserves",
    "schema",
    "pubsub",
    "remote",
    "relay",
    "many",
    "flood",
    "trace",
    "durable",
    "startup",
    "machines",
    "fleet",
    "plan",
    "tunnel",
    "services",
    "ensemble",
    "loading",
    "repl",
    "stores",
    "apps",
)


def with_bytecode() -> None:
    """Have the project's bytecode written, as an installer does: otherwise what is measured of a process that starts is the compiler."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compileall.compile_dir(_harness.ROOT / "src", quiet=2)


def main(argv: list[str]) -> None:
    given = _harness.arguments(argv, about or "")
    with_bytecode()
    if not given.here:
        _venv.enter(argv)
    options = _harness.Options(tuple(filter(None, given.only.split(","))), given.reps, given.scale)
    print(
        ", ".join(f"{name} {value}" for name, value in _harness.machine().items()), f", load {os.getloadavg()[0]:.1f}"
    )
    told: set[tuple[str, str]] = set()
    measured: dict[str, Any] = {}
    for module in MODULES:
        for experiment in importlib.import_module(f"bench.{module}").experiments(options):
            records = _harness.run(experiment, options)
            for name, why in (records[0]["skipped"] if records else {}).items():
                if (name, why) not in told:
                    print(f"skipped {name}: {why}")
                told.add((name, why))
            for record in records:
                print(_harness.text(record), flush=True)
                measured[record["key"]] = record
            if given.json:
                _harness.save(given.json, records)
    kept = given.json is not None and given.json.resolve() == report.RESULTS
    said = plot.draw(measured, plot.PICTURE if kept else _venv.VENV.parent / plot.PICTURE.name)
    if said:
        print(said)
    if kept:
        report.main([])


if __name__ == "__main__":
    main(sys.argv[1:])
