"""The patterns of caveats: which bodies of assertions and messages they let through, and what they capture.

They are not the patterns of dataspaces: records and sequences have an exact length here. (Syndicate Protocol, Capability attenuation:
`<_>`, the kinds of atoms, `<lit v>`, `<bind p>`, `<and [p …]>`, `<not p>`, `<rec label [p …]>`, `<arr [p …]>`, `<dict {key: p}>`.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from remit.dataspace.syndicate._view import KINDS, entries, label_key, labelled
from remit.errors import BadArgument
from remit.values import Symbol, key, same

__all__ = ["Matcher", "Pattern", "parse_pattern"]

Matcher: TypeAlias = "Callable[[Any, list[Any]], bool]"
"""Whether a value matches; what it captures is added to the list, which counts only if it does."""


class Pattern:
    """A checked pattern: its matcher, and how many captures it gives."""

    __slots__ = ("captures", "matches")

    def __init__(self, matches: Matcher, captures: int = 0) -> None:
        self.matches = matches
        self.captures = captures


def parse_pattern(value: Any) -> Pattern:
    """Check a pattern. Raises `BadArgument` for what is none."""
    if type(value) is Symbol:
        kinds = KINDS.get(value.name)
        if kinds is None:
            raise BadArgument(f"no kind of atom is called {value.name}; there are {', '.join(KINDS)}")
        return Pattern(_of_kind(kinds))
    found = labelled(value)
    parser = None if found is None else _PARSERS.get((found[0], len(found[1])))
    if found is None or parser is None:
        raise BadArgument(
            "a caveat's pattern is <_>, a kind, <lit v>, <bind p>, <and …>, <not p>, <rec …>, <arr …> or <dict …>"
        )
    return parser(*found[1])


def _of_kind(kinds: tuple[type, ...]) -> Matcher:
    if len(kinds) == 1:
        kind = kinds[0]
        return lambda value, _: type(value) is kind
    return lambda value, _: isinstance(value, kinds)


def _any() -> Pattern:
    return Pattern(lambda _, __: True)


def _lit(literal: Any) -> Pattern:
    return Pattern(lambda value, _: same(value, literal))


def _bind(inner: Any) -> Pattern:
    part = parse_pattern(inner)
    matches = part.matches

    def bind(value: Any, got: list[Any]) -> bool:
        got.append(value)  # outer before inner
        return matches(value, got)

    return Pattern(bind, 1 + part.captures)


def _and(inner: Any) -> Pattern:
    parts = [parse_pattern(one) for one in _sequence(inner, "and")]
    return Pattern(lambda value, got: all(part.matches(value, got) for part in parts), _sum(parts))


def _not(inner: Any) -> Pattern:
    part = parse_pattern(inner)
    if part.captures:
        raise BadArgument("a caveat's <not p> may bind nothing, since nothing has matched")
    return Pattern(lambda value, got: not part.matches(value, got))


def _rec(label: Any, inner: Any) -> Pattern:
    parts = [parse_pattern(one) for one in _sequence(inner, "rec")]
    wanted = label_key(label)

    def match(value: Any, got: list[Any]) -> bool:
        found = labelled(value)
        return found is not None and found[0] == wanted and _each(parts, found[1], got)

    return Pattern(match, _sum(parts))


def _arr(inner: Any) -> Pattern:
    parts = [parse_pattern(one) for one in _sequence(inner, "arr")]
    return Pattern(lambda value, got: type(value) in (list, tuple) and _each(parts, value, got), _sum(parts))


def _dict(inner: Any) -> Pattern:
    found = entries(inner)
    if found is None:
        raise BadArgument("a caveat's <dict …> takes a dictionary of patterns")
    parts = {key(name): parse_pattern(one) for name, one in in_order(found)}

    def match(value: Any, got: list[Any]) -> bool:
        given = entries(value)
        if given is None:
            return False
        there = {key(name): one for name, one in given}
        for name, part in parts.items():  # noqa: SIM110  # no generator, for each message that passes
            if name not in there or not part.matches(there[name], got):
                return False
        return True

    return Pattern(match, _sum(parts.values()))


def in_order(found: Any) -> list[tuple[Any, Any]]:
    """Entries in the total order of their keys: the order of captures."""
    from remit.values.preserves import order

    return sorted(found, key=lambda entry: order(entry[0]))


def _each(parts: list[Pattern], values: Any, got: list[Any]) -> bool:
    if len(parts) != len(values):
        return False
    for part, value in zip(parts, values, strict=True):  # noqa: SIM110  # no generator, for each message that passes
        if not part.matches(value, got):
            return False
    return True


def _sum(parts: Any) -> int:
    return sum(part.captures for part in parts)


def _sequence(value: Any, label: str) -> Any:
    if type(value) not in (list, tuple):
        raise BadArgument(f"a caveat's <{label} …> takes a sequence of patterns")
    return value


_PARSERS: dict[tuple[Any, int], Callable[..., Pattern]] = {
    ("_", 0): _any,
    ("lit", 1): _lit,
    ("bind", 1): _bind,
    ("and", 1): _and,
    ("not", 1): _not,
    ("rec", 2): _rec,
    ("arr", 1): _arr,
    ("dict", 1): _dict,
}
