"""How Python finds modules that were loaded: before all others, in the trees that bundles were unpacked to.

Modules are the process's: servers that share a process share what is loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final, NamedTuple

__all__ = ["FINDER", "Place"]


class Place(NamedTuple):
    """Where a loaded module is: its file in a tree, that tree, the digest of its source, of its bundle, and what it imports when it is executed."""

    file: Path
    tree: Path
    digest: bytes
    bundle: str
    imports: tuple[str, ...]
    code: CodeType | None = None

    @property
    def package(self) -> bool:
        """Whether it is a package's own file."""
        return self.file.name == "__init__.py"


class _Loader(SourceFileLoader):
    """Executes what was compiled when the bundle was looked at; a tree has no cache of its own to trust."""

    def __init__(self, name: str, place: Place) -> None:
        super().__init__(name, str(place.file))
        self._place = place

    def get_code(self, fullname: str) -> CodeType:
        if self._place.code is not None:
            return self._place.code
        return self.source_to_code(self.get_data(self.path), self.path)


class Finder:
    """The one finder of this process (`sys.meta_path`); there from the first load on."""

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module is, as the import system asks."""
        place = self.places.get(name)
        if place is None:
            return self._namespace(name, path)
        search = None
        if place.package:
            own = PathFinder.find_spec(name, path)
            search = [
                str(place.file.parent),
                *((own and own.submodule_search_locations) or ()),
            ]  # what was not loaded is still found
        return spec_from_file_location(name, place.file, loader=_Loader(name, place), submodule_search_locations=search)

    def _namespace(self, name: str, path: Sequence[str] | None) -> ModuleSpec | None:
        """A directory of loaded modules that is no package by itself."""
        inside = f"{name}."
        places = {
            str(place.tree.joinpath(*name.split(".")))
            for known, place in self.places.items()
            if known.startswith(inside)
        }
        if not places or PathFinder.find_spec(name, path) is not None:
            return None
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = sorted(places)
        return spec

    def use(self, places: dict[str, Place]) -> None:
        """From now on these modules are there, besides those that were."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        self.places = {**self.places, **places}


FINDER: Final = Finder()
