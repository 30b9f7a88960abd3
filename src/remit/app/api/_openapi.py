"""The OpenAPI document of a class of servers (*OpenAPI Specification*, version 3.1.0)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from remit.app.api._endpoint import Endpoint, Parameter
from remit.app.api._shape import Components

__all__ = ["openapi"]

_ERROR: Final = {
    "type": "object",
    "description": "What went wrong: the kind of error, in words, and the id under which the server's log has more.",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"kind": {"type": "string"}, "message": {"type": "string"}, "id": {"type": "string"}},
            "required": ["kind", "message", "id"],
        }
    },
    "required": ["error"],
}
_ANSWERS: Final = {
    "401": "No token, or one that is not known",
    "403": "The token does not allow it",
    "422": "The arguments do not fit",
}


def openapi(title: str, endpoints: dict[str, Endpoint], allowed: Callable[[str], bool] = bool) -> dict[str, Any]:
    """The document, of the endpoints that are allowed. Bytes, symbols and records have a key that begins with "$", as stores keep them."""
    components: Components = {"remit.error": _ERROR}
    paths: dict[str, Any] = {}
    for name in sorted(endpoints):
        if allowed(name):
            each = endpoints[name]
            paths.setdefault(each.path, {})[each.verb.lower()] = _operation(each, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    }


def _operation(endpoint: Endpoint, components: Components) -> dict[str, Any]:
    made: dict[str, Any] = {"operationId": endpoint.name}
    if endpoint.text:
        made["summary"] = endpoint.text.split("\n", 1)[0]
        made["description"] = endpoint.text
    outside = [each for each in endpoint.parameters.values() if each.place != "body"]
    if outside:
        made["parameters"] = [_parameter(each, components) for each in outside]
    inside = [each for each in endpoint.parameters.values() if each.place == "body"]
    if inside:
        required = [each.name for each in inside if each.required]
        schema = {
            "type": "object",
            "properties": {each.name: _default(each, components) for each in inside},
            "additionalProperties": False,
        }
        made["requestBody"] = {
            "required": bool(required),
            "content": {"application/json": {"schema": {**schema, **({"required": required} if required else {})}}},
        }
    result = {
        "description": "The result",
        "content": {"application/json": {"schema": endpoint.result.schema(components)}},
    }
    error = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/remit.error"}}}}
    made["responses"] = {"200": result, **{status: {"description": text, **error} for status, text in _ANSWERS.items()}}
    made["responses"]["default"] = {"description": "An error of the server's", **error}
    return made


def _parameter(parameter: Parameter, components: Components) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path" or (parameter.required and not _may_lack(parameter)),
    }
    if parameter.is_text:
        made["schema"] = {"type": "string"}
    else:
        made["content"] = {"application/json": {"schema": _default(parameter, components)}}
    return made


def _may_lack(parameter: Parameter) -> bool:
    return parameter.is_text and parameter.shape.annotation is not str


def _default(parameter: Parameter, components: Components) -> dict[str, Any]:
    schema = dict(parameter.shape.schema(components))
    if isinstance(parameter.default, (str, int, float, bool, type(None))) and not parameter.required:
        schema["default"] = parameter.default
    return schema
