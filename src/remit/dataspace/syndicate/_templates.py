"""The templates of caveats: what a rewritten body is made of.

(Syndicate Protocol, Capability attenuation: `<ref n>`, `<lit v>`, `<rec label [t …]>`, `<arr [t …]>`, `<dict {key: t}>`,
`<attenuate t [caveat …]>`.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from remit.dataspace.syndicate._view import entries, labelled
from remit.errors import BadArgument
from remit.values import Reference, Symbol, Tagged
from remit.values.preserves import Compound, Map

__all__ = ["Attenuate", "Instance", "NoValue", "parse_template"]

Attenuate: TypeAlias = "Callable[[Any, list[Any]], Any]"
"""Attenuates a reference further, by these caveats."""
Instance: TypeAlias = "Callable[[list[Any], Attenuate], Any]"
"""Makes the value of a template from captures. Raises `NoValue`."""


class NoValue(Exception):  # no error: the rewriting has no result, so nothing passes
    """A template that cannot be filled in with these captures."""


def parse_template(value: Any, captures: int, check: Callable[[list[Any]], object]) -> Instance:
    """Check a template for so many captures, with `check` for the caveats in it. Raises `BadArgument` for what is none."""
    found = labelled(value)
    parser = None if found is None else _PARSERS.get((found[0], len(found[1])))
    if found is None or parser is None:
        raise BadArgument(
            "a caveat's template is <ref n>, <lit v>, <rec …>, <arr …>, <dict …> or <attenuate t caveats>"
        )
    return parser(lambda inner: parse_template(inner, captures, check), captures, check, *found[1])


Parse: TypeAlias = "Callable[[Any], Instance]"


def _ref(parse: Parse, captures: int, check: Any, number: Any) -> Instance:
    if type(number) is not int or not 0 <= number < captures:
        raise BadArgument(f"<ref {number!r}>: the pattern has {captures} captures, counted from 0")
    return lambda got, _: got[number]


def _lit(parse: Parse, captures: int, check: Any, literal: Any) -> Instance:
    return lambda _, __: literal


def _rec(parse: Parse, captures: int, check: Any, label: Any, inner: Any) -> Instance:
    parts = [parse(one) for one in _sequence(inner, "rec")]
    if type(label) is Symbol:
        return lambda got, attenuate: Tagged(label.name, [part(got, attenuate) for part in parts])
    return lambda got, attenuate: Compound(label, [part(got, attenuate) for part in parts])


def _arr(parse: Parse, captures: int, check: Any, inner: Any) -> Instance:
    parts = [parse(one) for one in _sequence(inner, "arr")]
    return lambda got, attenuate: [part(got, attenuate) for part in parts]


def _dict(parse: Parse, captures: int, check: Any, inner: Any) -> Instance:
    found = entries(inner)
    if found is None:
        raise BadArgument("a caveat's <dict …> takes a dictionary of templates")
    parts = [(name, parse(one)) for name, one in found]
    if type(inner) is dict:
        return lambda got, attenuate: {name: part(got, attenuate) for name, part in parts}
    return lambda got, attenuate: Map([(name, part(got, attenuate)) for name, part in parts])


def _attenuate(parse: Parse, captures: int, check: Callable[[list[Any]], object], inner: Any, caveats: Any) -> Instance:
    part = parse(inner)
    wanted = list(_sequence(caveats, "attenuate"))
    check(wanted)

    def make(got: list[Any], attenuate: Attenuate) -> Any:
        target = part(got, attenuate)
        if not isinstance(target, Reference):
            raise NoValue
        return attenuate(target, wanted)

    return make


def _sequence(value: Any, label: str) -> Any:
    if type(value) not in (list, tuple):
        raise BadArgument(f"a caveat's <{label} …> takes a sequence")
    return value


_PARSERS: dict[tuple[Any, int], Callable[..., Instance]] = {
    ("ref", 1): _ref,
    ("lit", 1): _lit,
    ("rec", 2): _rec,
    ("arr", 1): _arr,
    ("dict", 1): _dict,
    ("attenuate", 2): _attenuate,
}
