"""Values and patterns for commands that work in dataspaces: Preserves text in, text and JSON out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import click

from remit.dataspace import ANY, bind, pattern
from remit.errors import BadArgument, DecodeError
from remit.values import Reference, Symbol, Tagged, preserves
from remit.values.preserves import Compound, Embedded, Map, Set

__all__ = ["Wanted", "as_json", "read_pattern", "read_value", "shown", "without_references"]


class Wanted(NamedTuple):
    """What a pattern on a command line asks for: the pattern as data, and the names of what it captures; none: the value as a whole."""

    pattern: Any
    names: list[str]


def read_value(given: str, hint: str) -> Any:
    """One value of Preserves text: as it stands, `-` from standard input, `@FILE` from a file."""
    try:
        return preserves.parse(_text(given, hint))
    except DecodeError as error:
        raise click.BadParameter(f"this is no Preserves text: {error}", param_hint=hint) from None


def read_pattern(given: str, hint: str) -> Wanted:
    """A pattern as it is written on a command line: a value in which `_` stands for anything, and `?name` for what is to be shown.

    `<?name pattern>` shows what the pattern inside matches. Patterns as data (`<group …>`) are taken, too.
    """
    names: list[str] = []
    written = read_value(given, hint)
    try:
        if isinstance(written, Tagged) or not hasattr(written, "__record_label__") or _is_value(written):
            found = pattern(_written(written, names))
            if not names and "bind" not in given:
                found = bind(found)
        else:
            found = pattern(written)
    except BadArgument as error:
        raise click.BadParameter(error.message, param_hint=hint) from None
    return Wanted(found, names)


def _is_value(written: Any) -> bool:
    return written.__record_label__ not in ("_", "bind", "lit", "group")


def _written(value: Any, names: list[str]) -> Any:
    """The value with `ANY` and `bind()` where the text had `_` and `?name`."""
    kind = type(value)
    if kind is Symbol:
        return _symbol(value, names)
    if kind is list:
        return [_written(each, names) for each in value]
    if kind is dict:
        return {name: _written(value[name], names) for name in sorted(value)}
    if kind is Map:
        return Map([(name, _written(each, names)) for name, each in value.items()])
    if kind is Tagged and type(value.value) is list:
        return _record(Symbol(value.tag), value.value, names)
    if kind is Compound:
        return _record(value.label, list(value.fields), names)
    if kind is not Set and hasattr(value, "__record_values__"):
        if not _is_value(value):
            return value
        return _record(Symbol(value.__record_label__), list(value.__record_values__()), names)
    return value


def _symbol(value: Symbol, names: list[str]) -> Any:
    if value.name == "_":
        return ANY
    if value.name.startswith("?"):
        names.append(value.name[1:] or str(len(names)))
        return bind()
    return value


def _record(label: Any, fields: list[Any], names: list[str]) -> Any:
    if type(label) is Symbol and label.name.startswith("?"):
        if len(fields) != 1:
            raise BadArgument(f"<{label.name} …> captures what one pattern matches, and has {len(fields)} of them")
        names.append(label.name[1:] or str(len(names)))
        return bind(_written(fields[0], names))
    inside = [_written(field, names) for field in fields]
    return Tagged(label.name, inside) if type(label) is Symbol else Compound(label, inside)


def shown(value: Any) -> str:
    """A value as text, on one line; references by what they show of themselves."""
    return preserves.text(value, embedded=_embedded)


def _embedded(value: Any) -> Any:
    return shown(value.value) if type(value) is Embedded else repr(value)


def as_json(value: Any) -> Any:
    """A value as JSON has it, as far as it does: strings, numbers, booleans, lists and tables with names; other kinds are named."""
    kind = type(value)
    if kind in (str, bool, int, float):
        return value
    if kind is list:
        return [as_json(each) for each in value]
    if kind is dict:
        return {name: as_json(each) for name, each in value.items()}
    if kind is Symbol:
        return {"symbol": value.name}
    if kind is bytes:
        return {"bytes": value.hex()}
    if kind is Set:
        return {"set": [as_json(each) for each in value.members]}
    if kind is Map:
        return {"map": [[as_json(name), as_json(each)] for name, each in value.items()]}
    if isinstance(value, Reference | Embedded):
        return {"reference": repr(value)}
    if kind is Tagged and type(value.value) is list:
        return {"record": value.tag, "fields": [as_json(each) for each in value.value]}
    if kind is Compound:
        return {"record": as_json(value.label), "fields": [as_json(each) for each in value.fields]}
    if hasattr(value, "__record_values__"):
        return {"record": value.__record_label__, "fields": [as_json(each) for each in value.__record_values__()]}
    return {"preserves": shown(value)}


def without_references(value: Any) -> Any:
    """The same with what references show of themselves in their place: where others are to see of them, and not to have them."""
    kind = type(value)
    if isinstance(value, Reference):
        return repr(value)
    if kind is list:
        return [without_references(each) for each in value]
    if kind is dict:
        return {name: without_references(each) for name, each in value.items()}
    if kind is Map:
        return Map([(without_references(name), without_references(each)) for name, each in value.items()])
    if kind is Set:
        return Set([without_references(each) for each in value.members])
    if kind is Tagged:
        return Tagged(value.tag, without_references(value.value))
    if kind is Compound:
        return Compound(without_references(value.label), [without_references(each) for each in value.fields])
    if hasattr(value, "__record_values__"):
        return Tagged(value.__record_label__, [without_references(each) for each in value.__record_values__()])
    return value


def _text(given: str, hint: str) -> str:
    if given == "-":
        return sys.stdin.read()
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise click.BadParameter(f"cannot read {given[1:]}: {why}", param_hint=hint) from None
