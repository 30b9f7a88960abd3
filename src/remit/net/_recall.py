"""What a node's operator may ask its device `network`: to follow calls, and what was recorded of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remit.net._log import TurnLog
    from remit.net._trace import Tracer

__all__ = ["Recall"]


class Recall:
    """Base of the device `network`. `log`: where failed turns are remembered, None where nobody does."""

    log: TurnLog | None = None

    @property
    def tracing(self) -> Tracer:
        """The node's traces."""
        raise NotImplementedError

    def watch(self, trace: str | None, seconds: float) -> None:
        """Follow the trace with this id, or without one every call that comes in, for so many seconds (0: no longer)."""
        if trace is None:
            self.tracing.on(seconds)
        else:
            self.tracing.follow(trace, seconds)

    def recall(self, what: str) -> dict[str, Any]:
        """What is known by this id: {"steps": [...], "failure": {...} or None, "recent": ids that are known, "missed": steps not recorded}.

        `what`: a trace's id or the first letters of one, or the correlation id of an error. The steps: see `Tracer.records`.
        """
        failure = None if self.log is None else self.log.find(what)
        recent = [*self.tracing.recent(), *([] if self.log is None else self.log.ids()[-50:])]
        steps = self.tracing.records(what) if what else []
        return {"steps": steps[-1000:], "failure": failure, "recent": recent, "missed": self.tracing.missed}
