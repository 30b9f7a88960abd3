"""Functions written for one record or sequence: its label, length and atoms are looked at without a call for each.

They do what `Matching` does for these patterns, which are most of what protocols are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from remit.values._data import Symbol
from remit.values._model import Tagged
from remit.values._record import Recorded
from remit.values.preserves.schema._choose import FAIL, Matcher
from remit.values.preserves.schema._model import ANY, Atom, NamedPattern
from remit.values.preserves.schema._view import record_view

__all__ = ["ATOM_TYPES", "inlined"]

ATOM_TYPES: Final[dict[str, type]] = {
    "Boolean": bool,
    "Double": float,
    "SignedInteger": int,
    "String": str,
    "ByteString": bytes,
    "Symbol": Symbol,
}


def inlined(
    label: str | None, parts: Sequence[Any], make: Callable[[Any], Any], simple: Callable[[Any], Matcher], exact: bool
) -> Matcher:
    """The function for a record with this symbol as label, or for a sequence (None), whose parts are all simple.

    `make` makes the instance of the named parts, `simple(pattern)` the function for one of them.
    """
    scope: dict[str, Any] = {"FAIL": FAIL, "Tagged": Tagged, "Recorded": Recorded, "fields": _fields}
    scope.update(make=make, label=label, **{kind.__name__: kind for kind in ATOM_TYPES.values()})
    source = ["def match(value):", *(_SEQUENCE if label is None else _RECORD)]
    source.append(f" if len(items) {'!=' if exact else '<'} {len(parts)}: return FAIL")
    kept = []
    for index, part in enumerate(parts):
        pattern = part.pattern if isinstance(part, NamedPattern) else part
        name = f"part{index}"
        if isinstance(part, NamedPattern):
            kept.append(name)
        if pattern == ANY:
            source.append(f" {name} = items[{index}]")
        elif isinstance(pattern, Atom):
            source.append(f" {name} = items[{index}]")
            source.append(f" if type({name}) is not {ATOM_TYPES[pattern.kind.name].__name__}: return FAIL")
        else:
            scope[f"match{index}"] = simple(pattern)
            source.append(f" {name} = match{index}(items[{index}])")
            source.append(f" if {name} is FAIL: return FAIL")
    source.append(f" return make(({''.join(f'{name}, ' for name in kept)}))")
    exec("\n".join(source), scope)  # noqa: S102  # nothing of a schema is in it but numbers and kinds
    matcher: Matcher = scope["match"]
    return matcher


def _fields(value: Any, label: str) -> Sequence[Any] | None:
    """The fields, if it is a record of this label, whatever it is in Python."""
    view = record_view(value)
    return view[1] if view is not None and type(view[0]) is Symbol and view[0].name == label else None


_RECORD: Final = (
    " if type(value) is Tagged and type(value.value) is list:",
    "  if value.tag != label: return FAIL",
    "  items = value.value",
    " elif isinstance(value, Recorded) and value.__record_label__ == label:",
    "  items = value.__record_values__()",
    " else:",
    "  items = fields(value, label)",
    "  if items is None: return FAIL",
)
_SEQUENCE: Final = (
    " if type(value) is not list and type(value) is not tuple: return FAIL",
    " items = value",
)
