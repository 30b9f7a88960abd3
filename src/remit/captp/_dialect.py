"""The forms of the protocol that differ between implementations.

Every known form is accepted; one named dialect is sent. All say version "1.0", so the version does not tell them apart.

    ocapn-1.0      the specification's text, and the third field of op:listen that everything that runs sends
    suite-2026-02  the public test suite of February 2026: op:deliver-only, singular labels for GC
"""

from __future__ import annotations

from typing import Final

from remit.errors import Misuse

VERSION: Final = "1.0"


class Dialect:
    """What we send where implementations differ."""

    __slots__ = ("deliver_only", "gc_answers", "gc_exports", "name")

    def __init__(self, name: str, *, deliver_only: bool, gc_exports: str, gc_answers: str) -> None:
        self.name = name
        self.deliver_only = deliver_only
        self.gc_exports = gc_exports
        self.gc_answers = gc_answers

    def __repr__(self) -> str:
        return f"<dialect {self.name}>"


OCAPN_1_0: Final = Dialect("ocapn-1.0", deliver_only=False, gc_exports="op:gc-exports", gc_answers="op:gc-answers")
SUITE_2026_02: Final = Dialect("suite-2026-02", deliver_only=True, gc_exports="op:gc-export", gc_answers="op:gc-answer")
DIALECTS: Final = {dialect.name: dialect for dialect in (OCAPN_1_0, SUITE_2026_02)}


def dialect(name: str) -> Dialect:
    """The dialect of this name."""
    found = DIALECTS.get(name)
    if found is None:
        raise Misuse(f"no dialect {name!r}; known are: {', '.join(sorted(DIALECTS))}")
    return found
