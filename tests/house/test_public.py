"""The public surface: what each package exports is what is written down, and nothing leaks.

After a change of the surface that is meant:  .venv/bin/python -m tests.house.test_public
writes the lists in tests/house/public anew, and the vocabularies of public records in protocols/remit. Look at the difference before committing it.
"""

from __future__ import annotations

import importlib
import types
from pathlib import Path

import pytest

from tests.house.source import Module, modules

LISTS = Path(__file__).parent / "public"
COMMAND = "run `.venv/bin/python -m tests.house.test_public` and look at the difference"


def is_public(module: Module) -> bool:
    return not any(part.startswith("_") for part in module.name.split("."))


PUBLIC = [module.name for module in modules() if is_public(module)]


def surface(name: str) -> list[str]:
    """What a public module promises, in order: its `__all__`."""
    return sorted(importlib.import_module(name).__all__)


def leaked(name: str) -> list[str]:
    """Names without an underscore that can be reached in a public module and that it does not promise."""
    module = importlib.import_module(name)
    return [
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and key not in module.__all__
        and key != "annotations"
        and not (isinstance(value, types.ModuleType) and value.__name__ == f"{name}.{key}")
    ]


def test_implementation_is_private() -> None:
    """Inside a package, all modules but `__init__` and subpackages are named `_name.py`."""
    named = [
        module.shown
        for module in modules()
        if module.path.name != "__init__.py" and module.name.count(".") > 1 and not module.path.name.startswith("_")
    ]
    assert named == []


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_promised_is_there(name: str) -> None:
    """Every name in `__all__` can be had, and none is listed twice."""
    module = importlib.import_module(name)
    names = getattr(module, "__all__", None)
    assert names is not None, "a public module says in __all__ what it promises"
    assert len(set(names)) == len(names)
    assert [key for key in names if not hasattr(module, key)] == []


@pytest.mark.parametrize(
    "name", [name for name in PUBLIC if (LISTS.parents[2] / "src" / Path(*name.split("."))).is_dir()]
)
def test_packages_leak_nothing(name: str) -> None:
    """A package shows what is in its `__all__` and its subpackages, and no helper that it happened to import."""
    assert leaked(name) == []


@pytest.mark.parametrize("name", PUBLIC)
def test_the_surface_is_the_one_written_down(name: str) -> None:
    """A public name appears or goes only together with its line in tests/house/public."""
    path = LISTS / f"{name}.txt"
    written = path.read_text(encoding="utf-8").split() if path.exists() else []
    assert surface(name) == written, COMMAND


def test_no_list_is_left_over() -> None:
    """There is no list of a package that is gone."""
    assert {path.stem for path in LISTS.glob("*.txt")} <= set(PUBLIC), COMMAND


def main() -> None:
    LISTS.mkdir(exist_ok=True)
    for path in LISTS.glob("*.txt"):
        path.unlink()
    for name in PUBLIC:
        text = "".join(f"{line}\n" for line in surface(name))
        (LISTS / f"{name}.txt").write_text(text, encoding="utf-8")
    print(f"wrote {len(PUBLIC)} lists to {LISTS}")

    from tests.house.test_protocols import main as write_protocols  # loads all packages

    write_protocols()


if __name__ == "__main__":
    main()
