"""Defaults of fields that hold a device of the vat: roots are made before anybody outside could hand one over."""

from __future__ import annotations

from typing import Any

from remit.vat import Ref, current, field

__all__ = ["device"]


def device(name: str) -> Any:
    """A field whose default is the vat's device of this name."""

    def find() -> Ref[Any]:
        return current(f"the device {name}").vat.devices[name]

    return field(factory=find)
