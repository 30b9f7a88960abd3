"""Cells: one value that can be read and replaced."""

from __future__ import annotations

from typing import Any

from remit.lib._attenuated import Attenuated
from remit.lib._attenuation import Attenuation
from remit.vat import Ref, actor, reads, spawn, this


@actor(kind="remit.cell", version=1)
class Cell:
    """Holds one value: data or a reference. Whoever has it may read and replace the value; hand out `reader()` or `writer()` for less."""

    value: Any = None

    @reads
    def get(self) -> Any:
        """What it holds."""
        return self.value

    def set(self, value: Any) -> None:
        """From now on it holds this."""
        self.value = value

    @reads
    def reader(self) -> Ref[Any]:
        """A reference that can only read."""
        return spawn(Attenuated, this(), Attenuation(methods=["get", "reader"]))

    def writer(self) -> Ref[Any]:
        """A reference that can only replace the value."""
        return spawn(Attenuated, this(), Attenuation(methods=["set"]))
