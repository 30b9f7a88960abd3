"""The classes that an agent knows: those of modules that its configuration names, and no others."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Sequence

from remit.errors import BadArgument
from remit.vat import ActorType

__all__ = ["classes_of"]


def classes_of(modules: Sequence[str], path: Iterable[str] = ()) -> list[type]:
    """Every `@actor` class that these modules define, found on `path` (directories) or where Python finds it.

    Raises `BadArgument` naming a module that cannot be imported.
    """
    for place in path:
        if place not in sys.path:
            sys.path.append(place)
    found: dict[type, None] = {}
    for name in modules:
        try:
            module = importlib.import_module(name)
        except Exception as error:
            raise BadArgument(
                f"the module {name!r} of this machine's classes cannot be imported ({type(error).__name__}: {error}); "
                f"it was looked for in: {', '.join(map(str, path)) or 'the usual places'}"
            ) from error
        for value in vars(module).values():
            if isinstance(value, type) and isinstance(vars(value).get("_remit_"), ActorType):
                found[value] = None
    return list(found)
