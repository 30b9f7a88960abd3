"""What may pass from one object to another, and the copy of it that the receiver gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from remit.errors import Broken, NotPassable
from remit.values._data import Null, Reference, Symbol, is_text
from remit.values._limits import INTEGER_DIGITS, PASSABLE_DEPTH
from remit.values._locator import Locator, SturdyRef
from remit.values._model import Record, Tagged
from remit.values._plain import has_copier, plain_copy
from remit.values._record import CLASSES, Recorded, tagged
from remit.values._same import error_text

__all__ = ["MOST", "Unfit", "passable", "passable_args", "unfit"]

MOST: Final = 10**INTEGER_DIGITS  # an integer's absolute value is below this
_SMALL: Final = (1 << 30) - 1  # one digit of Python's: compared fastest
_LEAST: Final = -_SMALL
# Immutable, and checked when made:
_FREE: Final = frozenset({type(None), bool, float, bytes, Symbol, Null, Locator, SturdyRef})


class Unfit(Exception):
    """Within this package: a part that cannot pass. Each container that it rises through puts a step before its path."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []

    def refusal(self, root: str) -> NotPassable:
        """The error for the caller, with the path from the root to the part."""
        return NotPassable(f"{root}{''.join(reversed(self.path))}: {self.reason}")


def passable(value: Any) -> Any:
    """The value as its receiver gets it, near or far: `same(passable(v), decode(encode(v)))`.

    Data of the OCapN model, `@record` instances, `Broken` and references pass. Lists and dicts come out as fresh copies,
    tuples as lists, errors without traceback; immutable values and references as they are. Subclasses of
    int, str, list and so on (enums, named tuples, defaultdict) are refused rather than stripped of their class. Raises
    `NotPassable`, which names the path of the part: mend the call there.
    """
    kind = type(value)
    if kind in _FREE or (kind is str and value.isascii()) or (kind is int and _LEAST < value < _SMALL):
        return value
    try:
        return _copy(value, PASSABLE_DEPTH)
    except Unfit as error:
        raise error.refusal("value") from None


def passable_args(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call as the receiver gets them; the given tuple itself where nothing had to be copied.

    The dict is not copied when empty: it must not be changed later by either side.
    """
    for value in args:
        kind = type(value)
        if kind in _FREE or (kind is int and _LEAST < value < _SMALL) or (kind is str and value.isascii()):
            continue
        if len(args) == 1:  # as `_argument` does, for what most calls have that carry anything
            try:
                args = (_copy(value, PASSABLE_DEPTH),)
            except Unfit as error:
                raise error.refusal("argument 1") from None
        else:
            args = tuple([_argument(item, "argument ", i) for i, item in enumerate(args, 1)])
        break
    if kwargs:
        kwargs = {
            _argument(name, "name of argument ", name): _argument(v, "argument ", name) for name, v in kwargs.items()
        }
    return args, kwargs


def _argument(value: Any, what: str, name: object) -> Any:
    try:
        return _copy(value, PASSABLE_DEPTH)
    except Unfit as error:
        raise error.refusal(f"{what}{name!r}") from None


def _copy(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind in _FREE:
        return value
    copier = _COPIERS.get(kind) or _inherited(kind)
    if copier is None:
        raise unfit(value)
    return copier(value, depth)


def _text(value: str, _depth: int) -> str:
    if not is_text(value):
        raise Unfit("a str with lone surrogates cannot pass; decode bytes with errors='strict', or pass the bytes")
    return value


def _integer(value: int, _depth: int) -> int:
    if not -MOST < value < MOST:
        raise Unfit(f"an int of more than {INTEGER_DIGITS} digits cannot pass; pass it as bytes")
    return value


def _items(value: Sequence[Any], depth: int) -> list[Any]:
    if depth < 1:
        raise too_deep()
    copied: list[Any] = []
    try:
        for item in value:
            kind = type(item)
            if (kind is str and item.isascii()) or (kind is int and -_SMALL < item < _SMALL) or kind in _FREE:
                copied.append(item)
            else:
                copier = _COPIERS.get(kind)  # as `_copy` does
                copied.append(_copy(item, depth - 1) if copier is None else copier(item, depth - 1))
    except Unfit as error:
        error.path.append(f"[{len(copied)}]")
        raise
    return copied


def _struct(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    if depth < 1:
        raise too_deep()
    copied: dict[str, Any] = {}
    name: Any = None
    try:
        for name, item in value.items():
            if not (type(name) is str and name.isascii()) and not is_text(name):
                raise bad_key(name)
            kind = type(item)
            if kind in _FREE or (kind is str and item.isascii()) or (kind is int and -_SMALL < item < _SMALL):
                copied[name] = item
            else:
                copied[name] = _copy(item, depth - 1)
    except Unfit as error:
        error.path.append(f"[{name!r}]")
        raise
    return copied


def _tagged(value: Tagged, depth: int) -> object:
    if depth < 1:
        raise too_deep()
    try:
        return tagged(value.tag, _copy(value.value, depth - 1))
    except Unfit as error:
        error.path.append(".value")
        raise


def _recorded(value: Recorded, depth: int) -> object:
    if depth < 2:  # on the wire, a record with a list in it
        raise too_deep()
    fields = value.__record_values__()
    for item in fields:
        kind = type(item)
        if not ((kind is str and item.isascii()) or (kind is int and -_SMALL < item < _SMALL) or kind in _FREE):
            break
    else:
        if CLASSES.get(value.__record_label__) is type(value):
            return value  # frozen, and nothing in it can be changed
    copied: list[Any] = []
    same = True
    try:
        for item in fields:
            copied.append(_copy(item, depth - 2))
            same = same and copied[-1] is item
    except Unfit as error:
        error.path.append(f".{value.__record_fields__[len(copied)]}")
        raise
    if same and CLASSES.get(value.__record_label__) is type(value):
        return value
    return tagged(value.__record_label__, copied)


def _error(value: Broken, _depth: int) -> Broken:
    return Broken.parse(error_text(value))


def _itself(value: Reference, _depth: int) -> Reference:
    return value


def _plain(value: Any, depth: int) -> Any:
    return _copy(plain_copy(value), depth)


_COPIERS: Final[dict[type, Callable[[Any, int], Any]]] = {
    str: _text,
    int: _integer,
    list: _items,
    tuple: _items,
    dict: _struct,
    Tagged: _tagged,
}


def _inherited(kind: type) -> Callable[[Any, int], Any] | None:
    """The copier of a class that passes because of a class above it; found once for each class."""
    bases: tuple[tuple[type, Callable[[Any, int], Any]], ...]
    bases = ((Reference, _itself), (Recorded, _recorded), (Broken, _error))
    found = next((copier for base, copier in bases if issubclass(kind, base)), None)
    if found is None and has_copier(kind):
        found = _plain
    if found is not None:
        _COPIERS[kind] = found
    return found


def too_deep() -> Unfit:
    """The refusal of what is nested too deep."""
    return Unfit(f"nested deeper than {PASSABLE_DEPTH} levels, or containing itself; pass references or flatter data")


def bad_key(name: object) -> Unfit:
    """The refusal of a dict's key."""
    if type(name) is str:
        return Unfit("a key with lone surrogates cannot pass; take them out of the text")
    return Unfit(f"a key of {_named(type(name))} cannot pass; keys are str: convert it, or pass a list of pairs")


def unfit(value: object) -> Unfit:
    """The refusal of a value by its class, with what to do instead."""
    kind = type(value)
    if isinstance(value, (set, frozenset)):
        return Unfit(f"a {kind.__name__} cannot pass; pass a sorted list")
    if isinstance(value, (bytearray, memoryview)):
        return Unfit(f"a {kind.__name__} cannot pass; pass bytes(value)")
    for base in (int, str, bytes, float, list, dict, tuple):
        if isinstance(value, base):
            return Unfit(
                f"{_named(kind)} would lose its class and arrive as {base.__name__}; say so with {base.__name__}(value)"
            )
    if isinstance(value, BaseException):
        return Unfit(f"the exception {_named(kind)} cannot pass; only Broken and its subclasses do")
    if isinstance(value, Record):
        return Unfit("a raw Syrup Record cannot pass; pass a Tagged or an instance of an @record class")
    return Unfit(
        f"{_named(kind)} cannot pass; make it an @record class if it is data, an @actor and pass a reference if not"
    )


def _named(kind: type) -> str:
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
