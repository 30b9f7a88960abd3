"""Classes for what a definition keeps of values that are no records: sequences, dictionaries, intersections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar, dataclass_transform

from remit.errors import Misuse
from remit.values._record import Fielded, fielded

__all__ = ["Shape", "shape"]

T = TypeVar("T")


class Shape(Fielded):
    """Base that `shape` gives to its classes. Instances are no values: a definition's `unparse` makes values of them."""

    __slots__ = ()

    __shape_wire__: ClassVar[Callable[[Iterator[Any]], Any] | None] = None  # set when a schema takes the class


@dataclass_transform(eq_default=True, frozen_default=True)
def shape(cls: type[T]) -> type[T]:
    """Make an annotated class what a definition of a schema gives for a value that is no record of exactly these fields.

    It is frozen and slotted, with constructor, `==` and `repr`, as `@record` classes are. The class belongs to the schema that
    it is given to (`load(text, classes=…)`), for good; generated modules do that.
    """
    if not isinstance(cls, type):
        raise Misuse("shape decorates a class")
    made: type[T] = fielded(cls, cls.__name__, Shape)
    return made
