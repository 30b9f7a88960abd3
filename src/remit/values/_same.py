"""Comparing by kind, which Python's `==` cannot: 1, True and 1.0 are three values, and NaN is one."""

from __future__ import annotations

import math
import struct
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

from remit.errors import Broken, NotPassable
from remit.values._data import Data, Null, Reference, Symbol
from remit.values._plain import has_copier, plain_copy

__all__ = ["FORMED", "NAN", "error_text", "key", "same"]

NAN: Final = b"\x7f\xf8\x00\x00\x00\x00\x00\x00"  # the one NaN of canonical Syrup
_PACK: Final = struct.Struct(">d").pack
_SELF: Final = frozenset({str, int, bytes, type(None), Null, Symbol})  # where == and hash() keep kinds apart
FORMED: Final[set[type]] = set()
"""Classes that have a `_form` as `Data` has, and cannot derive from it: compiled ones."""
_DEPTH: Final = 100  # above all that decodes within the default limits; stops cycles


def same(a: object, b: object) -> bool:
    """Whether both are the same value: equal in kind and structure, references and anything else by identity.

    A tuple is a list, a record is the `Tagged` that it travels as, 0.0 and -0.0 differ, NaN is the same as NaN.
    """
    return _same(a, b, _DEPTH)


def key(value: object) -> Hashable:
    """A hashable stand-in: two of them are equal exactly when `same(a, b)`. Raises `NotPassable` for what is not data."""
    return _key(value, _DEPTH)


def error_text(error: Broken) -> str:
    """The one string that stands for the error, such that reading it gives the same error and string again.

    What UTF-8 cannot carry is escaped, and a kind or id of unusual form becomes part of the message: an error always
    gets through.
    """
    return Broken.parse(error.text().encode("utf-8", "backslashreplace").decode()).text()


def _form(value: Any) -> tuple[str, Any]:
    """The kind of a value that is not in `_SELF`, and what to compare in that kind."""
    kind = type(value)
    if kind is list or kind is tuple:
        return "list", value
    if kind is dict:
        return "struct", value
    if kind is bool:
        return "bool", value
    if kind is float:
        return "float", NAN if math.isnan(value) else _PACK(value)
    if kind in FORMED or isinstance(value, Data):
        return value._form()  # type: ignore[no-any-return]
    if isinstance(value, Broken):
        return "error", error_text(value)
    if has_copier(kind):
        return _form(plain_copy(value))
    return "reference" if isinstance(value, Reference) else "object", value


def _same(a: object, b: object, depth: int) -> bool:
    if a is b:
        return True
    if type(a) in _SELF or type(b) in _SELF:
        return type(a) is type(b) and a == b
    kind, left = _form(a)
    other, right = _form(b)
    if kind != other:
        return False
    if isinstance(left, (list, tuple)):
        return _same_items(left, right, _deeper(depth))
    if isinstance(left, dict):
        return _same_struct(left, right, _deeper(depth))
    return bool(left is right if kind in ("reference", "object") else left == right)


def _same_items(a: Sequence[object], b: Sequence[object], depth: int) -> bool:
    if len(a) != len(b):
        return False
    for x, y in zip(a, b, strict=True):  # noqa: SIM110  # no generator: its frame would count against the depth
        if not _same(x, y, depth):
            return False
    return True


def _same_struct(a: Mapping[Any, object], b: Mapping[Any, object], depth: int) -> bool:
    if len(a) != len(b):
        return False
    for name, item in a.items():
        if type(name) is not str or name not in b or not _same(item, b[name], depth):
            return False
    return True


def _key(value: object, depth: int) -> Hashable:
    if type(value) in _SELF:
        return value
    kind, body = _form(value)
    if isinstance(body, (list, tuple)):
        if body:
            depth = _deeper(depth)
        return (kind, *[item if type(item) in _SELF else _key(item, depth) for item in body])
    if isinstance(body, dict):
        if not all(type(name) is str for name in body):
            raise NotPassable("a dict whose keys are not all str has no key()")
        return kind, frozenset((name, _key(item, _deeper(depth))) for name, item in body.items())
    if kind == "object":
        raise NotPassable(f"{type(value).__module__}.{type(value).__qualname__} is not passable data: it has no key()")
    return kind, body


def _deeper(depth: int) -> int:
    if depth == 0:
        raise NotPassable(f"cannot compare values nested deeper than {_DEPTH} levels, or containing themselves")
    return depth - 1
