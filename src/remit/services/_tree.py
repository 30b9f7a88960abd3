"""Values as trees: their parts, and the same value with other parts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from remit.values import Tagged
from remit.values.preserves import Compound, Map, Set

__all__ = ["children", "rebuilt"]


def children(value: Any) -> Iterable[Any]:
    """The parts of a compound value, keys included; none of an atom."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, Map):
        return [part for entry in value.entries for part in entry]
    if isinstance(value, Set):
        return value.members
    if isinstance(value, Compound):
        return [value.label, *value.fields]
    if isinstance(value, Tagged):
        return value.value if isinstance(value.value, list) else [value.value]
    return list(value.__record_values__()) if hasattr(value, "__record_values__") else ()


def rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:
    """The value with each part changed."""
    if isinstance(value, list | tuple):
        return [change(each) for each in value]
    if isinstance(value, dict):
        return {name: change(each) for name, each in value.items()}
    if isinstance(value, Map):
        return Map([(change(name), change(each)) for name, each in value.entries])
    if isinstance(value, Set):
        return Set([change(each) for each in value.members])
    if isinstance(value, Compound):
        return Compound(change(value.label), [change(each) for each in value.fields])
    if isinstance(value, Tagged):
        return Tagged(value.tag, change(value.value))
    if hasattr(value, "__record_values__"):
        return type(value)(*[change(each) for each in value.__record_values__()])
    return value
