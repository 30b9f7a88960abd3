"""Tagged values of the OCapN model, and raw records of Syrup."""

from __future__ import annotations

from typing import Any, Final

from remit.errors import Misuse
from remit.values._data import Data, Frozen, is_text
from remit.values._same import key, same

__all__ = ["Record", "Tagged", "made_tagged", "put_tag", "put_value"]


class Tagged(Frozen, Data):
    """OCapN's Tagged: a string tag and one value. `==` compares by `same`, kinds included."""

    __slots__ = ("tag", "value")
    __match_args__ = ("tag", "value")

    tag: str
    value: Any

    def __init__(self, tag: str, value: object) -> None:
        if not is_text(tag):
            raise Misuse(f"Tagged takes a str without lone surrogates as its tag, not {type(tag).__name__}")
        object.__setattr__(self, "tag", tag)
        object.__setattr__(self, "value", value)

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


_new: Final = object.__new__
put_tag: Final = vars(Tagged)["tag"].__set__
put_value: Final = vars(Tagged)["value"].__set__


def made_tagged(tag: str, value: object) -> Tagged:
    """A Tagged whose tag is known to be a str without lone surrogates, in less time."""
    made = _new(Tagged)
    put_tag(made, tag)
    put_value(made, value)
    return made


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
