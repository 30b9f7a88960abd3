"""Classes of other layers that pass by a plain copy, such as the containers of a vat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from remit.errors import Misuse

__all__ = ["plain_of", "register_copier"]

T = TypeVar("T")

_PLAIN: dict[type, Callable[[Any], object]] = {}


def register_copier(cls: type[T], function: Callable[[T], object]) -> None:
    """Let instances of `cls` and its subclasses pass as what `function` gives: a list, a dict or other plain value.

    `function` need only copy one level: what it gives is itself copied and checked.
    """
    if _PLAIN.setdefault(cls, function) is not function:
        raise Misuse(f"{cls.__module__}.{cls.__qualname__} has a copier already")


def plain_of(cls: type) -> Callable[[Any], object] | None:
    """The function registered for this class or the nearest class above it."""
    for base in cls.__mro__:
        function = _PLAIN.get(base)
        if function is not None:
            return function
    return None
