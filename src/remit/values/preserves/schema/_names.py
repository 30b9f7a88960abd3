"""Python's names for the names of a schema."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

__all__ = ["attribute", "capitalised", "class_name", "distinct"]

_TYPES = {"bool", "bytes", "dict", "float", "int", "list", "object", "schema", "str"}
_TAKEN = {"Any", "Final", "Literal", "Mapping", "SCHEMA", "Set", "Symbol", "TEXT", "TypeAlias"}  # by generated modules
_OTHER = re.compile(r"[^A-Za-z0-9_]+")


def attribute(name: str) -> str:
    """The name of a field: `seq-number` becomes `seq_number`, and none is private.

    A keyword, the name of a type and what looks like one get a `_` after them: `from_`, `bytes_`.
    """
    plain = _OTHER.sub("_", name).strip("_") or "field"
    if not plain[0].isalpha():
        plain = f"field_{plain}"
    return f"{plain}_" if keyword.iskeyword(plain) or plain in _TYPES or plain[0].isupper() else plain


def class_name(name: str, variant: str = "") -> str:
    """The name of a class: of a definition, or of one of its variants (`Pattern`, `bind`: `PatternBind`)."""
    plain = "".join(capitalised(part) for part in (*_OTHER.split(name), *_OTHER.split(variant)) if part.strip("_"))
    if plain in _TAKEN:
        return f"{plain}_"
    return plain if plain[:1].isalpha() and not keyword.iskeyword(plain) else f"Type{plain}"


def capitalised(word: str) -> str:
    """The word with its first letter as a capital, and the others as they are."""
    return word[:1].upper() + word[1:]


def distinct(names: Iterable[str]) -> list[str]:
    """The names, with a number after those that were there before."""
    taken: set[str] = set()
    found = []
    for name in names:
        free = name
        number = 2
        while free in taken:
            free = f"{name}_{number}"
            number += 1
        taken.add(free)
        found.append(free)
    return found
