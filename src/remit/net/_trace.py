"""Causal tracing: who called whom, from node to node. Off unless somebody asks for it; never a value of an argument.

    a call comes in ──followed?──► a step ──its turn sends──► steps of those ──to a Remit node──► named there, and followed there
                        └──no──► nothing

A step is one message of a trace: its id, the id of the message whose turn sent it, what was called, how it ended. Ids count up, and a
node that hears a higher one goes on from there, so sorting by id never puts an effect before its cause (a Lamport clock).

A node follows what its operator told it to: one trace by its id, or all that come in for some time. A peer that names any other
trace is not heeded, and what one that is named may cost is bounded in rate and in number.
"""

from __future__ import annotations

import re
import secrets
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from remit.net._log import Allowance
from remit.values import Symbol
from remit.vat import Context, Far, Message, Promise

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.errors import Broken
    from remit.vat import Ref

__all__ = ["Tracer", "tracing_of"]

KEPT: Final = 5000
"""Steps in memory, some 3 MB; the oldest go."""
BURST, PER_SECOND = 5000, 500.0
"""Steps recorded at once, and a second for a longer time; what is more is counted, not recorded."""
LONGEST: Final = 3600.0
"""Seconds for which tracing can be on, or a trace be followed."""
FOLLOWED: Final = 1000
"""Traces followed at a time; the oldest is forgotten."""
NAMES: Final = 80
"""Characters of a name in a record."""
_CAUSE: Final = re.compile(r"[a-z2-7]{1,8}-([0-9]{1,16})", re.ASCII)
_AHEAD: Final = 10**9
"""How far beyond ours a peer's count may be to be believed: eleven days of milliseconds."""


class Step:
    """One message of a trace; the contexts of what it causes hold it (`remit.vat.Step`)."""

    __slots__ = (
        "at",
        "cause",
        "context",
        "error",
        "id",
        "kind",
        "method",
        "peer",
        "result",
        "to",
        "took",
        "trace",
        "tracer",
        "turn",
        "vat",
    )

    def __init__(self, tracer: Tracer, trace: str, cause: str | None, context: Context, peer: str) -> None:
        self.tracer = tracer
        self.trace = trace
        self.cause = cause
        self.id = tracer.next_id()
        self.peer = peer
        self.at = tracer.now()
        self.kind = self.method = self.vat = self.to = self.error = ""
        self.took = 0.0
        self.turn = 0
        self.result = ""  # not there yet
        self.context = Context(context.account, self, self.id, context.facet)

    def sent(self, message: Message) -> Context:
        """See `remit.vat.Step`."""
        return self.tracer.step(self.trace, self.id, self.context, message, "") or self.context.untraced()

    def ended(self, message: Message, error: Broken | None) -> None:
        """See `remit.vat.Step`. The first end counts."""
        if not self.result:
            self.describe(message)
            self.error = "" if error is None else error.id or error.kind
            self._end(message, "ok" if error is None else "broken")

    def handed(self, message: Message, to: str) -> None:
        """See `remit.vat.Step`."""
        if not self.result:
            self.describe(message)
            self.to = to
            self._end(message, "sent on")

    def _end(self, message: Message, result: str) -> None:
        self.result = result
        self.turn = message.target._vat.turn_number
        self.took = self.tracer.now() - self.at
        self.tracer.written(self)

    def describe(self, message: Message) -> None:
        """Note what is called, by names only."""
        self.method = _method(message)
        self.vat = message.target._vat.name
        self.kind = _kind(message.target)

    def record(self) -> dict[str, Any]:
        """The step as plain data: see `Tracer.records`."""
        return {
            "trace": self.trace,
            "id": self.id,
            "cause": self.cause,
            "at": self.at,
            "took": self.took,
            "vat": self.vat,
            "turn": self.turn,
            "kind": self.kind,
            "method": self.method,
            "from": self.peer,
            "to": self.to,
            "result": self.result or "under way",
            "error": self.error,
        }


class Tracer:
    """The traces of one node. Made with the node, ends with it.

    `node`: the first letters of its designator. `switch(on)` is called when following begins or ends, `write` is given each step that has
    ended, as plain data.
    """

    def __init__(self, node: str, switch: Callable[[bool], None]) -> None:
        self.node = node[:8]
        self.write: Callable[[dict[str, Any]], None] | None = None
        self.missed = 0
        self._switch = switch
        self._ring: deque[Step | dict[str, Any]] = deque(maxlen=KEPT)
        self._clock = int(time.time() * 1000)
        self._followed: dict[str, float] = {}
        self._until = 0.0
        self._allowance = Allowance(BURST, PER_SECOND)

    # --- what the operator says -----------------------------------------------------------------------

    def on(self, seconds: float) -> None:
        """From now on, for so long, follow every call that comes in (0: no longer)."""
        self._until = self.now() + min(max(seconds, 0.0), LONGEST)
        self._switch(self._active())

    def follow(self, trace: str, seconds: float) -> None:
        """Follow this trace for so long."""
        self._followed.pop(trace, None)
        self._followed[trace] = self.now() + min(max(seconds, 0.0), LONGEST)
        while len(self._followed) > FOLLOWED:
            del self._followed[next(iter(self._followed))]
        self._switch(self._active())

    @property
    def remaining(self) -> float:
        """Seconds for which every call is still followed."""
        return max(0.0, self._until - self.now())

    def _active(self) -> bool:
        now = self.now()
        for trace, until in list(self._followed.items()):
            if until <= now:
                del self._followed[trace]
        return now < self._until or bool(self._followed)

    # --- what messages do -------------------------------------------------------------------------------

    def came(self, message: Message, named: tuple[str, str] | None, peer: str) -> Context:
        """The context for a message that a session has brought; its own if it is not followed (`remit.captp.Tracer`)."""
        if not self._active():
            self._switch(False)
            return message.context
        trace, cause = named or ("", None)
        if trace not in self._followed:
            if self.now() >= self._until:
                return message.context
            trace = trace or self.fresh()
        if cause is not None:
            self._heard(cause)
        return self.step(trace, cause, message.context, message, peer) or message.context

    def fresh(self) -> str:
        """The id of a new trace: nobody guesses it, so nobody else's calls get into it."""
        return secrets.token_hex(16)

    def ask(self, trace: str, ref: Ref[Any], method: str, *args: Any) -> Promise[Any]:
        """Send the first message of a trace from outside of all vats."""
        self.follow(trace, LONGEST)
        promise: Promise[Any] = Promise(ref._vat)
        message = Message(ref, method, args, None, promise, Context(), True)
        message.context = self.step(trace, None, message.context, message, "") or message.context
        ref._route(message, None)
        return promise

    def step(self, trace: str, cause: str | None, context: Context, message: Message, peer: str) -> Context | None:
        """The context of one more step; None where there have been too many."""
        if not self._allowance.take():
            self.missed += 1
            return None
        made = Step(self, trace, cause, context, peer)
        made.describe(message)
        self._ring.append(made)
        return made.context

    def next_id(self) -> str:
        """One more than any id of ours, or that we have heard of in a trace that we follow."""
        self._clock += 1
        return f"{self.node}-{self._clock}"

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def _heard(self, cause: str) -> None:
        match = _CAUSE.fullmatch(cause)
        if match is not None and int(match[1]) < self._clock + _AHEAD:
            self._clock = max(self._clock, int(match[1]))

    # --- what is recorded -------------------------------------------------------------------------------

    def written(self, step: Step) -> None:
        """A step has ended."""
        if self.write is not None:
            self.write(step.record())

    def remember(self, entry: dict[str, Any]) -> None:
        """Put a step into the ring that an earlier run has written down."""
        self._ring.append(entry)

    def records(self, trace: str) -> list[dict[str, Any]]:
        """The steps of the traces whose ids begin so, or that ended with the error of this id.

        Of each: `trace`, `id`, `cause` (the id of the message whose turn sent it, None if none is known), `at` and `took` in seconds, `vat`, the number of its `turn` in which that ended (0: not yet), `kind`
        of the object, `method`, `from` and `to` (other nodes), `result` ("ok", "broken", "sent on", "under way") and `error` (an id).
        """
        every = [step.record() if isinstance(step, Step) else step for step in self._ring]
        found = {each.get("trace") for each in every if _is(each, trace)}
        return [each for each in every if each.get("trace") in found]

    def recent(self) -> list[str]:
        """The ids of the latest traces, newest first."""
        ids = (step.trace if isinstance(step, Step) else str(step.get("trace")) for step in reversed(self._ring))
        return list(dict.fromkeys(ids))[:50]


def tracing_of(ref: Ref[Any]) -> Tracer:
    """The traces of the node whose session this far reference belongs to."""
    found: Tracer = ref._link.home.tracing  # type: ignore[union-attr]
    return found


def _is(entry: dict[str, Any], wanted: str) -> bool:
    return str(entry.get("trace")).startswith(wanted) or entry.get("error") == wanted


def _method(message: Message) -> str:
    name = message.selector
    if name is None and message.args and isinstance(message.args[0], Symbol):
        name = message.args[0].name
    shown = "()" if name is None else name[:NAMES]
    return shown if shown.isprintable() else ascii(shown)[1:-1][:NAMES]


def _kind(ref: Ref[Any]) -> str:
    if isinstance(ref, Promise):
        return "a promise"
    if isinstance(ref, Far):
        name = getattr(ref._link, "name", None)
        return f"device {name}" if isinstance(name, str) else "a far object"
    made = getattr(ref._at, "_remit_", None)
    return str(made.kind)[:NAMES] if made is not None else "the session"
