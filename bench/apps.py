"""What applications cost: the graph of a large one, planned; and the example, from the command to its first answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ._harness import Experiment, Measure, Options, Table
from ._peer import wanted
from .startup import BASELINE, process

APPLICATION = Table("application", "An application, from the command to what comes of it", "ms", "lower")
COMPONENTS = 1000
PLAN = f"{COMPONENTS} components, computed and planned"
HERE, APART = "the example, in process", "the example, processes"


def experiments(options: Options) -> Iterator[Experiment]:
    variants: dict[str, Measure] = {BASELINE: process(sys.executable, "-c", "pass")}
    if not wanted([PLAN, HERE, APART], [APPLICATION.key], "", options):
        yield Experiment((APPLICATION,), BASELINE, variants, ("remit",))
        return
    from ._remit_app import Programs

    programs = Programs(COMPONENTS)
    try:
        variants[PLAN] = programs.plan
        variants[HERE] = programs.here
        variants[APART] = programs.apart
        yield Experiment((APPLICATION,), BASELINE, variants, ("remit",))
    finally:
        programs.close()
