"""`@record` classes: plain data with a name, which travel as `Tagged(label, [field, …])`."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Final, TypeVar, dataclass_transform

from remit.errors import Misuse
from remit.values._data import Data, Frozen, is_text
from remit.values._model import Tagged, made_tagged
from remit.values._same import key, same

__all__ = ["CLASSES", "Fielded", "Recorded", "as_record", "fielded", "labels_kept", "record", "record_class", "tagged"]

T = TypeVar("T")

CLASSES: dict[str, type[Recorded]] = {}  # by label
_MADE: Final = frozenset({"__init__", "__new__", "__post_init__", "__slots__", "__eq__", "__hash__", "__setattr__"})
_CLASSVAR: Final = ("ClassVar", "typing.ClassVar", "t.ClassVar")


class Fielded(Frozen, Data):
    """Base of frozen, slotted classes whose constructor, comparison and `repr` are made from their annotated fields."""

    __slots__ = ()

    __record_label__: ClassVar[str]
    __record_fields__: ClassVar[tuple[str, ...]] = ()
    __record_make__: ClassVar[Callable[[Sequence[object]], Any]]

    def __record_values__(self) -> tuple[Any, ...]:
        """The fields' values, in order."""
        return ()

    def _form(self) -> tuple[str, object]:
        return "fields", [type(self).__module__, type(self).__qualname__, *self.__record_values__()]

    def __eq__(self, other: object) -> bool:
        return same(self, other) if isinstance(other, Fielded) else NotImplemented

    def __hash__(self) -> int:
        return hash(key(self))

    def __repr__(self) -> str:
        values = zip(self.__record_fields__, self.__record_values__(), strict=True)
        return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in values)})"

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return type(self), self.__record_values__()

    def __replace__(self, **changes: object) -> Any:
        return type(self)(**{**dict(zip(self.__record_fields__, self.__record_values__(), strict=True)), **changes})


class Recorded(Fielded):
    """Base that `@record` gives to its classes: `isinstance(x, Recorded)` tells them from other values."""

    __slots__ = ()

    def _form(self) -> tuple[str, object]:
        return "tagged", (self.__record_label__, self.__record_values__())

    def __eq__(self, other: object) -> bool:
        return same(self, other) if isinstance(other, (Recorded, Tagged)) else NotImplemented

    __hash__ = Fielded.__hash__


@dataclass_transform(eq_default=True, frozen_default=True)
def record(label: str, *, known: bool = True) -> Callable[[type[T]], type[T]]:
    """Make an annotated class plain data that passes between objects: `@record("shop.order")`.

    The class becomes frozen and slotted, with a constructor of its annotated fields (`name: type [= default]`), `==` by
    `same`, hash and `repr`. Fields of a record that it extends come first. `label` names it on the wire, for good: choose
    one that nobody else will, with a dot. Decoding gives the class back where the label is known and the number of fields
    is right, and a `Tagged` elsewhere; it sets the fields and runs no code of the class. Types are not checked: a peer may
    send anything in a field. The values of the fields must be passable when the record is passed.

    `known=False`: decoding does not give this class, so that others may use the label, too, as in vocabularies that are not
    yours to name. It is the same as the `Tagged`, or instance of another's class, that decoding gives then; `as_record` makes
    one of that, and so do patterns of dataspaces that are written with the class.

    Raises `Misuse` where the label belongs to another class, or the class has a part that cannot be kept.
    """
    if not is_text(label) or not label:
        raise Misuse('@record takes its label: @record("shop.order")')

    def decorate(cls: type[T]) -> type[T]:
        made = fielded(cls, label, Recorded)
        if known:
            _register(label, made)
        return made

    return decorate


def as_record(value: object, *classes: type[T]) -> T | None:
    """The value as an instance of the first of these `@record` classes that has its label and number of fields; None where none has.

    For vocabularies whose labels others may use, too: `match as_record(said, Data, Eof)`. What comes may be a `Tagged`, or an
    instance of whatever class somebody has given the label to; all of these are the same value.
    """
    kind = type(value)
    if kind in classes:
        return value  # type: ignore[return-value]
    if isinstance(value, Recorded):
        label, fields = value.__record_label__, value.__record_values__()
    elif isinstance(value, Tagged) and isinstance(value.value, (list, tuple)):
        label, fields = value.tag, tuple(value.value)
    else:
        return None
    for cls in classes:
        made: Any = cls
        if made.__record_label__ == label and len(made.__record_fields__) == len(fields):
            return made.__record_make__(fields)  # type: ignore[no-any-return]
    return None


def record_class(label: str) -> type[Any] | None:
    """The `@record` class that decoding gives for this label; None where the label is not known here.

    Its instances are the records `known` by that label; `__record_fields__` are the names of its fields, in order.
    """
    return CLASSES.get(label)


def tagged(tag: str, value: object) -> object:
    """What a Tagged with this tag, which is some symbol's name, is here: of the `@record` class that fits, or a `Tagged`."""
    cls = CLASSES.get(tag)
    if cls is not None and type(value) is list and len(value) == len(cls.__record_fields__):
        return cls.__record_make__(value)
    return made_tagged(tag, value)


@contextlib.contextmanager
def labels_kept() -> Iterator[None]:
    """If what is done inside raises, labels belong to the same classes as before: for whoever executes code that may turn out to be no good."""
    before = dict(CLASSES)
    try:
        yield
    except BaseException:
        CLASSES.clear()
        CLASSES.update(before)
        raise


def _register(label: str, cls: type[Recorded]) -> None:
    """Keep the class under its label; one that is defined anew, as a reload does, takes the place of the old."""
    known = CLASSES.get(label, cls)
    if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        names = " and ".join(f"{each.__module__}.{each.__qualname__}" for each in (known, cls))
        raise Misuse(
            f"@record label {label!r} is used by two classes, {names}: give one of them another label, or have decoding know only one of them "
            "(@record(label, known=False), and as_record where the other is wanted)"
        )
    CLASSES[label] = cls


def fielded(cls: type, label: str, base: type[Fielded]) -> type[Any]:
    """The class again, slotted, frozen, derived from `base`, and with its generated methods."""
    own = _own_fields(cls)
    inherited = getattr(cls, "__record_fields__", ())
    names = tuple(name for name in inherited if name not in own) + tuple(own)
    body = {name: part for name, part in cls.__dict__.items() if name not in ("__dict__", "__weakref__", *own)}
    body.update(__slots__=tuple(name for name in own if name not in inherited), __qualname__=cls.__qualname__)
    body.update(__match_args__=names, __record_fields__=names, __record_label__=label)
    bases = cls.__bases__ if issubclass(cls, base) else (*[each for each in cls.__bases__ if each is not object], base)
    made: Any = type(cls)(cls.__name__, bases, body)
    if made.__dictoffset__:
        raise Misuse(
            f"record {cls.__qualname__} extends a class that is neither a record nor slotted: it would not be frozen"
        )
    _repair_super(body, cls, made)
    defaults = {
        **getattr(cls, "__record_defaults__", {}),
        **{name: cls.__dict__[name] for name in own if name in cls.__dict__},
    }
    made.__record_defaults__ = defaults
    _generate(made, names, defaults)
    return made  # type: ignore[no-any-return]


def _own_fields(cls: type) -> list[str]:
    taken = _MADE & cls.__dict__.keys()
    if taken:
        raise Misuse(f"record {cls.__qualname__} may not define {', '.join(sorted(taken))}: @record makes it")
    own = []
    for name, annotation in cls.__annotations__.items():
        if str(annotation).startswith(_CLASSVAR):
            continue
        if name.startswith("_"):
            raise Misuse(f"record {cls.__qualname__}: all fields are sent, so {name!r} cannot be private")
        if type(cls.__dict__.get(name)) in (list, dict, set):
            raise Misuse(f"record {cls.__qualname__}: the default of {name!r} can be changed; use None or a tuple")
        own.append(name)
    return own


def _repair_super(body: dict[str, Any], old: type, new: type) -> None:
    """Let `super()` in the methods find the new class: their `__class__` cell holds the old one."""
    for part in body.values():
        function = getattr(part, "__func__", getattr(part, "fget", part))
        for cell in getattr(function, "__closure__", None) or ():
            if isinstance(function, types.FunctionType) and cell.cell_contents is old:
                cell.cell_contents = new


def _generate(cls: Any, names: tuple[str, ...], defaults: dict[str, object]) -> None:
    """Write `__init__`, the reader of all fields and the maker that decoding uses, which calls nothing of the class."""
    scope: dict[str, Any] = {"_new_": object.__new__, "_cls_": cls, "_defaults_": defaults}
    scope.update({f"_set_{i}_": getattr(cls, name).__set__ for i, name in enumerate(names)})
    parameters = [f"{name}=_defaults_[{name!r}]" if name in defaults else name for name in names]
    source = [f"def __init__({', '.join(['_self_', *parameters])}):"]
    source += [f" _set_{i}_(_self_, {name})" for i, name in enumerate(names)] or [" pass"]
    source += ["def __record_values__(_self_):", f" return ({''.join(f'_self_.{name}, ' for name in names)})"]
    source += ["def __record_make__(_values_):", " _self_ = _new_(_cls_)"]
    source += [f" _set_{i}_(_self_, _values_[{i}])" for i, _ in enumerate(names)]
    source += [" return _self_"]
    try:
        exec("\n".join(source), scope)  # noqa: S102  # as dataclasses do: the names are a class body's own identifiers
    except SyntaxError:
        raise Misuse(f"record {cls.__qualname__}: a field without default follows one that has a default") from None
    cls.__init__, cls.__record_values__ = scope["__init__"], scope["__record_values__"]
    cls.__record_make__ = staticmethod(scope["__record_make__"])
    cls.__init__.__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__.__module__ = cls.__module__
