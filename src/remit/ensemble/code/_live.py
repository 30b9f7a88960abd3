"""Living objects of modules that were loaded anew: which newer classes are theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from types import ModuleType

from remit.vat import Vat, actor_type, near_objects, renew

__all__ = ["brought_over"]


def brought_over(
    vat: Vat, old: Mapping[str, ModuleType], new: Mapping[str, ModuleType]
) -> tuple[Counter[str], Counter[str]]:
    """Give objects of the old modules' classes the new modules' classes of the same kinds, all or none: how many of each kind, and how many stay as they are.

    An object whose kind the new modules do not have stays of its class. Raises `StoreError`, and then nothing was changed.
    """
    if not old:
        return Counter(), Counter()
    kinds = {actor_type(cls).kind: cls for module in new.values() for cls in _classes(module)}
    fresh = set(kinds.values())
    found = Counter(type(ref._at) for ref in near_objects(vat, lambda cls: cls.__module__ in old and cls not in fresh))
    known = {cls: kinds[kind] for cls in found if (kind := actor_type(cls).kind) in kinds}
    changed = renew(vat, known) if known else Counter()
    return changed, Counter({actor_type(cls).kind: count for cls, count in found.items() if cls not in known})


def _classes(module: ModuleType | type, inside: str = "") -> Iterator[type]:
    """The `@actor` classes that a module defines, those inside its classes, too."""
    for found in list(vars(module).values()):
        name = inside or getattr(module, "__name__", "")
        if isinstance(found, type) and found is not module and found.__module__ == name:
            if "_remit_" in vars(found):
                yield found
            if not inside or found.__qualname__.startswith(f"{getattr(module, '__qualname__', '')}."):
                yield from _classes(found, name)
