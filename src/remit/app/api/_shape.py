"""Annotations as schemas: one for both ends, in every target. What does not fit is refused before the endpoint is called.

`msgspec` checks and converts; `@record` classes are objects of their fields. What an annotation does not say passes as it is.
"""

from __future__ import annotations

import inspect
import typing
from functools import cache
from typing import Any, Final

import msgspec

from remit.errors import BadArgument, Misuse
from remit.values import Null, Secret, Symbol, Tagged

__all__ = ["Components", "Shape"]

Components = dict[str, Any]
"""Schemas by name, as OpenAPI keeps them: those of records."""

_ASIS: Final = (bytes,)  # bytes are bytes here; in JSON they are {"$bytes": …}
_SPECIAL: Final[dict[type, dict[str, Any]]] = {
    bytes: {
        "type": "object",
        "properties": {"$bytes": {"type": "string", "contentEncoding": "base64"}},
        "required": ["$bytes"],
    },
    Null: {"type": "object", "properties": {"$null": {"const": True}}, "required": ["$null"]},
    Symbol: {"type": "object", "properties": {"$symbol": {"type": "string"}}, "required": ["$symbol"]},
    Tagged: {"type": "object", "properties": {"$tagged": {"type": "array"}}, "required": ["$tagged"]},
}


class Shape:
    """What a parameter or a result is: made of its annotation, once for each class of servers."""

    __slots__ = ("annotation", "where")

    def __init__(self, annotation: Any, where: str) -> None:
        self.annotation = annotation
        self.where = where
        try:
            self.schema({})
            self._fitted(None)
        except (TypeError, RecursionError) as error:
            raise Misuse(
                f"{where} is annotated with what cannot be checked at an edge, {annotation!r}: {error}; use plain data, records, or Any"
            ) from None
        except msgspec.ValidationError:
            pass  # None is no value of it

    @property
    def is_text(self) -> bool:
        """Whether it is text, and nothing else but None."""
        return self.annotation is str or set(typing.get_args(self.annotation)) == {str, type(None)}

    def fit(self, value: Any) -> Any:
        """The value, as what is annotated: integers as floats where those are asked for, objects as records. Raises `BadArgument`."""
        try:
            return self._fitted(value)
        except msgspec.ValidationError as error:
            raise BadArgument(f"{self.where}: {str(error).replace('`', '')}") from None

    def _fitted(self, value: Any) -> Any:
        if self.annotation is Any or self.annotation is object:
            return value
        return msgspec.convert(value, self.annotation, dec_hook=_custom, builtin_types=_ASIS)

    def schema(self, components: Components) -> dict[str, Any]:
        """Its JSON schema; those of the records in it are put into the components."""
        return _schema(self.annotation, components)


def _custom(kind: type, value: Any) -> Any:
    """A class that msgspec does not know: a value of it passes, and an object with the fields of a record becomes one."""
    if isinstance(value, kind):
        return value
    names = getattr(kind, "__record_fields__", None)
    if names is None or type(value) is not dict:
        raise ValueError(f"Expected {kind.__name__}, got {type(value).__name__}")
    value = {name: item for name, item in value.items() if name != "$"}
    strange = [name for name in value if name not in names]
    if strange:
        raise ValueError(f"{kind.__name__} has no field {strange[0]!r}; it has: {', '.join(names)}")
    defaults: dict[str, Any] = kind.__record_defaults__  # type: ignore[attr-defined]  # @record has it
    hints = _hints(kind)
    fields = []
    for name in names:
        if name in value:
            fields.append(_field(kind, name, value[name], hints))
        elif name in defaults:
            fields.append(defaults[name])
        else:
            raise ValueError(f"{kind.__name__} is missing the field {name!r}")
    return kind.__record_make__(fields)  # type: ignore[attr-defined]  # @record has it


def _field(kind: type, name: str, value: Any, hints: dict[str, Any]) -> Any:
    annotation = hints.get(name, Any)
    if annotation is Any:
        return value
    try:
        return msgspec.convert(value, annotation, dec_hook=_custom, builtin_types=_ASIS)
    except msgspec.ValidationError as error:
        raise ValueError(f"{kind.__name__}.{name}: {error}") from None


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _schema(annotation: Any, components: Components) -> dict[str, Any]:
    if annotation is object:
        return {}

    def custom(kind: type) -> dict[str, Any]:
        if kind in _SPECIAL:
            return _SPECIAL[kind]
        if kind is Secret:
            return {
                "type": "object",
                "properties": {"$": {"const": "remit.secret"}, "text": {"type": "string", "format": "password"}},
            }
        if hasattr(kind, "__record_fields__"):
            return _reference(kind, components)
        raise TypeError(f"{kind.__name__} is no plain data and no record")

    if annotation is bytes:
        return _SPECIAL[bytes]
    made: dict[str, Any] = _without_base64(
        msgspec.json.schema(annotation, schema_hook=custom, ref_template="#/components/schemas/{name}")
    )
    return made


def _without_base64(schema: Any) -> Any:
    """Msgspec describes bytes as text, which they are not in our JSON."""
    if isinstance(schema, dict):
        if schema.get("contentEncoding") == "base64":
            return _SPECIAL[bytes]
        return {
            name: part if name in ("default", "const", "enum") else _without_base64(part)
            for name, part in schema.items()
        }
    return [_without_base64(each) for each in schema] if isinstance(schema, list) else schema


def _reference(kind: Any, components: Components) -> dict[str, Any]:
    name = kind.__record_label__
    if name not in components:
        made = components[name] = {"type": "object", "title": kind.__name__}  # before its fields: it may contain itself
        hints = _hints(kind)
        properties: dict[str, Any] = {"$": {"const": name}}
        for field in kind.__record_fields__:
            properties[field] = dict(_schema(hints.get(field, Any), components))
            default = kind.__record_defaults__.get(field, ...)
            if isinstance(default, (str, int, float, bool, type(None))):
                properties[field]["default"] = default
        required = [field for field in kind.__record_fields__ if field not in kind.__record_defaults__]
        made |= {
            "properties": properties,
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }
        if kind.__doc__:
            made["description"] = inspect.cleandoc(kind.__doc__)
    return {"$ref": f"#/components/schemas/{name}"}
