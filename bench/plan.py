"""What a plan of 500 bindings costs: the whole command, with what it reads, observes, compares and prints."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ._harness import Experiment, Measure, Options, Table
from ._peer import wanted
from .startup import BASELINE, process

PLAN = Table("plan", "remit plan, the whole command", "ms", "lower")
BINDINGS = 500
SAME, OTHER = f"{BINDINGS} bindings, nothing to do", f"{BINDINGS} bindings, all to be changed"


def experiments(options: Options) -> Iterator[Experiment]:
    variants: dict[str, Measure] = {BASELINE: process(sys.executable, "-c", "pass")}
    if not wanted([SAME, OTHER], [PLAN.key], "", options):
        yield Experiment((PLAN,), BASELINE, variants, ("remit",))
        return
    from ._remit_plan import Plans

    plans = Plans(BINDINGS)
    try:
        variants[SAME] = lambda: plans.plan("remit.toml", 0)
        variants[OTHER] = lambda: plans.plan("other.toml", BINDINGS)
        yield Experiment((PLAN,), BASELINE, variants, ("remit",))
    finally:
        plans.close()
