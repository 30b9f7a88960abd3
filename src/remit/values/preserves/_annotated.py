"""Values with annotations, and what an embedded value is where nothing else was made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from remit.values._data import Data, Frozen, blank
from remit.values._same import key, same
from remit.values.preserves._order import identity
from remit.values.preserves._parts import EMBEDDED, Parts

__all__ = ["Annotated", "Embedded", "made_embedded"]


class Embedded(Frozen, Data, Parts):
    """An embedded value of which nothing else was made: `value` is what stands for it in transit.

    With `embedded=`, a codec makes of it what the program wants instead, such as a reference. Equal by `same`. It does
    not pass between objects: what is embedded means something at one border only.
    """

    __slots__ = ("value",)
    __match_args__ = ("value",)

    value: Any

    def __init__(self, value: object) -> None:
        object.__setattr__(self, "value", value)

    def _form(self) -> tuple[str, object]:
        return "embedded", (self.value,)

    def _parts(self) -> tuple[int, Sequence[Any]]:
        return EMBEDDED, (self.value,)

    def __eq__(self, other: object) -> bool:
        return same(self, other) if isinstance(other, Embedded) else NotImplemented

    def __hash__(self) -> int:
        return hash(key(self))

    def __repr__(self) -> str:
        return f"Embedded({self.value!r})"

    def __reduce__(self) -> tuple[type[Embedded], tuple[object]]:
        return Embedded, (self.value,)


_Blank: Final = blank(Embedded)


def made_embedded(value: object) -> Embedded:
    """The same, in less time."""
    made = _Blank()
    made.value = value
    made.__class__ = Embedded
    return made  # type: ignore[no-any-return]


class Annotated(Frozen, Parts):
    """A value and its annotations, for tools that show or edit text: comments are annotations, too.

    Annotations are no part of a value (Preserves, *Annotations*): `==`, `hash`, `order` and `canonical` see `value` only.
    It does not pass between objects: `strip` gives the value without any annotations.
    """

    __slots__ = ("annotations", "value")
    __match_args__ = ("annotations", "value")

    annotations: tuple[Any, ...]
    value: Any

    def __init__(self, annotations: Iterable[object], value: object) -> None:
        given = tuple(annotations)
        if type(value) is Annotated:
            given, value = given + value.annotations, value.value
        object.__setattr__(self, "annotations", given)
        object.__setattr__(self, "value", value)

    def _parts(self) -> tuple[int, Sequence[Any]]:
        return -1, (self.value,)

    def __eq__(self, other: object) -> bool:
        return identity(self) == identity(other) if isinstance(other, Annotated) else NotImplemented

    def __hash__(self) -> int:
        return hash(identity(self))

    def __repr__(self) -> str:
        return f"Annotated({list(self.annotations)!r}, {self.value!r})"

    def __reduce__(self) -> tuple[type[Annotated], tuple[object, object]]:
        return Annotated, (self.annotations, self.value)
