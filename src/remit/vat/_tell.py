"""`tell(ref)`: messages that expect nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from remit.vat._ref import Ref, post

T = TypeVar("T")


class Teller(Generic[T]):
    """`tell(ref)`: its methods send and give nothing."""

    __slots__ = ("_ref",)

    def __init__(self, ref: Ref[T]) -> None:
        self._ref = ref

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        ref = self._ref
        return lambda *args, **kwargs: post(ref, name, args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        post(self._ref, None, args, kwargs)


Ref._teller = Teller


def teller_class(cls: type, names: Iterable[str]) -> type[Teller[Any]]:
    """A class for `tell` with the methods spelt out, as `_actor.py` makes one of references."""
    methods = {name: _method(name) for name in names}
    return type(f"{cls.__name__}Teller", (Teller,), {"__slots__": (), "__module__": cls.__module__, **methods})


def _method(name: str) -> Any:
    def method(self: Teller[Any], *args: Any, **kwargs: Any) -> None:
        post(self._ref, name, args, kwargs)

    method.__name__ = name
    return method
