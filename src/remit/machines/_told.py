"""What is told of machines, kept until something of it changes: thousands are looked at more often than they change."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from remit.machines._records import Machine
from remit.machines._views import machine_view
from remit.net import designator_of
from remit.vat import call

__all__ = ["Tellings", "Told", "row_text"]


def row_text(row: dict[str, Any]) -> bytes:
    """A row of a status as `--json` prints it, but on one line: keys in order, ASCII only."""
    text = msgspec.json.encode(row, order="sorted")
    return text if text.isascii() else json.dumps(row, sort_keys=True).encode()


class Told:
    """What is told of a machine as the boss keeps it now. All is asked for in turns of the boss."""

    __slots__ = ("_alarmed", "_peer", "_pulse", "_text", "machine")

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._peer: str | None = None
        self.stirred()

    def stirred(self) -> None:
        """What the machine or its introduction says has changed."""
        self._pulse: Any = None
        self._text: bytes | None = None
        self._alarmed: list[str] = []

    def seen(self) -> float | None:
        """Its last hello."""
        return self._pulsed()[2]  # type: ignore[no-any-return]

    @property
    def known(self) -> bool:
        """Whether its node has been asked for, and is known."""
        return self._peer is not None

    def peer(self) -> str:
        """The designator of its node, which it keeps for good; "" while it has not come."""
        if self._peer is None and self._pulsed()[0] == "active":
            self._peer = designator_of(call(self.machine.hob).public_key())
        return self._peer or ""

    def text(self, alarmed: list[str]) -> bytes:
        """Its row of the status, with these alarms."""
        if self._text is None or self._alarmed != alarmed:
            self._text = row_text(machine_view(self.machine, alarmed))
            self._alarmed = alarmed
        return self._text

    def _pulsed(self) -> Any:
        if self._pulse is None:
            self._pulse = call(self.machine.hob).pulse()
        return self._pulse


class Tellings:
    """What is told of each machine of a fleet, which owns it. Not kept in the store."""

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}
        self._peers: dict[str, str] | None = None

    def of(self, machine: Machine) -> Told:
        """What is told of this machine, which is one of the fleet's."""
        told = self._told.get(machine.name)
        if told is None or told.machine is not machine:
            told = self._told[machine.name] = Told(machine)
            self._peers = None
        return told

    def stirred(self, name: str) -> None:
        """What is shown of a machine has changed, besides what the fleet keeps of it."""
        if name in self._told:
            self._told[name].stirred()
            if not self._told[name].known:
                self._peers = None

    def gone(self, name: str) -> None:
        """There is no machine of this name now."""
        self._told.pop(name, None)
        self._peers = None

    def peers(self, machines: Iterable[Machine]) -> dict[str, str]:
        """The fleet's machines that have come, by the designators of their nodes."""
        if self._peers is None:
            peers = {self.of(machine).peer(): machine.name for machine in machines}
            peers.pop("", None)
            self._peers = peers
        return self._peers
