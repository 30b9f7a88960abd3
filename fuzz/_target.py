"""What a target is, and how it says that something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fuzz._tape import Tape

__all__ = ["Finding", "Target", "expect"]


class Finding(AssertionError):
    """A rule that does not hold for some input; any other exception that leaves a target is a finding, too."""


def expect(holds: bool, rule: str) -> None:
    """Raise a `Finding` unless this rule holds."""
    if not holds:
        raise Finding(rule)


@dataclass(frozen=True)
class Target:
    """One thing that takes bytes from strangers.

    `check` runs one input and raises what is wrong. `seeds` are inputs to begin with. `share` is the target's part of all
    inputs, beside the others'. `steps` bounds how often a structured input asks `more`. `about` says what holds.
    """

    name: str
    about: str
    check: Callable[[Tape], None]
    seeds: Callable[[], list[bytes]]
    share: int
    steps: int = 12
    longest: int = 512
