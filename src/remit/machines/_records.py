"""What boss and hobs tell each other, and what the boss keeps of a machine: plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remit.lib import Rules
from remit.values import SturdyRef, record

__all__ = ["Alarm", "Enrolment", "Machine", "Offer", "Report"]


@record("remit.machines.offer")
class Offer:
    """A service that a machine makes available under a name.

    `interface` names what it keeps to. `supports` are the attenuations that it enforces (`remit.lib.Attenuation`'s fields), `methods`
    what it answers (None: not known), `rules` what its class says of them. `kind` is the class of an object
    that the machine keeps, "" for the object of a program; `up` is whether one is there now.
    """

    name: str
    interface: str = ""
    description: str = ""
    supports: Sequence[str] = ()
    methods: Sequence[str] | None = None
    rules: Rules | None = None
    kind: str = ""
    up: bool = True

    def but(self, **changes: Any) -> Offer:
        """The same offer with these fields changed."""
        return self.__replace__(**changes)  # type: ignore[attr-defined,no-any-return]  # @record adds it


@record("remit.machines.alarm")
class Alarm:
    """Something that an operator must look at: `known` and `other` are designators, `at` seconds since the epoch."""

    id: str
    at: float
    machine: str
    what: str
    known: str
    other: str


@record("remit.machines.enrolment")
class Enrolment:
    """What a machine gets for its introduction: its name, and its own server presence, which no other key can fetch."""

    name: str
    server: SturdyRef


@record("remit.machines.report")
class Report:
    """What a machine holds, told to the boss whenever they meet: ids of grants, binding name → edge id, its offers."""

    grants: Sequence[str]
    bindings: dict[str, str]
    offers: Sequence[Offer]
    version: str


@record("remit.machines.machine")
class Machine:
    """What the boss keeps of a machine. `state` is "pending" (asked for, not enrolled), "active", "destroying" or "leaving".

    `hob` is its server presence, `introduction` the object that admits it, `invitation` the sturdyref of that (a secret, shown by
    nobody). `asked` is whether the provider has said that the machine is made. Times in seconds since the epoch.
    """

    name: str
    id: str
    provider: str
    options: dict[str, Any]
    state: str
    created: float
    since: float
    hob: Any
    introduction: Any
    invitation: SturdyRef | None = None
    asked: bool = False
    error: str = ""

    def but(self, **changes: Any) -> Machine:
        """The same machine with these fields changed."""
        return self.__replace__(**changes)  # type: ignore[attr-defined,no-any-return]  # @record adds it
