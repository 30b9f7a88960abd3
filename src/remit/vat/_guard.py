"""Guards: annotated parameters of plain data, checked when a message comes from another vat.

What a guard understands: `int`, `float` (an int fits), `str`, `bytes`, `bool`, `None`, `Symbol`, `list[X]`, `dict[str, X]`, unions,
`@record` classes and `Any`. Every other annotation is taken as a note for people and lets everything pass.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any, Final, Union, get_args, get_origin

from remit.errors import BadArgument
from remit.values import Symbol, Tagged

Check = Callable[[Any], bool]
PLAIN: Final = frozenset({int, str, bytes, bool, Symbol, Tagged, list, dict})
"""Classes that a parameter may want: exactly this one, no other."""


class Guard:
    """The checks of one method's parameters; made at the first message from another vat."""

    __slots__ = ("checks", "kinds", "notes")

    def __init__(self, checks: dict[str, Check], notes: dict[str, str], kinds: dict[str, type]) -> None:
        self.checks = checks
        self.notes = notes
        self.kinds = kinds  # of the parameters that want one class: most values are seen to be right by it

    def check(self, method: str, names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> None:
        """Raise `BadArgument` naming the parameter, what it wants and the kind of what came."""
        kinds = self.kinds
        known = len(names)
        for at, value in enumerate(args):
            if at < known and kinds.get(names[at]) is not type(value):
                self._one(method, names[at], value)
        if kwargs:
            for name, value in kwargs.items():
                self._one(method, name, value)

    def _one(self, method: str, name: str, value: Any) -> None:
        check = self.checks.get(name)
        if check is not None and not check(value):
            raise BadArgument(f"{method}: {name} must be {self.notes[name]}, not {type(value).__name__}")


def guard_of(function: Any, names: tuple[str, ...]) -> Guard | None:
    """The guard of a method, or None where no parameter says anything that can be checked."""
    scope = getattr(sys.modules.get(function.__module__), "__dict__", {})
    checks: dict[str, Check] = {}
    notes: dict[str, str] = {}
    kinds: dict[str, type] = {}
    for name in names:
        note = function.__annotations__.get(name)
        meant = None if note is None else _evaluated(note, scope)
        check = None if note is None else _check(meant)
        if isinstance(meant, type) and meant in PLAIN:
            kinds[name] = meant
        if check is not None:
            checks[name] = check
            notes[name] = note if isinstance(note, str) else getattr(note, "__name__", str(note))
    return Guard(checks, notes, kinds) if checks else None


def _evaluated(note: Any, scope: dict[str, Any]) -> Any:
    if not isinstance(note, str):
        return note
    try:
        return eval(note, scope)  # noqa: S307  # the class author's own annotation, as typing.get_type_hints does
    except (NameError, TypeError, AttributeError, SyntaxError):
        return Any  # a name that only the type checker sees


def _check(note: Any) -> Check | None:
    if note is None or note is type(None):
        return _is_none
    if note is float:
        return _is_float
    if isinstance(note, type) and note in PLAIN:
        return _exactly(note)
    if hasattr(note, "__record_label__"):
        return _exactly(note)
    origin = get_origin(note)
    if origin in (Union, types.UnionType):
        return _any_of([_check(part) for part in get_args(note)])
    if origin is list:
        return _list_of(_check(get_args(note)[0]))
    if origin is dict:
        return _dict_of(_check(get_args(note)[1]))
    return None


def _is_none(value: Any) -> bool:
    return value is None


def _is_float(value: Any) -> bool:
    return type(value) is float or type(value) is int


def _exactly(kind: type) -> Check:
    return lambda value: type(value) is kind


def _any_of(checks: list[Check | None]) -> Check | None:
    known = [check for check in checks if check is not None]
    if len(known) != len(checks):
        return None
    return lambda value: any(check(value) for check in known)


def _list_of(check: Check | None) -> Check:
    if check is None:
        return _exactly(list)
    return lambda value: type(value) is list and all(map(check, value))


def _dict_of(check: Check | None) -> Check:
    if check is None:
        return _exactly(dict)
    return lambda value: type(value) is dict and all(map(check, value.values()))
