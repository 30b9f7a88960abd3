"""docs/ocapn.md says what the engine does."""

from __future__ import annotations

import re

from remit.captp import DIALECTS
from remit.captp._incoming import OPERATIONS
from tests.house.source import TOP
from tests.house.test_coverage import missing

PAGE = (TOP / "docs" / "ocapn.md").read_text(encoding="utf-8")


def test_every_test_that_the_page_names_exists() -> None:
    """A line of the page is shown by tests that are there."""
    named = re.findall(r"tests/[\w/.]+::\w+", PAGE)
    assert len(named) > 30
    assert [why for name in named if (why := missing(name))] == []


def test_the_page_names_every_operation_and_dialect() -> None:
    """What is added to the engine is added to the page."""
    assert [name for name in [*OPERATIONS, *DIALECTS] if name not in PAGE] == []


def test_each_line_is_done_partial_or_refused_and_has_tests() -> None:
    """No line without its state and its proof."""
    lines = PAGE.split("## Dialects")[0].splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith(("| message", "| rule"))]
    assert len(rows) > 15
    for row in rows:
        _, _, state, _, tests, _ = (part.strip() for part in row.split("|"))
        assert state in ("done", "partial", "refused"), row
        assert "::" in tests, row
