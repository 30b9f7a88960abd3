"""Finding the references in a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from remit.values import Reference, Tagged
from remit.values.preserves import Compound, Map, Set

__all__ = ["references_in"]

_ATOMS: Final = frozenset({bool, int, float, str, bytes, type(None)})


def references_in(value: Any) -> Iterator[Reference]:
    """Each reference in a value, once for each time that it stands there."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        kind = type(value)
        if kind in _ATOMS:
            continue
        if kind is list or kind is tuple or kind is Set:
            waiting.extend(value)
        elif kind is dict:
            waiting.extend(value.values())
        elif kind is Tagged:
            waiting.append(value.value)
        elif kind is Map:
            for name, item in value.items():
                waiting.append(name)
                waiting.append(item)
        elif kind is Compound:
            waiting.append(value.label)
            waiting.extend(value.fields)
        elif isinstance(value, Reference):
            yield value
        elif hasattr(value, "__record_values__"):
            waiting.extend(value.__record_values__())
