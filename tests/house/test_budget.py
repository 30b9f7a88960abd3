"""Size: files and functions small enough to be read at one go. `make check` prints the medians."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from statistics import median

from tests.house.source import Module, files, modules

FOLDERS = ("src", "tests", "tools", "examples", "bench", "fuzz", "storm")
FILE_LINES = 500
FUNCTION_LINES = 50

# Functions that may be longer, and why no cut would make them clearer.
LONG: dict[str, str] = {
    "src/remit/values/_decode.py::_decode": "one loop over the bytes: a call for each byte or value would halve its speed",
    "src/remit/values/preserves/_decode.py::decode_at": "the same for Preserves",
}


def functions(module: Module) -> Iterator[tuple[str, int]]:
    """Each function with its length in lines, from `def` to its last line, without its docstring."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node, clean=False) is not None:
                text = node.body[0]
                lines -= (text.end_lineno or text.lineno) - text.lineno + 1
            yield f"{module.shown}::{node.name}", lines


def long_files() -> list[str]:
    lengths = [(len(module.text.splitlines()), module.shown) for module in files(*FOLDERS)]
    return [f"{path}: {lines} lines" for lines, path in sorted(lengths, reverse=True) if lines > FILE_LINES]


def long_functions() -> list[str]:
    found = [pair for module in files(*FOLDERS) for pair in functions(module)]
    return [f"{name}: {lines} lines" for name, lines in found if lines > FUNCTION_LINES and name not in LONG]


def test_no_file_is_too_long() -> None:
    """No file has more than 500 lines, wherever it is."""
    assert long_files() == []


def test_no_function_is_too_long() -> None:
    """No function has more than 50 lines below its docstring; the exceptions are named, and exist."""
    assert long_functions() == []
    assert LONG.keys() <= {name for module in files(*FOLDERS) for name, _ in functions(module)}


def report() -> str:
    """The medians, for people."""
    sizes = [len(module.text.splitlines()) for module in modules() if module.text.count("\n") > 5]
    lengths = [lines for module in modules() for _, lines in functions(module)]
    if not lengths:
        return "budget: no functions"
    return (
        f"budget: {len(sizes)} files, median {median(sizes):.0f} lines, longest {max(sizes)}; "
        f"{len(lengths)} functions, median {median(lengths):.0f} lines, longest {max(lengths)}"
    )
