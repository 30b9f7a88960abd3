"""Writes docs/performance.md from the bench's JSON: `python -m bench.report [--check]`.

The text outside of the markers is people's; what is between them is made here, from `results.json` and `targets.toml`.
"""

from __future__ import annotations

import json
import statistics
import sys
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from ._harness import ROOT
from ._stats import markdown, ratio, rows, short

RESULTS = ROOT / "bench" / "results.json"
TARGETS = ROOT / "bench" / "targets.toml"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"

Record = Mapping[str, Any]
Target = Mapping[str, Any]


def measured(target: Target, tables: Mapping[str, Record]) -> float | None:
    """The number that the target is about; None where it was not measured."""
    record = tables.get(target["table"])
    if record is None or not record["samples"].get(target["variant"]):
        return None
    if "against_table" in target:
        other = tables.get(target["against_table"], {"samples": {}})["samples"].get(target["against"])
        own = record["samples"][target["variant"]]
        return statistics.median(own) / statistics.median(other) if other else None
    if "against" in target:
        return ratio(record["samples"], target["variant"], target["against"])
    return float(statistics.median(record["samples"][target["variant"]]))


def verdict(target: Target, number: float | None) -> str:
    if number is None:
        return "not measured"
    met = number >= target["at_least"] if "at_least" in target else number <= target["at_most"]
    return "met" if met else "**missed**"


def asked(target: Target, unit: str) -> str:
    bound = f"at least {target['at_least']}" if "at_least" in target else f"at most {target['at_most']}"
    if "against" not in target:
        return f"{bound} {unit}"
    return f"{bound}x {target['against']}" + (f" in `{target['against_table']}`" if "against_table" in target else "")


def summary(targets: Sequence[Target], tables: Mapping[str, Record]) -> str:
    """All targets, each with what was asked, what was measured and whether that is enough."""
    lines = []
    for target in targets:
        number = measured(target, tables)
        unit = tables.get(target["table"], {}).get("unit", "")
        found = "-" if number is None else short(number) + ("x" if "against" in target else f" {unit}")
        lines.append([target["what"], asked(target, unit), found, verdict(target, number)])
    return markdown(["what", "target", "measured", "verdict"], lines)


def section(record: Record, targets: Sequence[Target], tables: Mapping[str, Record]) -> str:
    """One table, the targets that are about it, and how it was made."""
    title = f"### {record['title']} ({record['unit']}, {record['better']} is better)"
    header = ["variant", "median", "min", "max", f"x {record['baseline']}"]
    parts = [title, markdown(header, rows(record["samples"], record["baseline"]))]
    for target in targets:
        if target["table"] == record["key"]:
            number = measured(target, tables)
            found = "" if number is None else f"{short(number)}, "
            parts.append(
                f"Target: {asked(target, record['unit'])}: {found}{verdict(target, number)} ({target['what']})."
            )
    if record["skipped"]:
        parts.append("Skipped: " + "; ".join(f"{name} ({why})" for name, why in record["skipped"].items()) + ".")
    parts.append(origin(record))
    return "\n\n".join(parts)


def origin(record: Record) -> str:
    machine, found = record["machine"], record["versions"]
    command = f"make bench ONLY={record['key']}"
    if record["reps"] != 5:
        command += f" REPS={record['reps']}"
    if record["scale"] != 1:
        command += f" SCALE={record['scale']:g}"
    about = [
        f"`{command}`",
        record["date"],
        f"{record['reps']} repetitions in {record['seconds']} s",
        f"{machine['cores']} cores, load {record['load']} before",
        f"{machine['python']}, {machine['system']}",
        *(f"{name} {version}" for name, version in found.items()),
    ]
    return "<sub>" + "; ".join(about) + "</sub>"


def page(text: str, results: Mapping[str, Any], targets: Sequence[Target]) -> str:
    """The page with its middle made anew."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    tables = results["tables"]
    body = [
        "## Targets",
        summary(targets, tables),
        "## Tables",
        *(section(r, targets, tables) for r in tables.values()),
    ]
    return head + BEGIN + "\n\n" + "\n\n".join(body) + "\n\n" + END + tail


def current() -> str:
    """The page as the committed results make it."""
    targets = tomllib.loads(TARGETS.read_text())["target"]
    return page(PAGE.read_text(), json.loads(RESULTS.read_text()), targets)


def main(argv: Sequence[str]) -> None:
    text = current()
    if "--check" in argv:
        if text != PAGE.read_text():
            raise SystemExit("docs/performance.md is not what bench/results.json makes of it: python -m bench.report")
    else:
        PAGE.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
