"""Packages whose names are loaded when they are first asked for: their users need few of them, and most of a process' start is loading modules."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazily"]


def lazily(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` (PEP 562) of a package that has these names, by the module of its that each is in.

    What types are checked by is imported beside it, under `TYPE_CHECKING`; that all of `__all__` can be had is tested by tests/house/test_public.py.
    """
    home = {name: module for module, names in homes.items() for name in names.split()}

    def load(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{home[name]}"), name)
        setattr(sys.modules[package], name, value)  # the next one finds it there
        return value

    return load
