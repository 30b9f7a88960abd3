"""What sessions answer."""

from __future__ import annotations

from remit.values import record

__all__ = ["Attached", "Evaluated"]


@record("remit.evaluated")
class Evaluated:
    """How a piece of code ended. `text`: its last expression's value, "" where that is None or there is none. `output`: what it has printed
    and nobody was told yet. `error`: the traceback, "" where it ended well.
    """

    text: str
    output: str
    error: str


@record("remit.attached")
class Attached:
    """A session as its user finds it. `number`: that of the last piece of code, 0 before the first. `running`: whether that is still under way."""

    number: int
    running: bool
