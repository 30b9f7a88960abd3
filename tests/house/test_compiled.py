"""The compiled build: what pyproject.toml lists is compiled in it, and nothing anywhere else."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import remit
from tests.house.source import TOP, modules

HOOK = ("tool", "hatch", "build", "targets", "wheel", "hooks", "custom")


def listed() -> set[str]:
    """The modules that a compiled build compiles."""
    table = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
    for name in HOOK:
        table = table[name]
    return set(table["modules"])


def compiled(name: str) -> bool:
    """Whether this module is an extension module here."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None
    return spec.origin.endswith(tuple(EXTENSION_SUFFIXES))


def test_a_compiled_build_compiles_what_is_listed_and_a_pure_one_nothing() -> None:
    """`remit.compiled` says which one runs; no module of the list has been left to the interpreter by mistake."""
    found = {module.name for module in modules() if compiled(module.name)}
    assert found == (listed() if remit.compiled else set())


def test_each_environment_runs_the_build_that_it_is_for() -> None:
    """`make test-compiled` does not test the pure source once more, nor `make test` a compiled build."""
    assert remit.compiled == (Path(sys.prefix).name == ".venv-compiled")


def test_what_is_listed_exists_and_is_private() -> None:
    """A package's `__init__` stays Python: it is run once, and tools read it."""
    assert listed() <= {module.name for module in modules() if module.path.name != "__init__.py"}
