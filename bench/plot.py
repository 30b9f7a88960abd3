"""Draws what a call costs beside live references and sessions: `python -m bench.plot` does it from the kept results.

A flat line is what is wanted. matplotlib is in the bench's own environment only; without it nothing is drawn.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import report
from ._compiled import MARK
from .many import POINTS, row

PICTURE = report.PAGE.parent / "performance-flat.png"
BUILDS = {"pure Python": "", "compiled": MARK}
COLOURS = {"": "#b5651d", MARK: "#1d5fb5"}


def lines(record: Mapping[str, Any]) -> dict[str, list[tuple[int, list[float]]]]:
    """For each build the numbers of its points; a build that was not measured is missing."""
    found: dict[str, list[tuple[int, list[float]]]] = {}
    for table, points in POINTS.items():
        for build in BUILDS.values() if table.key == record["key"] else ():
            samples = [(live, record["samples"].get(row(table, live, build))) for live in points]
            kept = [(live, values) for live, values in samples if values]
            if kept:
                found[build] = kept
    return found


def draw(tables: Mapping[str, Mapping[str, Any]], path: Path) -> str:
    """Draw what was measured of both tables into this file; what to say of it, "" if nothing was measured."""
    records = [tables[table.key] for table in POINTS if table.key in tables]
    if not records:
        return ""
    try:
        import matplotlib as mpl
    except ImportError:
        return "no picture: matplotlib is not installed here"
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(records), figsize=(4.8 * len(records), 3.4), sharey=True, squeeze=False)
    for axis, record in zip(axes[0], records, strict=True):
        for build, points in lines(record).items():
            live = [at for at, _ in points]
            named = next(name for name, mark in BUILDS.items() if mark == build)
            axis.plot(live, [statistics.median(v) for _, v in points], "o-", color=COLOURS[build], label=named)
            axis.fill_between(
                live, [min(v) for _, v in points], [max(v) for _, v in points], color=COLOURS[build], alpha=0.15
            )
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.set_ylim(bottom=0)
        axis.set_xlabel(f"live {record['key']}")
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("µs of processor time for a call,\nboth ends together")
    axes[0][0].legend(loc="lower right", frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
    return f"drew {path.name}"


if __name__ == "__main__":
    print(draw(json.loads(report.RESULTS.read_text())["tables"], PICTURE))
