"""`tell`: messages that expect nothing, spelt out for the methods that a class declares and open for all others."""

from __future__ import annotations

from typing import Any

import pytest

from remit.errors import Misuse
from remit.vat import Vat, actor, become, tell


@actor(kind="test.tell-bell")
class Bell:
    rung: int = 0

    def ring(self, times: int = 1) -> None:
        self.rung += times

    def count(self) -> int:
        return self.rung

    def retire(self) -> None:
        become(Memory(self.rung))


@actor(kind="test.tell-memory")
class Memory:
    rung: int

    def remember(self, rung: int) -> None:
        self.rung = rung

    def count(self) -> int:
        return self.rung


def count(vat: Vat, bell: Any) -> Any:
    """What the object answers, once the vat is idle."""
    promise = bell.count()
    vat.run()
    return promise._value


def test_tell_reaches_declared_methods_with_positional_and_named_arguments() -> None:
    """A message goes to the method of its name, and the sender gets nothing."""
    vat = Vat()
    bell = vat.spawn(Bell)
    assert tell(bell).ring() is None
    tell(bell).ring(times=3)
    assert count(vat, bell) == 4


def test_tell_reaches_methods_that_only_the_later_behaviour_has() -> None:
    """An object may become one of another class; its teller still takes every name."""
    vat = Vat()
    bell: Any = vat.spawn(Bell)
    tell(bell).retire()
    tell(bell).remember(9)
    assert count(vat, bell) == 9


def test_tell_reaches_what_a_promise_becomes() -> None:
    """Messages told to a promise wait for its result."""
    vat = Vat()
    bell = vat.spawn(Bell)
    tell(vat.spawn(Keeper, bell).kept()).ring()
    vat.run()
    assert count(vat, bell) == 1


def test_tell_takes_references_only() -> None:
    """What is no reference is refused where it is told, not when the turn has committed."""
    with pytest.raises(Misuse, match="tell takes a reference, not NoneType"):
        tell(None)  # type: ignore[type-var]


def test_names_with_a_leading_underscore_are_never_told() -> None:
    """Such names are the object's own."""
    with pytest.raises(AttributeError):
        tell(Vat().spawn(Bell))._ring


@actor(kind="test.tell-keeper")
class Keeper:
    bell: Any

    def kept(self) -> Any:
        return self.bell
