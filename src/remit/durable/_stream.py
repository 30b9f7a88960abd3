"""The durable messages to one target, on their way.

    idle ──something waits──► searching ──intake found──► sending ──all acknowledged──► idle
                                  ▲                          │
                                  └──link lost, refused──────┘   after a pause that grows

While sending, at most `WINDOW` parts are on their way; each is answered when the other side has kept all of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from remit.durable._mail import INTAKE
from remit.errors import Broken, ProtocolError, Unreachable
from remit.vat import Failed, Promise, Ref, final, send

if TYPE_CHECKING:
    from remit.durable._outbox import Outbox
    from remit.values import SturdyRef

__all__ = ["Stream"]

WINDOW: Final = 8
"""Parts on their way at a time."""
PART: Final = 64
"""Messages in one part."""
PART_BYTES: Final = 256 << 10
"""Bytes in one part, unless its only message is larger."""
PATIENCE: Final = 30.0
"""Seconds that finding the other side's intake may take."""
PAUSES: Final = (0.05, 10.0)
"""Seconds between two attempts: after the first, and at most; each lengthened by up to its half, by chance."""


class Stream:
    """One target's messages; owned by the outbox.

    `queue` holds what is kept and not acknowledged; the first `_sent` of it are on their way. `count` and `size` (bytes) are of these and
    of what is being kept. `why` is what the last attempt came to.
    """

    __slots__ = (
        *("_awaited", "_intake", "_misses", "_outbox", "_parts", "_searching", "_sent"),
        *("count", "queue", "size", "sturdyref", "target", "why"),
    )

    def __init__(self, outbox: Outbox, sturdyref: SturdyRef, target: bytes) -> None:
        self.sturdyref = sturdyref
        self.target = target
        self.queue: deque[tuple[int, bytes]] = deque()
        self.count = 0
        self.size = 0
        self.why: Broken | None = None
        self._outbox = outbox
        self._intake: Ref[Any] | None = None
        self._parts: deque[Part] = deque()
        self._sent = 0
        self._misses = 0
        self._searching = False
        self._awaited: asyncio.Event | None = None  # set to try at once

    @property
    def name(self) -> str:
        """The target's node, for people."""
        return f"an object of node {self.sturdyref.locator.designator[:8]}"

    def kept(self, number: int, row: bytes) -> None:
        """A message is on disk, and may go."""
        self.queue.append((number, row))
        self.go()

    def go(self) -> None:
        """Send what the window has room for; look for the other side first, if need be."""
        node = self._outbox.node
        if not self.queue or node is None or node.closed or self._outbox.vat.stopped is not None:
            return
        if self._intake is not None:
            self._pump()
        elif not self._searching:
            self._searching = True
            node.background(self._search())

    def met(self) -> None:
        """The target's node has come to us, or we to it: do not wait any longer."""
        if self._awaited is not None:
            self._awaited.set()

    def _pump(self) -> None:
        intake = self._intake
        while (
            intake is not None and intake is self._intake and self._sent < len(self.queue) and len(self._parts) < WINDOW
        ):
            rows = self._next_part()
            self._sent += len(rows)
            part = Part(self, len(rows))
            self._parts.append(part)
            send(intake, "take", self.sturdyref.swiss, rows)._wait(part)

    def _next_part(self) -> list[list[Any]]:
        rows: list[list[Any]] = []
        size = 0
        for number, row in islice(self.queue, self._sent, self._sent + PART):
            size += len(row)
            if rows and size > PART_BYTES:
                break
            rows.append([number, row])
        return rows

    # --- finding the other side --------------------------------------------------------------------------

    async def _search(self) -> None:
        node = self._outbox.node
        assert node is not None
        try:
            while self._intake is None and self._outbox.vat.stopped is None:
                if self._misses:
                    pause = min(PAUSES[0] * 2 ** min(self._misses - 1, 20), PAUSES[1])
                    await self._rest(pause * (1 + node.token()[0] / 510))
                try:
                    self._intake = await node.within(PATIENCE, self._find())
                except (Broken, ProtocolError) as error:
                    self._missed(error if isinstance(error, Broken) else Unreachable(str(error)))
        finally:
            self._searching = False
        self.go()

    async def _rest(self, seconds: float) -> None:
        self._awaited = asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                await self._awaited.wait()
        except TimeoutError:
            pass
        finally:
            self._awaited = None

    async def _find(self) -> Ref[Any]:
        node = self._outbox.node
        assert node is not None
        if self.sturdyref.locator.designator == node.designator:
            return node.known[INTAKE](node.key.public)
        session = await node.session(self.sturdyref.locator)
        found: Ref[Any] = await send(session.remote_bootstrap, "fetch", INTAKE)
        return found

    def _missed(self, why: Broken) -> None:
        self._misses += 1
        self.why = why

    # --- what comes back ---------------------------------------------------------------------------------

    def answered(self, part: Part, value: Any) -> None:
        """The other side has kept a part, or the way to it is lost: then all that is not acknowledged is sent again."""
        if part not in self._parts:
            return  # of a way that was lost before
        answer = None if isinstance(value, Failed) else _read(value)
        if answer is None:
            self._parts.clear()
            self._sent = 0
            self._intake = None
            self._missed(value.error if isinstance(value, Failed) else Broken("the other side's answer makes no sense"))
        else:
            while self._parts and self._parts.popleft() is not part:
                pass  # answers come in order; one that is missing is covered by a later one
            self._misses = 0
            self.why = None
            self._acknowledged(*answer)
        self.go()

    def _acknowledged(self, mark: int, errors: dict[int, Broken]) -> None:
        numbers: list[int] = []
        failures: list[tuple[bytes, Broken]] = []
        while self._sent and self.queue[0][0] <= mark:
            number, row = self.queue.popleft()
            self._sent -= 1
            self.count -= 1
            self.size -= len(row)
            numbers.append(number)
            if number in errors:
                failures.append((row, errors[number]))
        self._outbox.done(self, numbers, failures)


class Part:
    """Waits for the answer to one part."""

    __slots__ = ("count", "stream")

    def __init__(self, stream: Stream, count: int) -> None:
        self.stream = stream
        self.count = count

    def settled(self, promise: Promise[Any]) -> None:
        """It is there."""
        self.stream.answered(self, final(promise)._value)


def _read(value: Any) -> tuple[int, dict[int, Broken]] | None:
    """The highest number that the other side is done with, and what went wrong; None if it says something else."""
    if not isinstance(value, list) or len(value) != 2 or type(value[0]) is not int or not isinstance(value[1], list):
        return None
    errors: dict[int, Broken] = {}
    for each in value[1]:
        if not isinstance(each, list) or len(each) != 2 or type(each[0]) is not int or not isinstance(each[1], Broken):
            return None
        errors[each[0]] = each[1]
    return value[0], errors
