"""Classes of other layers that pass by a plain copy, such as the containers of a vat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from remit.errors import Misuse

__all__ = ["has_copier", "plain_copy", "register_copier"]

T = TypeVar("T")

_PLAIN: dict[type, Callable[[Any], object]] = {}


def register_copier(cls: type[T], function: Callable[[T], object]) -> None:
    """Let instances of `cls` and its subclasses pass as what `function` gives: a list, a dict or other plain value.

    `function` need only copy one level: what it gives is itself copied and checked.
    """
    if _PLAIN.setdefault(cls, function) is not function:
        raise Misuse(f"{cls.__module__}.{cls.__qualname__} has a copier already")


def has_copier(cls: type) -> bool:
    """Whether instances of this class pass by a plain copy."""
    return _copier(cls) is not None


def plain_copy(value: object) -> object:
    """The plain value that stands for one of a class that `has_copier`."""
    function = _copier(type(value))
    plain = function(value) if function is not None else value
    if has_copier(type(plain)):
        raise Misuse(f"the copier of {type(value).__qualname__} gave a {type(plain).__qualname__}, which is not plain")
    return plain


def _copier(cls: type) -> Callable[[Any], object] | None:
    """The function registered for this class or the nearest class above it."""
    for base in cls.__mro__:
        function = _PLAIN.get(base)
        if function is not None:
            return function
    return None
