"""Defaults of fields that hold a device of the vat: roots are made before anybody outside could hand one over."""

from __future__ import annotations

from typing import Any

from remit.errors import Missing
from remit.vat import Ref, current, field

__all__ = ["device", "device_now"]


def device_now(name: str) -> Ref[Any]:
    """The vat's device of this name, for objects that have no field for it. Raises `Missing` where there is none."""
    found = current(f"the device {name}").vat.devices.get(name)
    if found is None:
        raise Missing(f"there is no {name} here")
    return found


def device(name: str) -> Any:
    """A field whose default is the vat's device of this name."""

    def find() -> Ref[Any]:
        return current(f"the device {name}").vat.devices[name]

    return field(factory=find)
