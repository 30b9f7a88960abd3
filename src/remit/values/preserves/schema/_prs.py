"""Writing schemas as `.prs` text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from remit.values._data import Symbol
from remit.values.preserves._text import text
from remit.values.preserves.schema._model import (
    ANY,
    ATOMS,
    And,
    Atom,
    DictOf,
    Embedding,
    Entries,
    Lit,
    NamedPattern,
    Or,
    Rec,
    Ref,
    SeqOf,
    SetOf,
    Tuple,
    TuplePrefix,
)
from remit.values.preserves.schema._plan import entries_of
from remit.values.preserves.schema._schema import Schema

__all__ = ["prs_source", "write"]

_WORDS: Final = {kind: word for word, kind in ATOMS.items()}
_BARE: Final = re.compile(r"[A-Za-z0-9_~!$%^&*?+\-./|=]+")
_WIDE: Final = 100  # characters: longer definitions take a line for each alternative


def prs_source(schema: Schema) -> str:
    """The text of a schema; the comments above its definitions are kept, all others are not."""
    patterns = {name: each.pattern for name, each in schema.items()}
    return write(patterns, schema.embedded, {name: each.doc for name, each in schema.items()})


def write(definitions: Mapping[str, Any], embedded: Ref | bool = False, docs: Mapping[str, str] | None = None) -> str:
    """The text of a schema."""
    parts = ["version 1 ."]
    if isinstance(embedded, Ref):
        parts.append(f"embeddedType {_pattern(embedded)} .")
    for name, definition in definitions.items():
        doc = "".join(f"# {line}".rstrip() + "\n" for line in ((docs or {}).get(name) or "").splitlines())
        body = _definition(definition)
        parts.append(f"{doc}{name} ={body}." if body.startswith("\n") else f"{doc}{name} = {body} .")
    return "\n\n".join(parts) + "\n"


def _definition(definition: Any) -> str:
    if isinstance(definition, Or):
        return _joined("/", [_alternative(variant, pattern) for variant, pattern in definition.alternatives])
    if isinstance(definition, And):
        return _joined("&", [_part(each) for each in definition.patterns])
    line = _pattern(definition)
    return line if len(line) <= _WIDE else _broken(definition) or line


def _broken(pattern: Any) -> str | None:
    """A record with a line for each field, where it is one."""
    if not isinstance(pattern, Rec) or not isinstance(pattern.label, Lit) or not isinstance(pattern.fields, Tuple):
        return None
    if _special(pattern.label.value):
        return None
    fields = "".join(f"\n  {_part(each)}" for each in pattern.fields.patterns)
    return f"<{text(pattern.label.value)}{fields}\n>"


def _joined(between: str, parts: list[str]) -> str:
    line = f" {between} ".join(parts)
    return line if len(line) <= _WIDE else "".join(f"\n  {between} {part}" for part in parts) + "\n"


def _alternative(variant: str, pattern: Any) -> str:
    return f"@{_symbol(variant)} {_pattern(pattern)}" if _implied(pattern) != variant else _pattern(pattern)


def _implied(pattern: Any) -> str | None:
    """The name that an alternative has without being given one."""
    if isinstance(pattern, Ref):
        return pattern.name.name
    if pattern == ANY:
        return "any"
    if isinstance(pattern, Atom):
        return _WORDS[pattern.kind.name]
    literal = pattern.label if isinstance(pattern, Rec) else pattern
    if not isinstance(literal, Lit):
        return None
    value = literal.value
    if type(value) is bool:
        return "true" if value else "false"
    return value.name if type(value) is Symbol else value if type(value) is str else None


def _part(part: Any) -> str:
    return f"@{_symbol(part.name.name)} {_pattern(part.pattern)}" if isinstance(part, NamedPattern) else _pattern(part)


def _pattern(pattern: Any) -> str:
    if pattern == ANY:
        return "any"
    if isinstance(pattern, Atom):
        return _WORDS[pattern.kind.name]
    if isinstance(pattern, Embedding):
        return f"#:{_pattern(pattern.interface)}"
    if isinstance(pattern, Lit):
        return _literal(pattern.value)
    if isinstance(pattern, Ref):
        return ".".join(part.name for part in (*pattern.module, pattern.name))
    if isinstance(pattern, SeqOf):
        return f"[{_pattern(pattern.pattern)} ...]"
    if isinstance(pattern, SetOf):
        return f"#{{{_pattern(pattern.pattern)}}}"
    if isinstance(pattern, DictOf):
        return f"{{{_pattern(pattern.key)}: {_pattern(pattern.value)} ...:...}}"
    return _compound(pattern)


def _compound(pattern: Any) -> str:
    if isinstance(pattern, Entries):
        entries = [f"{text(key)}: {_entry(key, each)}" for key, each in entries_of(pattern)]
        return f"{{{', '.join(entries)}}}"
    if not isinstance(pattern, Rec):
        return f"[{_items(pattern)}]"
    plain = isinstance(pattern.label, Lit) and not _special(pattern.label.value)
    if plain and isinstance(pattern.fields, (Tuple, TuplePrefix)):
        items = _items(pattern.fields)
        return f"<{text(pattern.label.value)}{' ' if items else ''}{items}>"
    return f"<<rec> {_part(pattern.label)} {_part(pattern.fields)}>"


def _special(label: Any) -> bool:
    """Whether a record with this label, in a schema, means something else than such a record."""
    return text(label) in ("<lit>", "<rec>")


def _items(pattern: Any) -> str:
    if isinstance(pattern, Tuple):
        return " ".join(_part(each) for each in pattern.patterns)
    rest = pattern.variable
    name = f"@{_symbol(rest.name.name)} " if isinstance(rest, NamedPattern) else ""
    inner = rest.pattern.pattern if isinstance(rest, NamedPattern) else rest.pattern
    return " ".join([*[_part(each) for each in pattern.fixed], f"{name}{_pattern(inner)} ..."])


def _entry(key: Any, part: Any) -> str:
    implied = key.name if type(key) is Symbol else key if type(key) is str else None
    return _pattern(part.pattern) if isinstance(part, NamedPattern) and part.name.name == implied else _part(part)


def _literal(value: Any) -> str:
    if type(value) is Symbol:
        return f"={value.name}" if _BARE.fullmatch(value.name) else f"<<lit> {text(value)}>"
    return text(value) if type(value) in (str, bool, int, float, bytes) else f"<<lit> {text(value)}>"


def _symbol(name: str) -> str:
    return text(Symbol(name))
