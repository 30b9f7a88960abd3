"""Tagged values of the OCapN model, and raw records of Syrup."""

from __future__ import annotations

import types
from typing import Any, ClassVar, Final, Literal, NoReturn, final

from remit._native import mypyc_attr
from remit.errors import Misuse
from remit.values._data import Data, blank, is_text
from remit.values._same import FORMED, key, same

__all__ = ["NATIVE", "Blank", "Record", "Tagged", "made_tagged"]


@final
class Tagged:
    """OCapN's Tagged: a string tag and one value. `==` compares by `same`, kinds included. Immutable.

    It has no base, so that a compiled build makes a C struct of it.
    """

    __slots__ = ("tag", "value")
    __match_args__: ClassVar[tuple[Literal["tag"], Literal["value"]]] = ("tag", "value")

    tag: str
    value: Any

    def __init__(self, tag: object, value: object) -> None:
        if not (type(tag) is str and tag.isascii()) and not is_text(tag):
            raise Misuse(f"Tagged takes a str without lone surrogates as its tag, not {type(tag).__name__}")
        object.__setattr__(self, "tag", tag)
        object.__setattr__(self, "value", value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"Tagged is immutable: cannot set {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Tagged is immutable: cannot delete {name}")

    def __copy__(self) -> Tagged:
        return self

    def _form(self) -> tuple[str, object]:
        return "tagged", (self.tag, self.value)

    def __eq__(self, other: object) -> bool:
        return same(self, other) if isinstance(other, Tagged) else NotImplemented

    def __hash__(self) -> int:
        return hash(key(self))

    def __repr__(self) -> str:
        return f"Tagged({self.tag!r}, {self.value!r})"

    def __reduce__(self) -> tuple[type[Tagged], tuple[str, object]]:
        return Tagged, (self.tag, self.value)


FORMED.add(Tagged)

NATIVE: Final = type(vars(Tagged)["tag"]) is not types.MemberDescriptorType
"""Whether this is a compiled build, where the constructor is the quickest way to a Tagged; elsewhere `Blank` is."""

Blank: Final[type[Any]] = object if NATIVE else blank(Tagged)


def made_tagged(tag: str, value: object) -> Tagged:
    """A Tagged whose tag is known to be a str without lone surrogates, in less time."""
    if NATIVE:
        return Tagged(tag, value)
    made = Blank()
    made.tag = tag
    made.value = value
    made.__class__ = Tagged
    return made  # type: ignore[no-any-return]


@mypyc_attr(native_class=False)
class Record(Data):
    """A raw Syrup record, for protocol layers: a label, mostly a `Symbol`, and fields. Never passable."""

    __slots__ = ("fields", "label")
    __match_args__ = ("label", "fields")
    __hash__ = None  # type: ignore[assignment]  # fields are a list

    def __init__(self, label: object, fields: list[Any]) -> None:
        self.label = label
        self.fields = fields

    def _form(self) -> tuple[str, object]:
        return "record", (self.label, self.fields)

    def __eq__(self, other: object) -> bool:
        return same(self, other) if isinstance(other, Record) else NotImplemented

    def __repr__(self) -> str:
        return f"Record({self.label!r}, {self.fields!r})"
