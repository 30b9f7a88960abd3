"""The only door to an object's state: what happens when one of its fields is set.

The value is checked, and what was before is left in the turn, once for each object (`Turn`). This is what methods do most. So there are two forms of
the same: source text with the class's fields in it, for the interpreter, and a descriptor for a compiled build.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from remit._native import mypyc_attr
from remit.errors import Misuse
from remit.vat._active import COMPILED, active
from remit.vat._atoms import ATOMS, LEAST, SMALL
from remit.vat._ref import Ref
from remit.vat._turn import Turn

Adopt = Callable[[Any, str, Any], Any]
"""Object, field and value: the value as the field keeps it."""


def setter(fields: tuple[str, ...], adopt: Adopt) -> Any:
    """`__setattr__` for a class with these fields."""
    return Setter(fields, adopt) if COMPILED else _unwritten(fields, adopt)


def plain(value: Any) -> bool:
    """Whether a field keeps the value as it is; others are looked at more closely."""
    kind = type(value)
    if kind is int:
        number: int = value
        return number > LEAST and number < SMALL
    return kind in ATOMS or (kind is str and value.isascii()) or isinstance(value, Ref)


class Setter:
    """`__setattr__`, compiled."""

    __slots__ = ("adopt", "fields", "known")

    def __init__(self, fields: tuple[str, ...], adopt: Adopt) -> None:
        self.fields = fields
        self.known = frozenset(fields)
        self.adopt = adopt

    def __get__(self, instance: Any, owner: Any) -> BoundSetter:
        """As functions do."""
        return BoundSetter(self, instance)

    def set(self, instance: Any, name: str, value: Any) -> None:
        """Set one field of an object."""
        if not plain(value):
            value = self.adopt(instance, name, value)
        turn = active.turn
        if turn is None or name not in self.known:
            raise refusal(instance, name, turn, self.known)
        if turn.changed is not instance:
            if turn.changed is None:
                turn.changed = instance
                turn.old = tuple([getattr(instance, field) for field in self.fields])
            elif instance not in turn.before:
                turn.before[instance] = tuple([getattr(instance, field) for field in self.fields])
        object.__setattr__(instance, name, value)


@mypyc_attr(free_list_len=1)
class BoundSetter:
    """The same for one object."""

    __slots__ = ("_instance", "_setter")

    def __init__(self, setter: Setter, instance: Any) -> None:
        self._setter = setter
        self._instance = instance

    def __call__(self, name: str, value: Any) -> None:
        self._setter.set(self._instance, name, value)


def _unwritten(fields: tuple[str, ...], adopt: Adopt) -> Any:
    """`__setattr__` that is written when an object of the class first changes: in most processes, those of most classes never do."""

    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807  # it stands in for that
        written = _written(fields, adopt)
        for cls in type(self).__mro__:
            if vars(cls).get("__setattr__") is __setattr__:
                cls.__setattr__ = written  # type: ignore[method-assign]
        written(self, name, value)

    return __setattr__


def _written(fields: tuple[str, ...], adopt: Adopt) -> Any:
    """`__setattr__` as a function, with the snapshot written out."""
    scope = {
        "_set": object.__setattr__,
        "_atoms": ATOMS,
        "_active": active,
        "_refs": Ref,
        "_adopt": adopt,
        "_refusal": refusal,
        "_known": frozenset(fields),
    }
    before = "".join(f"self.{name}, " for name in fields)
    exec(_SOURCE.format(least=LEAST, small=SMALL, before=before), scope)  # noqa: S102  # names only, checked to be identifiers
    return scope["__setattr__"]


_SOURCE: Final = """
def __setattr__(self, name, value):
    kind = type(value)
    if (
        not (kind is int and value > {least} and value < {small})
        and kind not in _atoms
        and not (kind is str and value.isascii())
        and not isinstance(value, _refs)
    ):
        value = _adopt(self, name, value)
    turn = _active.turn
    if turn is None or name not in _known:
        raise _refusal(self, name, turn, _known)
    if turn.changed is not self:
        if turn.changed is None:
            turn.changed = self
            turn.old = ({before})
        elif self not in turn.before:
            turn.before[self] = ({before})
    _set(self, name, value)
"""


def refusal(instance: Any, name: str, turn: Turn | None, known: frozenset[str]) -> Exception:
    """Why it may not be set."""
    kind = type(instance).__name__
    if turn is None:
        return Misuse(f"{kind}.{name} can be changed only during a turn")
    return AttributeError(f"{kind} has no field {name!r}; declared are: {', '.join(sorted(known))}")
