"""The smallest values: what is immutable, and the atoms that Python lacks."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from remit.errors import Misuse

__all__ = ["NULL", "Data", "Frozen", "Null", "Reference", "Symbol", "blank", "is_text"]


def is_text(value: object) -> bool:
    """Whether it is a plain str that UTF-8 can carry: no lone surrogates."""
    if type(value) is not str:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class Frozen:
    """Base of values that are shared between objects, and so must never change."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot set {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot delete {name}")

    def __copy__(self) -> Any:
        return self


def blank(cls: type) -> type[Any]:
    """A class whose instance, once its slots are set, becomes one of the immutable `cls` as its `__class__` is set.

    That takes two thirds of the time of `object.__new__` and of setting each slot by its descriptor.
    """
    free = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(f"blank {cls.__name__}", (cls.__base__ or object,), {"__slots__": cls.__dict__["__slots__"], **free})


class Data:
    """Base of compound values: `_form` gives the kind and the parts by which `same` and `key` compare."""

    __slots__ = ()

    def _form(self) -> tuple[str, object]:
        raise NotImplementedError(type(self).__qualname__)


class Null(Frozen):
    """The class of `NULL`, OCapN's Null. `None` is OCapN's Undefined: an answer that says nothing."""

    __slots__ = ()

    def __new__(cls) -> Null:
        return NULL

    def __repr__(self) -> str:
        return "NULL"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "NULL"


NULL: Final[Null] = object.__new__(Null)


class Symbol(Frozen):
    """OCapN's Symbol: a name, equal to another of the same name and never to a string."""

    __slots__ = ("name",)

    name: str

    def __init__(self, name: str) -> None:
        if not is_text(name):
            raise Misuse(f"Symbol takes a str without lone surrogates, not {type(name).__name__}")
        object.__setattr__(self, "name", name)

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, Symbol) else NotImplemented

    def __hash__(self) -> int:
        return hash((Symbol, self.name))

    def __repr__(self) -> str:
        return f"Symbol({self.name!r})"

    def __reduce__(self) -> tuple[type[Symbol], tuple[str]]:
        return Symbol, (self.name,)


class Reference:
    """Base of every reference to an object. It passes as it is, and is the same only as itself.

    Made by a vat, which also says what it does; a codec writes it with the session's help.
    """

    __slots__ = ()

    __eq__ = object.__eq__
    __hash__ = object.__hash__
