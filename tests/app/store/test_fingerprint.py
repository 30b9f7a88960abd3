"""What counts as a change of an index function."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remit.app.store._fingerprint import fingerprint

PLAIN = """
LIMIT = 3
def helper(value): return value.lower()[:LIMIT]
def by_name(value):
    return helper(value["name"])
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Any]:
    count = 0

    def loaded(source: str, name: str = "by_name") -> Any:
        nonlocal count
        count += 1
        path = tmp_path / f"program{count}.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location("program", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return getattr(module, name)

    return loaded


def test_layout_does_not_count(load: Any) -> None:
    """Comments, blank lines, docstrings, annotations, and where it stands change nothing; nor does its name."""
    laid_out = '''
# a comment
LIMIT = 3

def helper(value: str) -> str:
    """Words."""
    return (
        value.lower()[ :LIMIT]  # why
    )

other = 1

def by_name(value: dict) -> str:
    """More words."""

    return helper(value['name'])
'''
    assert fingerprint(load(PLAIN)) == fingerprint(load(laid_out)) != ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('["name"]', '["other"]'),
        ("lower", "upper"),
        ("LIMIT = 3", "LIMIT = 4"),
        ("by_name(value)", "by_name(value, x=1)"),
    ],
    ids=["itself", "a function that it calls", "a constant that it reads", "a default"],
)
def test_what_counts(load: Any, old: str, new: str) -> None:
    """What it computes does: its own syntax, the program's functions that it calls, the constants that it reads, its defaults."""
    assert fingerprint(load(PLAIN)) != fingerprint(load(PLAIN.replace(old, new)))


def test_lambdas_in_one_line(load: Any) -> None:
    """Each of several lambdas of a line is known by its own part of it."""
    source = "both = [lambda value: value['a'], lambda value: value['b']]\nsame = lambda value: value['a']\n"
    both, alone = load(source, "both"), load(source, "same")
    assert fingerprint(both[0]) == fingerprint(alone) != fingerprint(both[1]) != ""


def test_without_a_source() -> None:
    """A function that was typed at a prompt, or is not Python's, has no fingerprint: only its version speaks for it."""
    scope: dict[str, Any] = {}
    exec("def typed(value): return value", scope)
    assert fingerprint(scope["typed"]) == "" and fingerprint(len) == ""


def test_closures_and_recursion(load: Any) -> None:
    """What a closure holds counts; functions that call each other end."""
    source = "def make(n):\n    return lambda value: value[:n]\nmade = [make(1), make(2), make(1)]\ndef by_name(v): return by_name(v[1:]) if v else v\n"
    one, two, again = load(source, "made")
    assert fingerprint(one) == fingerprint(again) != fingerprint(two)
    assert fingerprint(load(source)) != ""
    assert sys.getrecursionlimit() < 10_000


def test_every_python_sees_the_same(load: Any) -> None:
    """The digest is the same on each version of Python: it may be newer where the program runs next. (Written down here as it is.)"""
    source = 'LIMIT = 3\ndef by_name(value):\n    return f"{{x}} {value.lower()[:LIMIT]!r:>{LIMIT}}{{y}}z" if value is not None else [x for x in value if x]\n'
    assert fingerprint(load(source)) == "1d8f6ad07a4f2a89a93d17defff65a8f"
