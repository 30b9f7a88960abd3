"""Medians and ratios of interleaved samples, and how numbers are written."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

Samples = Mapping[str, Sequence[float]]


def ratio(samples: Samples, name: str, baseline: str) -> float | None:
    """The median of the ratios within each repetition; None where one of the two was not measured."""
    if not samples.get(name) or not samples.get(baseline):
        return None
    pairs = zip(samples[name], samples[baseline], strict=True)
    ratios = [value / base for value, base in pairs if base]
    return statistics.median(ratios) if ratios else None


def short(number: float | None) -> str:
    """Three figures or so, with k and M."""
    if number is None or math.isnan(number):
        return "-"
    size = abs(number)
    if size >= 1e6:
        return f"{number / 1e6:.2f}M"
    if size >= 1e4:
        return f"{number / 1e3:.1f}k"
    return f"{number:.0f}" if size >= 100 else f"{number:.3g}"


def rows(samples: Samples, baseline: str) -> list[list[str]]:
    """For each variant: name, median, minimum, maximum, ratio to the baseline."""
    return [
        [name, *map(short, (statistics.median(values), min(values), max(values), ratio(samples, name, baseline)))]
        for name, values in samples.items()
    ]


def markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, numbers to the right."""
    rule = "|---|" + "---:|" * (len(header) - 1)
    return "\n".join(["| " + " | ".join(header) + " |", rule, *("| " + " | ".join(line) + " |" for line in lines)])
