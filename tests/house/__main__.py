"""What the house tests measure, for people: `python -m tests.house`, the end of `make check`."""

from __future__ import annotations

from tests.house import test_budget, test_coverage

print(test_budget.report())
print(test_coverage.report())
