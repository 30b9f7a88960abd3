"""docs/coverage.md: every test that it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.house.source import TOP

PAGE = TOP / "docs" / "coverage.md"
ROW = re.compile(r"\| (?P<promise>.+) \| (?P<tests>.+) \|")
OPEN = "(open)"


def rows() -> list[tuple[int, str, list[str]]]:
    """Each promise with its line's number and the ids beside it; none for an open one."""
    found = []
    for number, line in enumerate(PAGE.read_text(encoding="utf-8").splitlines(), 1):
        match = ROW.fullmatch(line)
        if match and match["promise"] != "promise" and not line.startswith("|--"):
            tests = match["tests"].split()
            found.append((number, match["promise"], [] if tests == [OPEN] else tests))
    return found


@cache
def functions(path: Path) -> set[str]:
    """The ids of a file's tests, without the file: functions, and methods of classes as pytest writes them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    names = {node.name for node in tree.body if isinstance(node, kinds)}
    for outer in tree.body:
        if isinstance(outer, ast.ClassDef):
            names |= {f"{outer.name}::{node.name}" for node in outer.body if isinstance(node, kinds)}
            names |= {f"{outer.name}::{node.targets[0].id}" for node in outer.body if is_alias(node)}  # type: ignore[attr-defined]
        elif is_alias(outer):
            names.add(outer.targets[0].id)  # type: ignore[attr-defined]
    return names


def is_alias(node: ast.stmt) -> bool:
    """`TestTables = Tables.TestCase`: how a state machine of hypothesis becomes a test."""
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)


def missing(test: str) -> str | None:
    """Why there is no such test, if there is none."""
    path, _, name = test.partition("::")
    if not path.startswith("tests/") or not (TOP / path).is_file():
        return f"{test}: there is no such file"
    if not name.rpartition("::")[2].startswith(("test_", "Test")) or name not in functions(TOP / path):
        return f"{test}: there is no such test in that file"
    return None


def test_every_named_test_exists() -> None:
    """A test that is renamed or taken out takes its promise with it, unless the page is mended."""
    problems = [
        f"docs/coverage.md:{line}: {why}" for line, _, tests in rows() for test in tests if (why := missing(test))
    ]
    assert problems == []


def test_every_row_is_read() -> None:
    """No line of a table escapes the check by its form."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    heads = sum(line.startswith("| promise") for line in lines)
    assert len(rows()) == len(lines) - 2 * heads
    assert len(rows()) > 100


@pytest.mark.parametrize(
    "test",
    [
        "tests/house/test_gone.py::test_x",
        "tests/house/test_coverage.py::test_gone",
        "tests/house/test_coverage.py",
        "elsewhere",
    ],
)
def test_a_name_without_a_test_is_found(test: str) -> None:
    """The check sees missing files, missing functions and what is no id at all."""
    assert missing(test) is not None
    assert missing("tests/house/test_coverage.py::test_every_named_test_exists") is None


def report() -> str:
    """How much is open, for people."""
    found = rows()
    open_lines = [promise for _, promise, tests in found if not tests]
    return f"coverage: {len(found)} promises, {len(found) - len(open_lines)} with tests, {len(open_lines)} open"
