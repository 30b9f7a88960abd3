"""Living objects get a newer class, with their state: what a program that loads code anew does between two turns.

    looked for ──► each one's fields brought up, by the new class's own `_upgrade` ──► all checked ──► all changed
                          └──raises──► nothing was changed

The object stays the same one: its reference, its containers, what is queued for it, and methods that are suspended, which go on in the code that
they began in. The rules for fields are those of stored portraits (`remit.durable`).
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from remit.errors import Misuse, NotPassable, StoreError, Uncertain
from remit.values import Tagged, tagged
from remit.vat._active import active
from remit.vat._actor import ActorType, actor_type
from remit.vat._atoms import ATOMS
from remit.vat._containers import OURS, TurnDict, TurnList, TurnSet
from remit.vat._ref import Promise, Ref
from remit.vat._vat import Vat

__all__ = ["near_objects", "renew"]

_set: Final = object.__setattr__  # an actor's own lets fields be set in turns only
Downgrade = Callable[[int, dict[str, Any]], dict[str, Any]]


def near_objects(vat: Vat, wanted: Callable[[type], bool]) -> list[Ref[Any]]:
    """The references of this vat's living objects whose class is wanted. Looks at all that is in memory: milliseconds, and more in a large process."""
    import gc  # nothing else needs it

    found: list[Ref[Any]] = []
    plain: dict[int, bool] = {}  # by id of a type: whether it is one of references to objects
    for ref in gc.get_objects():
        kind = type(ref)  # `isinstance` would ask the object, and a proxy may answer by running code
        known = plain.get(id(kind))
        if known is None:
            known = plain[id(kind)] = issubclass(kind, Ref) and not issubclass(kind, Promise)
        if known and ref._link is None and ref._vat is vat and wanted(type(ref._at)):
            found.append(ref)
    return found


def renew(vat: Vat, classes: Mapping[type, type]) -> Counter[str]:
    """Make the objects of each class instances of the newer one, all or none; how many there were of each kind.

    An object of an older version is brought up by the new class's `_upgrade(version, fields)`; to a class of a lower version it goes by the present class's
    `_downgrade(version, fields)`, where `version` is the one that is wanted. Raises `StoreError`, and then nothing was changed. Between turns only.
    """
    if active.turn is not None:
        raise Misuse("objects get a newer class between turns, not inside of one: ask a device")
    refs = near_objects(vat, classes.__contains__)
    plans = [(ref, *_plan(ref._at, actor_type(classes[type(ref._at)]))) for ref in refs]
    for ref, made, fields in plans:
        _change(ref, made, fields)
    if vat._keeper is not None and plans:
        _keep(vat, [ref for ref, _, _ in plans])
    return Counter(made.kind for _, made, _ in plans)


def _keep(vat: Vat, refs: list[Ref[Any]]) -> None:
    """Have a durable vat write the objects anew."""
    rewrite: Callable[[Ref[Any]], None] | None = getattr(vat._keeper, "rewrite", None)
    try:
        for ref in refs:
            if rewrite is not None and ref._seat.kept:
                rewrite(ref)
    except Exception as error:
        # What is in memory cannot be kept: as after a commit that failed, the vat ends, and is loaded again from what is kept.
        vat.stop(
            Uncertain(f"vat {vat.name} could not keep objects of a newer class: {vat._explain(error, 'renew').message}")
        )
        raise
    if not vat._awake:
        vat._rouse()


def _plan(instance: Any, made: ActorType) -> tuple[ActorType, dict[str, Any]]:
    """What the fields of an object will be."""
    old: ActorType = instance._remit_
    where = f"an object of kind {old.kind!r}"
    fields = {name: _fresh(getattr(instance, name)) for name in old.fields}
    try:
        if made.version < old.version:
            fields = _downgraded(old, made.version, fields)
        fields = made.filled(instance, made.brought_up(min(old.version, made.version), fields, where), where)
        _try_class(instance, made.cls)
    except (NotPassable, TypeError) as error:
        raise StoreError(f"{where} cannot become one of version {made.version}: {error}; nothing was changed") from None
    return made, fields


def _downgraded(old: ActorType, version: int, fields: dict[str, Any]) -> dict[str, Any]:
    what = f"an object of kind {old.kind!r} is of version {old.version}, the other class is version {version}"
    downgrade: Downgrade | None = getattr(old.cls, "_downgrade", None)
    if downgrade is None:
        raise StoreError(
            f"{what}, and the present one has no _downgrade(version, fields) to go back there; nothing was changed"
        )
    try:
        return downgrade(version, fields)
    except Exception as error:
        raise StoreError(f"{what}, and its _downgrade failed: {error!r}; nothing was changed") from error


def _try_class(instance: Any, cls: type) -> None:
    """Raises TypeError where Python cannot make one class's instance the other's, as where one has `__slots__`."""
    now = type(instance)
    _set(instance, "__class__", cls)
    _set(instance, "__class__", now)


def _change(ref: Ref[Any], made: ActorType, fields: dict[str, Any]) -> None:
    instance = ref._at
    for name in set(instance._remit_.fields) - set(fields):
        object.__delattr__(instance, name)
    for name, value in fields.items():
        _set(instance, name, _refilled(instance.__dict__.get(name), value))
    _set(instance, "__class__", made.cls)
    ref._become(instance)


def _refilled(old: Any, new: Any) -> Any:
    """The container that was there, with what is to be in it: a suspended method may hold it, and change it later."""
    if type(old) is not type(new) or type(new) not in OURS:
        return new
    if type(new) is TurnDict:
        dict.clear(old)
        dict.update(old, new)
    elif type(new) is TurnList:
        list.__setitem__(old, slice(None), new)
    else:
        set.clear(old)
        set.update(old, new)
    for inner in new.values() if type(new) is TurnDict else new:
        if type(inner) in OURS:
            inner._up = weakref.ref(old)
    return old


def _fresh(value: Any) -> Any:
    """A plain copy of what a field holds; records are of the classes that have their labels now."""
    kind = type(value)
    if kind in ATOMS or kind is str or kind is int or isinstance(value, Ref):
        return value
    if isinstance(value, dict):
        return {name: _fresh(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_fresh(part) for part in value]
    if isinstance(value, TurnSet):
        return {_fresh(part) for part in value}
    if isinstance(value, Tagged):
        return tagged(value.tag, _fresh(value.value))
    label = getattr(kind, "__record_label__", None)
    if label is None:
        return value
    made = tagged(label, [_fresh(part) for part in value.__record_values__()])
    return value if isinstance(made, Tagged) else made
