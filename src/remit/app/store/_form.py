"""Values as JSON: what a store keeps, so that people can read it and databases can index it; each kind comes back as it went in.

What JSON has is written as JSON has it: `None` is null, a `@record` is an object with its label under "$". The rest are objects with one key that begins
with "$": {"$bytes": "aGk="}, {"$symbol": "x"}. A key of the user's that begins so gets one "$" more. The form survives PostgreSQL's jsonb, which
knows no NUL in texts and keeps numbers as decimals: floats that would come back as integers, or not at all, are written as texts.

Keys of objects stand in jsonb's own order, by length and then by bytes, so that one value has one text, whichever store it has been in.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any, Final, cast

import msgspec

from remit.errors import BadArgument, Broken, NotPassable, StoreCorrupt
from remit.values import NULL, Locator, Null, SturdyRef, Symbol, Tagged, passable, record_class

__all__ = ["LARGEST", "from_json", "to_json"]

LARGEST: Final = 15 << 16
"""Bytes of one value in its JSON form: with what else is in a message, it fits into a frame of the network (`Limits.frame`, 1 MiB)."""

_WORD: Final = 1 << 63  # of an integer; JSON readers keep those below
_EXACT: Final = 1e15  # floats from here up lose their point in jsonb
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode
_PLAIN: Final = frozenset({type(None), bool})


def to_json(value: object) -> bytes:
    """The value's JSON text, in UTF-8. Raises `NotPassable` for what is no data, and `BadArgument` for what is too large."""
    text = _encode(_written(passable(value)))  # fresh, of the model's own kinds, and nested no deeper than passes
    if len(text) > LARGEST:
        raise BadArgument(
            f"a value of {len(text)} bytes is too large: at most {LARGEST}; keep large things in files, or cut them into several keys"
        )
    return text


def from_json(text: bytes | str) -> Any:
    """The value again, fresh. Raises `StoreCorrupt` for what `to_json` has not written."""
    try:
        value = _decode(text)
    except msgspec.DecodeError as error:
        raise StoreCorrupt(f"what is kept is no JSON: {error}") from None
    if (b'"$' if type(text) is bytes else '"$') not in text:  # type: ignore[operator]  # of the same kind
        return value  # nothing in it but what JSON has
    return _read(value)


# --- writing ------------------------------------------------------------------------------------


def _written(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    writer = _WRITERS.get(kind)
    if writer is not None:
        return writer(value)
    label = getattr(kind, "__record_label__", None)
    if label is not None:
        fields = zip(value.__record_fields__, value.__record_values__(), strict=True)
        return _ordered({"$": label, **{name: _written(item) for name, item in fields}})
    if isinstance(value, Broken):
        return {"$error": _text(value.text())}
    raise NotPassable(f"{kind.__module__}.{kind.__qualname__} is no data: a store keeps values, not references")


def _text(value: str) -> Any:
    if "\0" in value:
        return {"$text": value.split("\0")}
    return value


def _integer(value: int) -> Any:
    return value if -_WORD <= value < _WORD else {"$int": str(value)}


def _float(value: float) -> Any:
    size = abs(value)
    if 1e-9 <= size < _EXACT or (size == 0 and math.copysign(1, value) > 0):
        return value
    return {"$float": repr(value)}


def _items(value: Any) -> list[Any]:
    return [item if type(item) in _PLAIN else _written(item) for item in value]


def _struct(value: dict[str, Any]) -> Any:
    dollar = False
    for name in value:
        if "\0" in name:
            return {"$struct": [[_text(each), _written(value[each])] for each in sorted(value)]}
        dollar = dollar or name.startswith("$")
    if dollar:
        return _ordered({f"${name}" if name.startswith("$") else name: _written(item) for name, item in value.items()})
    return _ordered({name: _written(item) for name, item in value.items()})


def _ordered(value: dict[str, Any]) -> dict[str, Any]:
    return {name: value[name] for name in sorted(value, key=_place)} if len(value) > 1 else value


def _place(name: str) -> tuple[int, str]:
    return len(name) if name.isascii() else len(name.encode()), name


_WRITERS: Final[dict[type, Callable[[Any], Any]]] = {
    str: _text,
    int: _integer,
    float: _float,
    bytes: lambda value: {"$bytes": base64.b64encode(value).decode()},
    list: _items,
    dict: _struct,
    Null: lambda _: {"$null": True},
    Symbol: lambda value: {"$symbol": _text(value.name)},
    Tagged: lambda value: {"$tagged": [_text(value.tag), _written(value.value)]},  # of a label that is not known here
    Locator: lambda value: {"$locator": _locator(value)},
    SturdyRef: lambda value: {"$sturdyref": [_locator(value.locator), base64.b64encode(value.swiss).decode()]},
}


def _locator(value: Locator) -> Any:
    transport, designator, hints = cast(
        "tuple[str, str, Any]", value._form()[1]
    )  # hints that were never given are False
    return [_text(transport), _text(designator), _struct(hints) if hints else hints]


# --- reading ------------------------------------------------------------------------------------


def _read(value: Any) -> Any:
    kind = type(value)
    if kind is list:
        return [_read(item) for item in value]
    if kind is not dict:
        return value
    if "$" in value:
        return _record(value)
    if len(value) == 1:
        ((name, body),) = value.items()
        reader = _READERS.get(name)
        if reader is not None:
            try:
                return reader(body)
            except (ValueError, TypeError) as error:
                raise StoreCorrupt(f"what is kept under {name!r} cannot be read: {error}") from None
    for name in value:
        if name.startswith("$") and not name.startswith("$$"):
            raise StoreCorrupt(f"what is kept has the key {name!r}, which this version does not know")
    return {name.removeprefix("$"): _read(item) for name, item in value.items()}


def _record(value: dict[str, Any]) -> Any:
    label = value["$"]
    cls = record_class(label) if type(label) is str else None
    if cls is None:
        raise StoreCorrupt(
            f"what is kept is a record {label!r}, which this program does not know: import the module that has its class"
        )
    fields = {name: _read(item) for name, item in value.items() if name != "$"}
    names, defaults = cls.__record_fields__, cls.__record_defaults__
    gone = [name for name in fields if name not in names]
    missing = [name for name in names if name not in fields and name not in defaults]
    if gone or missing:
        what = (
            f"has a field {gone[0]!r}, which its class has no more"
            if gone
            else f"has no field {missing[0]!r}, and its class no default for it"
        )
        raise StoreCorrupt(
            f"what is kept is a record {label!r} that {what}: give the class the field, with a default, and rewrite the values first"
        )
    return cls.__record_make__([fields[name] if name in fields else defaults[name] for name in names])


def _read_text(value: Any) -> str:
    return value if type(value) is str else "\0".join(value["$text"])


def _read_tagged(value: Any) -> Tagged:
    tag, body = value
    return Tagged(_read_text(tag), _read(body))


def _read_locator(value: Any) -> Locator:
    transport, designator, hints = value
    return Locator(_read_text(transport), _read_text(designator), None if hints is False else _read(hints))


def _read_sturdyref(value: Any) -> SturdyRef:
    locator, swiss = value
    return SturdyRef(_read_locator(locator), base64.b64decode(swiss, validate=True))


def _read_null(value: Any) -> Null:
    return NULL


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "$text": "\0".join,
    "$int": int,
    "$float": float,
    "$bytes": lambda value: base64.b64decode(value, validate=True),
    "$null": _read_null,
    "$symbol": lambda value: Symbol(_read_text(value)),
    "$tagged": _read_tagged,
    "$struct": lambda value: {_read_text(name): _read(item) for name, item in value},
    "$error": lambda value: Broken.parse(_read_text(value)),
    "$locator": _read_locator,
    "$sturdyref": _read_sturdyref,
}
