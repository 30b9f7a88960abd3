"""The compiled form of schemas, which is itself a value: `<schema {…}>`, and `<bundle {…}>` for several."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from remit.values._data import Symbol
from remit.values._record import Recorded
from remit.values.preserves.schema import _model as model
from remit.values.preserves.schema._meta import METASCHEMA
from remit.values.preserves.schema._read import Source
from remit.values.preserves.schema._schema import Bundle, Schema, assemble, load
from remit.values.preserves.schema._view import dictionary, is_dictionary, make_record, pairs, record_view

__all__ = ["bundle_value", "from_value", "metaschema", "schema_value"]

_CLASSES: dict[str, Any] = {
    cls.__record_label__: cls
    for cls in vars(model).values()
    if isinstance(cls, type) and issubclass(cls, Recorded) and cls is not Recorded
}


@cache
def metaschema() -> Schema:
    """The schema of schemas."""
    return load(METASCHEMA, name="schema")


def schema_value(schema: Schema) -> Any:
    """`<schema {version: 1, embeddedType: …, definitions: {…}}>`."""
    definitions = [(Symbol(name), definition.pattern) for name, definition in schema.items()]
    body = [("version", 1), ("embeddedType", schema.embedded), ("definitions", dictionary(definitions))]
    return make_record(Symbol("schema"), [dictionary([(Symbol(key), item) for key, item in body])])


def bundle_value(schemas: Mapping[str, Schema]) -> Any:
    """`<bundle {modulePath: schema}>`."""
    modules = [([Symbol(part) for part in name.split(".")], schema_value(each)) for name, each in schemas.items()]
    return make_record(Symbol("bundle"), [dictionary(modules)])


def from_value(value: object, *, name: str = "schema", known: bool = False) -> Bundle:
    """The schemas of a compiled form, by module; a single one is called `name`.

    Raises `BadArgument` for what is no compiled form, and `Misuse` for a schema that no text could have.
    """
    view = record_view(value)
    if view is not None and view[0] == Symbol("bundle"):
        metaschema().parse("Bundle", value)
        modules = [(".".join(part.name for part in path), each) for path, each in pairs(view[1][0])]
    else:
        metaschema().parse("Schema", value)
        modules = [(name, value)]
    return assemble({module: _source(each) for module, each in modules}, known=known)


def _source(value: Any) -> Source:
    view = record_view(value)
    assert view is not None  # the metaschema has seen to it
    body = {key.name: item for key, item in pairs(view[1][0])}
    source = Source()
    source.definitions = {key.name: _modelled(item) for key, item in pairs(body["definitions"])}
    source.embedded = _modelled(body["embeddedType"])
    return source


def _modelled(value: Any) -> Any:
    """A definition or pattern as our own classes."""
    view = record_view(value)
    if view is not None and type(view[0]) is Symbol and view[0].name in _CLASSES:
        cls = _CLASSES[view[0].name]
        if cls is model.Lit:
            return model.Lit(view[1][0])
        fields = view[1][: len(cls.__record_fields__)]  # what a later version adds is left out
        return cls(*[_modelled(item) for item in fields])
    if type(value) in (list, tuple):
        return [_modelled(item) for item in value]
    if is_dictionary(value):
        return dictionary([(key, _modelled(item)) for key, item in pairs(value)])
    return value
