"""Patterns and templates of scripts: to dataspace patterns, matched against values, filled in. Pure.

`_` anything · `?x` anything, bound · `<?x p>` what p matches, bound · `$x` the value bound to x · `=sym` the symbol itself · `$.` all bindings.
Groups are open, as in dataspaces: longer sequences and records, and dictionaries with more entries, match.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from remit.dataspace import ANY, bind
from remit.errors import BadArgument
from remit.services._script import shown, variable_of
from remit.services._tree import children, rebuilt
from remit.values import Symbol, Tagged, same
from remit.values.preserves import Compound, Map, Set, order

__all__ = ["captures", "fill", "match", "written"]


def captures(value: Any) -> list[str]:
    """The names that a pattern binds, in the order in which a dataspace tells of them (Syndicate Protocol, Dataspace patterns)."""
    name, inner = _bound(value)
    if name is not None:
        return [name, *captures(inner)]
    if isinstance(value, dict | Map):
        return [each for name in sorted(value, key=order) for each in captures(value[name])]
    return [each for part in children(value) for each in captures(part)]


def _bound(value: Any) -> tuple[str | None, Any]:
    """The name that is bound here, and the pattern of what it is bound to."""
    if isinstance(value, Symbol) and value.name.startswith("?") and len(value.name) > 1:
        return value.name[1:], Symbol("_")
    if isinstance(value, Tagged) and value.tag.startswith("?") and len(value.tag) > 1:
        return value.tag[1:], value.value[0]
    return None, None


def written(value: Any, env: Mapping[str, Any]) -> Any:
    """The pattern as Python writes it, for `remit.dataspace.pattern`."""
    if isinstance(value, Symbol):
        return _symbol(value, env)
    name, inner = _bound(value)
    if name is not None:
        return bind(written(inner, env))
    if isinstance(value, Set):
        raise BadArgument(f"a set cannot be matched by its members: {shown(value)}")
    if isinstance(value, Map):
        return Map([(key, written(each, env)) for key, each in value.entries])
    if isinstance(value, Tagged) and isinstance(value.value, list):  # a record, though its label be that of a pattern
        return Compound(Symbol(value.tag), [written(each, env) for each in value.value])
    return rebuilt(value, lambda each: written(each, env))


def _symbol(value: Symbol, env: Mapping[str, Any]) -> Any:
    name = value.name
    if name == "_":
        return ANY
    if name.startswith("?") and len(name) > 1:
        return bind()
    if name.startswith("=") and len(name) > 1:
        return Symbol(name[1:])
    if name.startswith("$") and len(name) > 1:
        return look_up(name[1:], env)
    return value


def look_up(name: str, env: Mapping[str, Any]) -> Any:
    """What a name is bound to. Raises `BadArgument` naming what is bound."""
    if name == ".":
        return Map([(Symbol(each), value) for each, value in env.items()])
    if name not in env:
        raise BadArgument(f"${name} is not bound here; bound are: {', '.join(sorted(env)) or 'none'}")
    return env[name]


def fill(value: Any, env: Mapping[str, Any], attenuate: Callable[..., Any] | None = None) -> Any:
    """The value that a template makes."""
    if isinstance(value, Symbol):
        if value.name.startswith("=") and len(value.name) > 1:
            return Symbol(value.name[1:])
        name = variable_of(value)
        return value if name is None else look_up(name, env)
    if isinstance(value, Tagged) and value.tag == "*":
        if attenuate is None:
            raise BadArgument("references cannot be attenuated here")
        return attenuate(fill(value.value[0], env, attenuate), value.value[1], env)
    return rebuilt(value, lambda each: fill(each, env, attenuate))


def match(value: Any, pattern: Any, env: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the pattern binds in this value; None if it does not match."""
    found: dict[str, Any] = {}
    return found if _match(value, pattern, env, found) else None


def _match(value: Any, pattern: Any, env: Mapping[str, Any], found: dict[str, Any]) -> bool:
    name, inner = _bound(pattern)
    if name is not None:
        found[name] = value
        return _match(value, inner, env, found)
    if isinstance(pattern, Symbol):
        wanted = _symbol(pattern, env)
        return wanted is ANY or same(value, wanted)
    if isinstance(pattern, dict | Map):
        return isinstance(value, dict | Map) and all(
            each in value and _match(value[each], pattern[each], env, found) for each in pattern
        )
    shape, parts = _parts(pattern)
    if shape is None:
        return same(value, pattern)
    other, there = _parts(value)
    return (
        same(shape, other)
        and len(parts) <= len(there)
        and all(map(lambda v, p: _match(v, p, env, found), there, parts))
    )


def _parts(value: Any) -> tuple[Any, list[Any]]:
    """What kind of compound it is, and its parts; None for an atom."""
    if isinstance(value, list | tuple):
        return "list", list(value)
    if isinstance(value, Tagged) and isinstance(value.value, list):
        return Symbol(value.tag), value.value
    if isinstance(value, Compound):
        return ["label", value.label], list(value.fields)
    if hasattr(value, "__record_label__") and not isinstance(value, Map | Set):
        return Symbol(value.__record_label__), list(value.__record_values__())
    return None, []
