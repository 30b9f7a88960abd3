"""`@actor` classes: what an object is, its constructor says.

    @actor(kind="example.counter", version=1)
    class Counter:
        count: int = 0
        def increment(self, by: int = 1) -> int: ...

The annotated fields are the whole state; `__init__` is generated from them as dataclasses do. A field holds passable data,
references, and the vat's own containers, into which plain lists, dicts and sets are converted when assigned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, dataclass_transform, overload

from remit.errors import Misuse, NotPassable, StoreError
from remit.vat._atoms import ATOMS
from remit.vat._containers import OURS, adopt
from remit.vat._method import Method, methods_of
from remit.vat._ref import Ref
from remit.vat._setter import setter
from remit.vat._spelt import ref_class

C = TypeVar("C")
_set: Final = object.__setattr__
_new: Final = (
    object.__new__
)  # making an object and setting its slots on the spot takes half as long as calling its class
_UNSET: Final = object()


class Factory:
    """A field's default that is made anew for each object."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def field(factory: Callable[[], Any]) -> Any:
    """A field whose default is `factory()`, called for each new object, inside the turn that spawns it."""
    return Factory(factory)


class ActorType:
    """What the vat knows of an `@actor` class; made once by the decorator."""

    __slots__ = ("cls", "defaults", "fields", "kind", "methods", "named", "passing", "ref_class", "version")

    def __init__(
        self,
        cls: type,
        kind: str,
        version: int,
        fields: tuple[str, ...],
        defaults: dict[str, Any],
        passing: bool = False,
    ) -> None:
        self.cls = cls
        self.kind = kind
        self.version = version
        self.passing = passing
        self.fields = fields
        self.defaults = defaults
        self.methods: dict[str | None, Method] = methods_of(cls)
        for name in fields:
            if name in self.methods:
                raise Misuse(f"{cls.__qualname__}: a field and a method are both named {name!r}")
        self.named = {name: method for name, method in self.methods.items() if name is not None}
        self.ref_class: type[Ref[Any]] = ref_class(cls, self.methods)

    def restore(self, instance: Any, old: tuple[Any, ...]) -> None:
        """Put back all fields of an instance as they were."""
        for name, value in zip(self.fields, old, strict=True):
            _set(instance, name, value)

    @property
    def readable(self) -> bool:
        """Whether any method is marked `@reads`, so that read-only has a meaning."""
        return any(method.reads for method in self.methods.values())

    def brought_up(self, version: int, fields: dict[str, Any], where: str) -> dict[str, Any]:
        """What the class, with its own `_upgrade(version, fields)`, makes of the fields of an object of an older version.

        Raises `StoreError` where there is none, where it fails, and where a field would be lost; `where` is the object in words.
        """
        if version < self.version:
            fields = self._upgraded(version, fields, where)
        unknown = sorted(set(fields) - set(self.fields))
        if unknown:
            raise StoreError(
                f"{where} has stored fields that {self.kind!r} version {self.version} has not: {', '.join(unknown)}; add an upgrade"
            )
        return fields

    def _upgraded(self, version: int, fields: dict[str, Any], where: str) -> dict[str, Any]:
        upgrade = getattr(self.cls, "_upgrade", None)
        what = f"{where} is of kind {self.kind!r} version {version}, the class is version {self.version}"
        if upgrade is None:
            raise StoreError(f"{what} and has no _upgrade(version, fields) to bring it there; nothing was changed")
        try:
            upgraded = upgrade(version, fields)
        except Exception as error:
            raise StoreError(f"{what}, and its _upgrade failed: {error!r}; nothing was changed") from error
        if not isinstance(upgraded, dict):
            raise StoreError(f"{what}, and its _upgrade gave {type(upgraded).__name__}, not its fields by name")
        return upgraded

    def filled(self, instance: Any, fields: dict[str, Any], where: str) -> dict[str, Any]:
        """All fields as this instance keeps them; one that is not given takes its default. Nothing is set yet."""
        found = {}
        for name in self.fields:
            value = fields.get(name, _UNSET)
            if value is _UNSET:
                value = self.defaults.get(name, _UNSET)
                if value is _UNSET or isinstance(value, Factory):
                    raise StoreError(f"{where}.{name} is not stored and has no plain default: add an upgrade")
            found[name] = adopt_field(instance, name, value)
        return found

    def fill(self, instance: Any, fields: dict[str, Any], where: str) -> None:
        """Set all fields of an instance that a store brings back."""
        for name, value in self.filled(instance, fields, where).items():
            _set(instance, name, value)

    def __repr__(self) -> str:
        return f"<actor type {self.kind} version {self.version}>"


@overload
def actor(cls: type[C]) -> type[C]: ...
@overload
def actor(*, kind: str | None = None, version: int = 1, passing: bool = False) -> Callable[[type[C]], type[C]]: ...
@dataclass_transform(field_specifiers=(field,))
def actor(cls: type[C] | None = None, *, kind: str | None = None, version: int = 1, passing: bool = False) -> Any:
    """Make a class of objects for vats.

    `kind` and `version` name the class in stores (default kind: module and qualified name, which ties what is stored to where the
    code stands). Fields may be read and set in the class's own methods only, and set only during a turn. `passing`: objects of this class serve
    something under way, and nobody expects them to be kept in stores.
    """

    def decorate(made: type[C]) -> type[C]:
        fields, defaults = _fields(made)
        for name in fields:
            # What stays of a default on the class would answer for a field that a constructor forgot.
            if name in vars(made):
                delattr(made, name)
        known = ActorType(made, kind or f"{made.__module__}.{made.__qualname__}", version, fields, defaults, passing)
        made._remit_ = known  # type: ignore[attr-defined]
        made.__init__ = _constructor(fields, defaults)  # type: ignore[method-assign]  # as dataclasses do
        made.__setattr__ = setter(fields, adopt_field)  # type: ignore[method-assign]  # the state's only door
        made.__delattr__ = _no_delete  # type: ignore[method-assign]
        made.__eq__ = object.__eq__  # type: ignore[method-assign]  # objects have identity, not value
        made.__hash__ = object.__hash__  # type: ignore[method-assign]
        made.__repr__ = _show  # type: ignore[method-assign]  # fields may be secrets
        return made

    return decorate if cls is None else decorate(cls)


def actor_type(cls: Any) -> ActorType:
    """What the decorator made of this class (or this object's class)."""
    found = getattr(cls, "_remit_", None)
    if not isinstance(found, ActorType) or (isinstance(cls, type) and "_remit_" not in vars(cls)):
        name = getattr(cls, "__name__", type(cls).__name__)
        raise Misuse(f"{name} is not an @actor class: only those can be objects of a vat")
    return found


def _fields(cls: type) -> tuple[tuple[str, ...], dict[str, Any]]:
    fields: dict[str, None] = {}
    defaults: dict[str, Any] = {}
    for base in reversed(cls.__mro__[1:]):
        if "_remit_" in vars(base):
            fields.update(dict.fromkeys(base._remit_.fields))  # type: ignore[attr-defined]
            defaults.update(base._remit_.defaults)  # type: ignore[attr-defined]
    for name, note in vars(cls).get("__annotations__", {}).items():
        if str(note).startswith(("ClassVar", "typing.ClassVar")):
            continue
        fields[name] = None
        if name in vars(cls):
            defaults[name] = vars(cls)[name]
    for name in fields:
        if not name.isidentifier() or name.startswith(("__", "_remit")):
            raise Misuse(f"{cls.__qualname__}: a field cannot be called {name!r}")
    return tuple(fields), defaults


def _constructor(fields: tuple[str, ...], defaults: dict[str, Any]) -> Any:
    """`__init__` from the fields. Source text, as dataclasses do: a loop over fields takes three times as long."""
    scope = {"_set": _set, "_atoms": ATOMS, "_adopt": adopt_field, "_unset": _UNSET}
    parameters, lines = [], []
    optional = False
    for name in fields:
        if name in defaults:
            optional = True
            default = defaults[name]
            scope[f"_default_{name}"] = default.make if isinstance(default, Factory) else default
            parameters.append(f"{name}=_unset" if isinstance(default, Factory) else f"{name}=_default_{name}")
            if isinstance(default, Factory):
                lines.append(f"    if {name} is _unset: {name} = _default_{name}()")
        else:
            parameters.append(f"*, {name}" if optional and not any(p.startswith("*") for p in parameters) else name)
        lines.append(
            f"    _set(self, {name!r}, {name} if {name}.__class__ in _atoms else _adopt(self, {name!r}, {name}))"
        )
    source = f"def __init__(self{''.join(', ' + p for p in parameters)}):\n" + ("\n".join(lines) or "    pass")
    exec(source, scope)  # noqa: S102  # names only, checked to be identifiers
    return scope["__init__"]


def adopt_field(instance: Any, name: str, value: Any) -> Any:
    """The value as the field keeps it, or an error that names the field."""
    try:
        if value.__class__ in OURS and value is getattr(instance, name, None):
            return value  # `self.items += …` ends so
        return adopt(value)
    except NotPassable as error:
        raise NotPassable(f"field {name!r} of {type(instance).__name__}: {error}") from None


def _no_delete(self: Any, name: str) -> None:
    raise AttributeError(f"field {name!r} of {type(self).__name__} cannot be deleted; set it to None")


def _show(self: Any) -> str:
    return f"<{self._remit_.kind} object>"
