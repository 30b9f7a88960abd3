"""The engine that draws choices one by one, with hypothesis: what it finds it makes small."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fuzz._guard import Growth
from fuzz._tape import Writer
from fuzz._target import Finding, Target

__all__ = ["Outcome", "draw_all"]

LOOK = 500  # inputs between two looks at the memory


@dataclass
class Outcome:
    """What came of one target on one engine."""

    target: str
    inputs: int = 0
    found: list[tuple[bytes, BaseException]] = field(default_factory=list)
    grown: int = 0


def draw_all(target: Target, inputs: int, first: int, tell: Any = None) -> Outcome:
    """Run so many structured inputs; the smallest one that breaks a rule is in the outcome."""
    outcome, growth = Outcome(target.name), Growth()
    last: list[tuple[bytes, BaseException]] = []

    @seed(first)
    @settings(
        max_examples=inputs,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(st.data())
    def run(data: Any) -> None:
        writer = Writer(
            lambda low, high: data.draw(st.integers(low, high)),
            lambda most: data.draw(st.binary(max_size=most)),
            target.steps,
        )
        outcome.inputs += 1
        try:
            target.check(writer)
            if outcome.inputs % LOOK == 0:
                _look(growth)
                if tell is not None:
                    tell(outcome.inputs, growth.most)
        except Exception as error:
            last[:] = [(bytes(writer.written), error)]
            raise

    try:
        run()
    except Exception as error:  # noqa: BLE001  # any error is what we look for
        outcome.found = last or [(b"", error)]
    growth.look()
    outcome.grown = growth.most - growth.first
    return outcome


def _look(growth: Growth) -> None:
    wrong = growth.look()
    if wrong is not None:
        raise Finding(wrong)
