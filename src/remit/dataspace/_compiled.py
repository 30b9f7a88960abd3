"""A pattern taken apart: what a value must have where, and which of its parts are captured.

top        the class of the value itself, None where the pattern leaves it open
signature  (path, check) for each other place that is looked at; the same for all patterns that look at the same places
wanted     what has to be found there
captures   the paths of what is captured, in order
"""

from __future__ import annotations

from typing import Any, Final

from remit.dataspace._view import ARRAY, ATOM, DICTIONARY, MISSING, child, label_class, view
from remit.errors import BadArgument
from remit.values import key
from remit.values.preserves import Map, order

__all__ = ["OPEN", "Compiled", "Signature", "compiled", "extract", "take"]

HAS: Final = 0
LIT: Final = 1
CLASS: Final = 2
OPEN: Final = None
"""The top of patterns that match values of any class."""

Path = tuple[Any, ...]
Signature = tuple[tuple[Path, int], ...]


class Key:
    """A step by a dictionary key that is no str, hashed by kind."""

    __slots__ = ("_key", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self._key = key(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self._key == other._key

    def __hash__(self) -> int:
        return hash((Key, self._key))


class Compiled:
    """One pattern, ready for an index."""

    __slots__ = ("captures", "signature", "top", "wanted")

    def __init__(self, top: Any, signature: Signature, wanted: tuple[Any, ...], captures: tuple[Path, ...]) -> None:
        self.top = top
        self.signature = signature
        self.wanted = wanted
        self.captures = captures

    def match(self, value: Any) -> list[Any] | None:
        """The captures, or None where the value does not match."""
        if self.top is not OPEN and view(value)[0] != self.top:
            return None
        return take(value, self.captures) if extract(value, self.signature) == self.wanted else None


def compiled(pattern: Any) -> Compiled:
    """Take a pattern apart. Raises `BadArgument` where it is none."""
    found = _Walk()
    found.walk(pattern, ())
    checks = found.checks
    top = OPEN
    root = checks.get(())
    if root is not None and root[0] == CLASS:
        top = root[1]
        del checks[()]
    signature = tuple([(path, check) for path, (check, _) in checks.items()])
    wanted = tuple([value for check, value in checks.values() if check != HAS])
    return Compiled(top, signature, wanted, tuple(found.captures))


class _Walk:
    """Goes through a pattern in the total order of keys, outer before inner, which is the order of captures."""

    __slots__ = ("captures", "checks")

    def __init__(self) -> None:
        self.checks: dict[Path, tuple[int, Any]] = {}
        self.captures: list[Path] = []

    def walk(self, pattern: Any, path: Path, sure: bool = True) -> None:
        """`sure`: something stands at this path, as other checks see to."""
        shape, parts = view(pattern)
        size = len(parts) if type(shape) is str else -1
        if shape == "_" and size == 0:
            if not sure:
                self.checks[path] = (HAS, None)
        elif shape == "bind" and size == 1:
            self.captures.append(path)
            self.walk(parts[0], path, sure)
        elif shape == "lit" and size == 1:
            if view(parts[0])[0] != ATOM:
                raise BadArgument("a literal in a pattern is an atom; write a compound as a group of literals")
            self.checks[path] = (LIT, key(parts[0]))
        elif shape == "group" and size == 2:
            self._group(parts[0], parts[1], path)
        else:
            raise BadArgument("a pattern is <_>, <bind p>, <lit atom> or <group type {key: p …}>")

    def _group(self, kind: Any, entries: Any, path: Path) -> None:
        shape, parts = view(kind)
        if shape == "rec" and len(parts) == 1:
            self.checks[path] = (CLASS, label_class(parts[0]))
        elif shape in ("arr", "dict") and not parts:
            self.checks[path] = (CLASS, ARRAY if shape == "arr" else DICTIONARY)
        else:
            raise BadArgument("the type of a group is <rec label>, <arr> or <dict>")
        if view(entries)[0] != DICTIONARY:
            raise BadArgument("the entries of a group are a dictionary")
        # A Map keeps its entries in the total order of its keys.
        items = list(entries.items()) if type(entries) is Map else sorted(entries.items(), key=_by_name)
        if shape == "dict":
            for name, part in items:
                self.walk(part, (*path, name if type(name) is str else Key(name)), sure=False)
            return
        names = [name for name, _ in items]
        if not all(type(name) is int and name >= 0 for name in names):
            raise BadArgument("the parts of a record or sequence are at positions from 0 on")
        for name, part in items:  # where the last one is, those before it are
            self.walk(part, (*path, name), sure=name != names[-1])


def _by_name(entry: tuple[Any, Any]) -> Any:
    return order(entry[0])


def _reach(value: Any, path: Path) -> Any:
    for step in path:
        shape, parts = view(value)
        value = child(shape, parts, step.value if type(step) is Key else step)
        if value is MISSING:
            return MISSING
    return value


def extract(value: Any, signature: Signature) -> tuple[Any, ...] | None:
    """What stands at the places of a signature; None where something is missing, or is no atom and ought to be."""
    found = []
    for path, check in signature:
        part = _reach(value, path)
        if part is MISSING:
            return None
        if check == LIT:
            if view(part)[0] != ATOM:
                return None
            found.append(key(part))
        elif check == CLASS:
            found.append(view(part)[0])
    return tuple(found)


def take(value: Any, captures: tuple[Path, ...]) -> list[Any]:
    """The captured parts of a value that matches."""
    return [_reach(value, path) for path in captures]
