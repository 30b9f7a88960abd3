"""Endpoints as data: what a class of servers offers over HTTP, made of its methods.

Where an argument travels: in the path, where the path names it; else in the query of a GET or DELETE, and in an object in the body of the others. In paths and queries text stands as it is,
and everything else as JSON (`n=5`, `tags=["a"]`); an argument that is left out has its default. `None` of a `str | None` is left out.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from remit.app.api._shape import Shape
from remit.app.store import from_json, to_json
from remit.errors import BadArgument, Misuse, RemitError

__all__ = ["Endpoint", "Parameter", "endpoints_of"]

_NAMED: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)
_PATH: Final = re.compile(r"(/([A-Za-z0-9._~-]+|\{[A-Za-z_][A-Za-z0-9_]*\}))+|/", re.ASCII)
_REQUIRED: Final = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument: where it travels ("path", "query" or "body"), and its default (`inspect.Parameter.empty`: it has none)."""

    name: str
    place: str
    shape: Shape
    default: Any = _REQUIRED

    @property
    def required(self) -> bool:
        """Whether it cannot be left out."""
        return self.default is _REQUIRED

    @property
    def is_text(self) -> bool:
        """Whether its text stands as it is, in a path or a query; None is left out then, which has to mean None."""
        return self.shape.is_text and (self.shape.annotation is str or self.required or self.default is None)

    def written(self, value: Any) -> str:
        """The value for a path or a query."""
        return value if self.is_text and type(value) is str else to_json(value).decode()

    def read(self, text: str) -> Any:
        """The value again. Raises `BadArgument`."""
        if self.is_text:
            return text
        try:
            return from_json(text)
        except (RemitError, RecursionError) as error:
            raise BadArgument(f'{self.shape.where}: {error}; write it as JSON, such as 5, true or ["a"]') from None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of a class of servers, over HTTP."""

    name: str
    verb: str
    path: str
    parameters: Mapping[str, Parameter]
    result: Shape
    text: str
    signature: inspect.Signature

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """The arguments in a path, by name; None if it is another's."""
        mine = self.path.split("/")[1:]
        if len(mine) != len(segments):
            return None
        found = {}
        for pattern, segment in zip(mine, segments, strict=True):
            if pattern.startswith("{"):
                found[pattern[1:-1]] = segment
            elif pattern != segment:
                return None
        return found

    def fit(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by name, each as its annotation says. Raises `BadArgument`: unknown ones, missing ones, wrong ones."""
        strange = [name for name in arguments if name not in self.parameters]
        if strange:
            raise BadArgument(
                f"{self.name} has no argument {strange[0]!r:.80}; it has: {', '.join(self.parameters) or 'none'}"
            )
        fitted = {}
        for name, parameter in self.parameters.items():
            if name in arguments:
                fitted[name] = parameter.shape.fit(arguments[name])
            elif parameter.required:
                if not parameter.is_text or parameter.shape.annotation is str:
                    raise BadArgument(f"{self.name} is missing its argument {name!r}")
                fitted[name] = None
        return fitted


def endpoints_of(cls: type) -> dict[str, Endpoint]:
    """The endpoints of a class, by name. Raises `Misuse` for what HTTP cannot have: two with one method and path, annotations that cannot be checked."""
    kept = cls.__dict__.get("_remit_endpoints")
    if kept is not None:
        return kept  # type: ignore[no-any-return]
    found: dict[str, Endpoint] = {}
    taken: dict[tuple[str, str], str] = {}
    for name, what in cls.interface.methods.items():  # type: ignore[attr-defined]  # a component has it
        http = what.get("http")
        if http is None:
            continue
        made = found[name] = _endpoint(cls, name, http)
        place = (made.verb, _NAMED.sub("{}", made.path))
        if place in taken:
            raise Misuse(
                f"{cls.__name__} has two endpoints at {made.verb} {made.path}, {taken[place]} and {name}: give one of them another path"
            )
        taken[place] = name
    cls._remit_endpoints = found  # type: ignore[attr-defined]
    return found


def _endpoint(cls: type, name: str, http: dict[str, Any]) -> Endpoint:
    method = inspect.unwrap(getattr(cls, name))
    where = f"{cls.__name__}.{name}"
    path = http["path"] or f"/{name}"
    if not _PATH.fullmatch(path):
        raise Misuse(f"the path of {where}, {path!r}, is none: write segments such as /customers/{{id}}")
    try:
        hints = typing.get_type_hints(method)
    except NameError as error:
        raise Misuse(
            f"the annotations of {where} cannot be read: {error}; import what they name at the top of the module"
        ) from None
    named = _NAMED.findall(path)
    signature = inspect.signature(method)
    signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    parameters = {}
    for each in signature.parameters.values():
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD, each.POSITIONAL_ONLY):
            raise Misuse(f"{where} has *{each.name}: the arguments of an endpoint have names")
        place = "path" if each.name in named else "query" if http["method"] in ("GET", "DELETE") else "body"
        shape = Shape(hints.get(each.name, Any), f"{name}(), argument {each.name!r}")
        parameters[each.name] = Parameter(each.name, place, shape, each.default)
    for each_name in named:
        if each_name not in parameters or not parameters[each_name].required:
            raise Misuse(f"the path of {where} names {each_name!r}, which has to be an argument without default")
    result = Shape(hints.get("return", Any), f"{name}(), result")
    return Endpoint(name, http["method"], path, parameters, result, inspect.cleandoc(method.__doc__ or ""), signature)
