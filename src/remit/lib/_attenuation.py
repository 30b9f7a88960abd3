"""Attenuations: what is left of an authority, as data that composes and only narrows.

An attenuation travels, is stored and is shown in plans; `_enforce.py` applies it where the provider's objects are.
"""

from __future__ import annotations

import keyword
import math
from typing import Any, Final

from remit.errors import BadArgument
from remit.values import record

FUNCTION: Final = "()"  # the name, in `methods`, of calling the object as a function


@record("remit.attenuation")
class Attenuation:
    """What one reference is narrowed to; without arguments it narrows nothing. Immutable.

    `methods`: the messages that pass, by name (`"()"` is a call of the object as a function); an empty list passes none.
    `read_only`: only methods that their class marks `@reads`.
    `prefix`: only methods with a `@keyed` argument, and only for keys that begin with this text.
    `count`: how many messages pass, failed ones included. `until`: the time, in seconds since the epoch, from which on nothing
    passes. `rate`: pairs `[n, seconds]`; at most n messages at once, and n again spread over that many seconds.

    Anybody may have made the one at hand: `checked()` it before use. `a & b` passes what both pass.
    """

    methods: list[str] | None = None
    read_only: bool = False
    prefix: str | None = None
    count: int | None = None
    until: float | None = None
    rate: list[list[float]] | None = None

    def and_(self, other: Attenuation) -> Attenuation:
        """What both pass: narrower than each, or the same."""
        return narrow(self, other)

    def __and__(self, other: object) -> Attenuation:
        return narrow(self, other) if isinstance(other, Attenuation) else NotImplemented

    def checked(self) -> Attenuation:
        """The same in its one normal form; raises `BadArgument` where a field makes no sense."""
        return _normal(
            _methods(self.methods),
            _flag(self.read_only),
            _prefix(self.prefix),
            _count(self.count),
            _until(self.until),
            _rates(self.rate),
            *(_count(limit, name) for name, limit in zip(METERS, _limits(self), strict=True)),
        )

    def kinds(self) -> tuple[str, ...]:
        """The names of the restrictions in force, to be compared with what a service `supports`."""
        names: tuple[str, ...] = self.__record_fields__  # type: ignore[attr-defined]  # @record adds it
        return tuple(name for name in names if getattr(self, name) is not None and getattr(self, name) is not False)

    def describe(self) -> str:
        """In words, for people: "only get, has; read-only; 3 uses"."""
        return "; ".join(_words(self)) or "unrestricted"


@record("remit.attenuation.metered")
class Metered(Attenuation):
    """An attenuation with limits for what carries bytes, such as a tunnel. A record of its own, so that those without such limits stay what they
    were, to stores and to peers of other versions.

    `bytes`: how many pass in all, both ways together. `connections`: how many there may be at one time.
    """

    bytes: int | None = None
    connections: int | None = None


FREE: Final = Attenuation()
NOTHING: Final = Attenuation(methods=[])
METERS: Final = ("bytes", "connections")


def make_attenuation(**fields: Any) -> Attenuation:
    """The attenuation with these fields, of the class that has them."""
    metered = any(fields.get(name) is not None for name in METERS)
    if metered:
        return Metered(**fields)
    return Attenuation(**{name: value for name, value in fields.items() if name not in METERS})


def _limits(a: Attenuation) -> tuple[Any, Any]:
    return (a.bytes, a.connections) if isinstance(a, Metered) else (None, None)


def narrow(a: Attenuation, b: Attenuation) -> Attenuation:
    """What both attenuations pass, in normal form. Associative, commutative and idempotent."""
    a, b = a.checked(), b.checked()
    methods = b.methods if a.methods is None else a.methods
    if a.methods is not None and b.methods is not None:
        methods = [name for name in a.methods if name in b.methods]
    prefix = b.prefix if a.prefix is None else a.prefix
    if a.prefix is not None and b.prefix is not None:
        prefix = max(a.prefix, b.prefix, key=len)
        if not (prefix.startswith(a.prefix) and prefix.startswith(b.prefix)):
            return NOTHING  # no key begins with both, and methods without a key don't pass a prefix
    return _normal(
        methods,
        a.read_only or b.read_only,
        prefix,
        _least(a.count, b.count),
        _least(a.until, b.until),
        _rates([*(a.rate or []), *(b.rate or [])]) or None,
        *(_least(one, other) for one, other in zip(_limits(a), _limits(b), strict=True)),
    )


def method_name(selector: str | None) -> str:
    """A message's name as attenuations spell it: "deposit-gift" is `deposit_gift`, "break" is `break_`."""
    if selector is None:
        return FUNCTION
    name = selector.replace("-", "_")
    return name + "_" if keyword.iskeyword(name) else name


def _normal(
    methods: list[str] | None,
    read_only: bool,
    prefix: str | None,
    count: int | None,
    until: float | None,
    rate: list[list[float]] | None,
    most_bytes: int | None,
    connections: int | None,
) -> Attenuation:
    if methods == []:
        return NOTHING
    made = Attenuation(methods, read_only, prefix, count, until, rate)
    if most_bytes is not None or connections is not None:
        made = Metered(methods, read_only, prefix, count, until, rate, most_bytes, connections)
    return made if made.kinds() else FREE


def _least(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


def _methods(value: Any) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(type(name) is str and name for name in value):
        raise BadArgument(f"an attenuation's methods are a list of names, not {value!r}")
    return sorted({method_name(name) for name in value})


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise BadArgument(f"an attenuation's read_only is true or false, not {value!r}")
    return value


def _prefix(value: Any) -> str | None:
    if value is not None and type(value) is not str:
        raise BadArgument(f"an attenuation's prefix is text, not {value!r}")
    return value


def _count(value: Any, name: str = "count") -> int | None:
    if value is not None and (type(value) is not int or value < 0):
        raise BadArgument(f"an attenuation's {name} is a whole number from 0 up, not {value!r}")
    return value


def _until(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not math.isfinite(value):
        raise BadArgument(f"an attenuation's until is a time in seconds since the epoch, not {value!r}")
    return float(value)


def _rates(value: Any) -> list[list[float]] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise BadArgument(f"an attenuation's rate is a list of pairs [n, seconds], not {value!r}")
    return [list(pair) for pair in sorted({_rate(pair) for pair in value})] or None


def _rate(pair: Any) -> tuple[int, float]:
    if isinstance(pair, list | tuple) and len(pair) == 2:
        count, seconds = pair
        if type(count) is int and count > 0 and type(seconds) in (int, float) and 0 < seconds < math.inf:
            return count, float(seconds)
    raise BadArgument(f"a rate is a pair [n, seconds] of a whole number and a time, both above 0, not {pair!r}")


def _words(a: Attenuation) -> list[str]:
    words = []
    if a.methods is not None:
        words.append(f"only {', '.join(a.methods)}" if a.methods else "nothing")
    if a.read_only:
        words.append("read-only")
    if a.prefix is not None:
        words.append(f"keys from {a.prefix!r}")
    if a.count is not None:
        words.append("1 use" if a.count == 1 else f"{a.count} uses")
    if a.until is not None:
        words.append(f"until {a.until:.0f}")
    words.extend(f"{count} in {seconds:g} s" for count, seconds in a.rate or ())
    most, connections = _limits(a)
    if most is not None:
        words.append(f"{most} bytes")
    if connections is not None:
        words.append("1 connection" if connections == 1 else f"{connections} connections")
    return words
