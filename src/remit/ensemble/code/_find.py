"""Where a module's files are, without executing anything: not even the packages that it is in."""

from __future__ import annotations

import difflib
import pkgutil
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from pathlib import Path
from typing import Final, NamedTuple

from remit.errors import Missing

__all__ = ["STANDARD", "Found", "find", "is_library", "unknown"]

STANDARD: Final = frozenset(sys.stdlib_module_names) | {"__main__"}
_INSTALLED: Final = ("site-packages", "dist-packages")


class Found(NamedTuple):
    """A module that was found. `file`: its source, None for a namespace package; `top`: the directory that paths in a bundle begin in; `native`: it is not Python, or has parts that are not."""

    name: str
    file: Path | None
    top: Path
    package: bool
    directories: tuple[Path, ...]
    native: bool

    @property
    def library(self) -> bool:
        """Whether it is one of the packages that are installed where it was found."""
        return is_library(self.top)


def is_library(top: Path) -> bool:
    """Whether this is a directory that packages are installed in."""
    return top.name in _INSTALLED


def find(name: str, path: Sequence[str]) -> Found | None:
    """The module of this name on this path; None where there is none, or it is in no file."""
    search: Sequence[str] = path
    spec: ModuleSpec | None = None
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        # The last part alone: with the whole name, Python would look for the packages among those that were executed.
        spec = PathFinder.find_spec(parts[depth - 1], search)
        if spec is None or (spec.submodule_search_locations is None and depth < len(parts)):
            return None
        search = list(spec.submodule_search_locations or ())
    assert spec is not None
    origin = Path(spec.origin) if spec.has_location and spec.origin else None
    package = spec.submodule_search_locations is not None
    directories = tuple(Path(place) for place in spec.submodule_search_locations or ())
    where = origin or (directories[0] / "x" if directories else None)
    if where is None or (origin is not None and not origin.is_file()):
        return None
    up = len(parts) if package else len(parts) - 1
    top = where.parents[up] if len(where.parents) > up else where.parent
    native = origin is not None and origin.name.endswith((*EXTENSION_SUFFIXES, *BYTECODE_SUFFIXES))
    return Found(name, origin, top, package, directories, native)


def unknown(name: str, path: Iterable[str], where: str) -> Missing:
    """The error of a module that is nowhere on a path, with the nearest name that there is."""
    parts = name.split(".")
    places = list(path)
    base: list[str] = []
    for part in parts:
        known = [found.name for found in pkgutil.iter_modules(places)]
        if part not in known:
            near = difflib.get_close_matches(part, known, 1)
            hint = f"; did you mean {'.'.join([*base, near[0], *parts[len(base) + 1 :]])}?" if near else ""
            return Missing(f"there is no module {name} {where}{hint}")
        base.append(part)
        places = [str(Path(place, part)) for place in places if Path(place, part).is_dir()]
    return Missing(f"there is no module {name} {where}")
