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
from remit.values import Symbol, key, passable
from remit.values.preserves import Map, order

__all__ = ["OPEN", "PLAIN", "Compiled", "Places", "Signature", "Takes", "compiled", "fresh"]

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

    def __init__(self, top: Any, signature: Signature, wanted: Any, captures: tuple[Path, ...]) -> None:
        self.top = top
        self.signature = signature
        self.wanted = wanted
        self.captures = captures

    def match(self, value: Any) -> list[Any] | None:
        """The captures, or None where the value does not match."""
        shape, parts = view(value)
        if (self.top is not OPEN and shape != self.top) or Places(self.signature).look(value, parts) != self.wanted:
            return None
        return Takes(self.captures).take(value, parts)


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
    wanted = [value for check, value in checks.values() if check != HAS]
    return Compiled(top, signature, keyed(wanted), tuple(found.captures))


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


def reach(value: Any, path: Path) -> Any:
    """What stands at a path, or `MISSING`."""
    for step in path:
        shape, parts = view(value)
        value = child(shape, parts, step.value if type(step) is Key else step)
        if value is MISSING:
            return MISSING
    return value


class Places:
    """Where the patterns of one signature look, ready to look at many values.

    `flat`: all of them are parts of the value itself, by position, as in most patterns.
    """

    __slots__ = ("checks", "flat", "least", "only", "positions", "signature")

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self.checks = list(signature)
        self.flat = all(check != CLASS and len(path) == 1 and type(path[0]) is int for path, check in signature)
        at = [path[0] for path, _ in signature] if self.flat else []
        self.least = max(at, default=-1) + 1  # how many parts there have to be
        self.positions: list[int] = [path[0] for path, check in signature if check == LIT] if self.flat else []
        self.only = self.positions[0] if len(self.positions) == 1 else -1

    def look(self, value: Any, parts: Any) -> Any:
        """What is found there, as a key: the one thing by itself, several as a tuple; None where something is missing, or no atom and ought to be.

        `parts`: those of the value.
        """
        if not self.flat:
            return self._look(value)
        if self.least and len(parts) < self.least:  # a group is asked for, so there are parts, by position
            return None
        if self.only >= 0:
            part = parts[self.only]
            kind = type(part)
            return part if kind is str or kind is int or kind is bytes else _atom(part)
        found = []
        for at in self.positions:
            one = _atom(parts[at])
            if one is None:
                return None
            found.append(one)
        return tuple(found)

    def _look(self, value: Any) -> Any:
        found = []
        for path, check in self.checks:
            part = reach(value, path)
            if part is MISSING:
                return None
            if check == LIT:
                one = _atom(part)
                if one is None:
                    return None
                found.append(one)
            elif check == CLASS:
                found.append(view(part)[0])
        return keyed(found)


def keyed(found: list[Any]) -> Any:
    """What was found, or is wanted, as a key of a table."""
    return found[0] if len(found) == 1 else tuple(found)


def _atom(part: Any) -> Any:
    """The key of an atom, None for what is none."""
    kind = type(part)
    if kind is str or kind is int or kind is bytes:
        return part
    shape, _ = view(part)
    return key(part) if shape == ATOM else None


class Takes:
    """What a pattern captures, ready to be taken from many values."""

    __slots__ = ("flat", "only", "paths", "positions", "whole")

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self.paths = list(paths)
        self.whole = paths == ((),)
        self.flat = all(len(path) == 1 and type(path[0]) is int for path in paths)
        self.positions: list[int] = [path[0] for path in paths] if self.flat else []
        self.only = self.positions[0] if len(self.positions) == 1 else -1

    def take(self, value: Any, parts: Any) -> list[Any]:
        """The captured parts of a value that matches; `parts`: those of the value."""
        if self.flat:
            return [parts[at] for at in self.positions]
        if self.whole:
            return [value]
        return [reach(value, path) for path in self.paths]

    def give(self, value: Any, parts: Any) -> list[Any]:
        """The same as one observer gets it: nobody else sees what it does with it."""
        if self.only >= 0:  # most patterns capture one part, which a comprehension takes twice as long for
            part = parts[self.only]
            return [part] if type(part) in PLAIN else fresh([part])
        if self.flat:
            found = [parts[at] for at in self.positions]
            for part in found:
                if type(part) not in PLAIN:
                    return fresh(found)
            return found
        return fresh(self.take(value, parts))


PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes, Symbol})
"""Classes of captures that need no copy."""


def fresh(captures: list[Any]) -> list[Any]:
    """Captures as one observer gets them, copied where they could be changed."""
    return [part if type(part) in PLAIN else passable(part) for part in captures]
