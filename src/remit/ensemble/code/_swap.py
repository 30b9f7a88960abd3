"""Modules are executed anew, all or none: where one raises, the modules are those that were there before."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any, Final

from remit.ensemble.code._bounded import bounded
from remit.ensemble.code._finder import FINDER, Place
from remit.values import labels_kept

__all__ = ["Swap"]

_GONE: Final = object()


class Swap:
    """One exchange of modules. `old`: those that were there and are replaced; `new`: those that have come, after `execute`."""

    def __init__(self, names: Iterable[str], places: dict[str, Place]) -> None:
        self.names = list(names)
        self.places = places
        self.old: dict[str, ModuleType] = {}
        self.new: dict[str, ModuleType] = {}
        self._before = FINDER.places
        self._attributes: list[tuple[ModuleType, str, Any]] = []
        self._absent = {package for name in self.names for package in _packages(name) if package not in sys.modules}

    def execute(self, module: str, then: Callable[[], None], limit: float) -> None:
        """Import the module with what it needs, within `limit` seconds, then call `then`. Whatever either raises leaves the modules as they were."""
        self._take_away()
        FINDER.use(self.places)
        try:
            with labels_kept():
                with bounded(limit):
                    importlib.import_module(module)
                    # What was imported before and is not any more would leave its users with nothing to go on with.
                    for name in self.old:
                        if name not in sys.modules:
                            importlib.import_module(name)
                self.new = {name: sys.modules[name] for name in self.names if name in sys.modules}
                then()
        except BaseException:
            self._put_back()
            raise

    def _take_away(self) -> None:
        for name in self.names:
            found = sys.modules.pop(name, None)
            if found is not None:
                self.old[name] = found
            package, _, tail = name.rpartition(".")
            parent = sys.modules.get(package) or self.old.get(package)
            if parent is not None:
                self._attributes.append((parent, tail, vars(parent).get(tail, _GONE)))

    def _put_back(self) -> None:
        for name in (*self.names, *self._absent):
            sys.modules.pop(name, None)
        sys.modules.update(self.old)
        for parent, tail, value in self._attributes:
            if value is not _GONE:
                setattr(parent, tail, value)
            elif tail in vars(parent):
                delattr(parent, tail)
        FINDER.places = self._before


def _packages(name: str) -> Iterator[str]:
    """The packages that a module is in."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name
