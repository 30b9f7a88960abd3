"""Runs the variants of an experiment in turns, and keeps what they measured."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from . import _stats

ROOT = Path(__file__).resolve().parent.parent

Measure = Callable[[], Sequence[float]]
"""One measurement: a number for each table of its experiment."""


@dataclass(frozen=True)
class Options:
    only: tuple[str, ...] = ()
    reps: int = 5
    scale: float = 1.0

    def wants(self, name: str) -> bool:
        return not self.only or any(word in name for word in self.only)


@dataclass(frozen=True)
class Table:
    key: str
    title: str
    unit: str
    better: str  # "higher" or "lower"


@dataclass(frozen=True)
class Experiment:
    """Variants that are measured in turns; `skipped` says why each missing one is missing."""

    tables: tuple[Table, ...]
    baseline: str
    variants: Mapping[str, Measure]
    packages: tuple[str, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)
    warm: bool = True


def chosen(experiment: Experiment, options: Options) -> Mapping[str, Measure]:
    """All variants if a table is asked for by its key, else those asked for by name, and the baseline."""
    if any(options.wants(table.key) for table in experiment.tables):
        return experiment.variants
    named = {name: measure for name, measure in experiment.variants.items() if options.wants(name)}
    if named and experiment.baseline in experiment.variants:
        named[experiment.baseline] = experiment.variants[experiment.baseline]
    return named


def rotations(names: Sequence[str], count: int) -> Iterator[str]:
    """Every name once for each repetition, each repetition starting one further on."""
    for repetition in range(count):
        turn = repetition % len(names)
        yield from names[turn:]
        yield from names[:turn]


def sample(
    variants: Mapping[str, Measure], options: Options, warm: bool
) -> tuple[dict[str, list[Sequence[float]]], dict[str, str]]:
    """What each variant measured in each repetition, and why the failed ones failed."""
    samples: dict[str, list[Sequence[float]]] = {name: [] for name in variants}
    failed: dict[str, str] = {}
    names = list(variants)
    order = [(name, False) for name in names if warm] + [(name, True) for name in rotations(names, options.reps)]
    for name, kept in order:
        if name in failed:
            continue
        try:
            value = variants[name]()
        except Exception as error:  # noqa: BLE001 - a broken peer must not stop the others
            failed[name] = reason(error)
            samples.pop(name)
        else:
            if kept:
                samples[name].append(value)
    return samples, failed


def reason(error: Exception) -> str:
    """One line of why a variant is missing, without this machine's paths."""
    return re.sub(r"'?(/[\w.+-]+){2,}'?", "a path", f"{type(error).__name__}: {error}".splitlines()[0])[:160]


def versions(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
    }


def load() -> float:
    return round(os.getloadavg()[0], 1)


def run(experiment: Experiment, options: Options) -> list[dict[str, Any]]:
    """Measure an experiment; a record for each of its tables, ready for JSON."""
    variants = chosen(experiment, options)
    if not variants:
        return []
    before, began = load(), time.perf_counter()
    samples, failed = sample(variants, options, experiment.warm)
    common = {
        "baseline": experiment.baseline,
        "skipped": experiment.skipped | failed,
        "partial": not any(options.wants(table.key) for table in experiment.tables),
        "reps": options.reps,
        "scale": options.scale,
        "seconds": round(time.perf_counter() - began, 1),
        "load": before,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine(),
        "versions": versions(experiment.packages),
    }
    return [
        asdict(table)
        | common
        | {"samples": {name: [float(f"{value[at]:.4g}") for value in values] for name, values in samples.items()}}
        for at, table in enumerate(experiment.tables)
    ]


def text(record: Mapping[str, Any]) -> str:
    """A record as people read it in a terminal."""
    head = f"{record['title']} ({record['unit']}, {record['better']} is better)"
    about = f"{record['reps']} interleaved repetitions, {record['seconds']} s, load {record['load']} before"
    lines = _stats.rows(record["samples"], record["baseline"])
    table = _stats.markdown(["variant", "median", "min", "max", f"x {record['baseline']}"], lines)
    return f"\n## {record['key']}: {head}\n\n{table}\n\n{about}"


def save(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Put the records into the file, each in the place of an older record of the same table."""
    tables = json.loads(path.read_text())["tables"] if path.exists() else {}
    tables |= {record["key"]: record for record in records}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"tables": tables}, indent=1) + "\n")


def arguments(argv: Sequence[str] | None, doc: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser("bench", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="A,B", help="tables or variants whose name contains one of these")
    parser.add_argument("--reps", type=int, default=5, help="repetitions after the warm-up (5)")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the amount of work (1.0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also keep the samples there")
    parser.add_argument("--here", action="store_true", help="in this interpreter's environment, not the bench's own")
    return parser.parse_args(argv)
