"""The list of defects in docs/applications.md, and the tests that carry its numbers."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (A\d+) \|.*\| (.*?) \|$", re.MULTILINE)


def rows() -> dict[str, list[str]]:
    page = (TOP / "docs" / "applications.md").read_text()
    return {number: tests.split() for number, tests in ROW.findall(page)}


def docstring(test: str) -> str:
    path, _, name = test.partition("::")
    tree = ast.parse((TOP / path).read_text())
    found = [
        each
        for each in ast.walk(tree)
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name == name
    ]
    assert found, f"{test} is not there"
    return ast.get_docstring(found[0]) or ""


def test_each_defect_has_a_test_that_carries_its_number() -> None:
    """Every row names tests that exist, and at least one of them says the number; what is open says so."""
    found = rows()
    assert list(found) == [f"A{number}" for number in range(1, len(found) + 1)]
    for number, tests in found.items():
        if tests != ["(open)"]:
            words = [docstring(test) for test in tests]
            assert any(re.search(rf"\b{number}\b", each) for each in words), f"no test of {number} carries it"
