"""The vat: a queue of turns over objects that only it touches. No I/O, no event loop, no clock, no randomness.

    message ──► queue ──► turn ──commit──► effects: to the queue, to other vats, to links
                            └──raise──► undone; the result promise breaks

By hand, `run()` turns until the queue is empty. In use, an event loop is told by `_wake` that there is work.
With a keeper (a durable vat) everything that leaves is held until the turns that caused it are kept.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from remit.errors import Broken, LinkLost, Misuse, Uncertain
from remit.vat._active import active
from remit.vat._actor import actor_type
from remit.vat._device import DeviceLink
from remit.vat._engine import Job, close, commit, deliver, drain, explain, handle, resume, undo
from remit.vat._held import Held, drop
from remit.vat._message import ROOT, Call, Message
from remit.vat._outcome import Failed
from remit.vat._ref import Far, Promise, Ref
from remit.vat._task import Handler, Task
from remit.vat._turn import Turn

if TYPE_CHECKING:
    from remit.vat._drive import Driver
    from remit.vat.past import Past

C = TypeVar("C")
P = ParamSpec("P")


class Keeper(Protocol):
    """Keeps a durable vat's state; see `remit.durable`."""

    clean: bool
    """Whether all that turns have changed is kept, so that what leaves now need not wait."""

    def changed(self, turn: Turn) -> None:
        """A turn is about to commit; raise `NotStorable` to fail it."""

    def made(self, ref: Ref[Any], by: Ref[Any]) -> None:
        """A turn of `by` has spawned an object; the turn may yet fail."""

    def flush(self, held: list[Held]) -> None:
        """Keep what the turns since the last flush changed, then call `vat._release(held)`, at once or later.

        If it cannot be kept: raise; or, where that shows later, call `vat.stop(why)` and then `vat._forsake(held)`.
        """


class Recorder(Protocol):
    """Hears of what goes wrong in a vat; for its log."""

    def failed(self, vat: Vat, error: Exception, broken: Broken, where: str) -> None:
        """A turn (or a device, a link) raised; `broken` is all that its caller hears. `where` names what was called, with the
        kinds and sizes of its arguments. Called once for each error, where it happened, not where it passes through.
        """


class Vat:
    """An event loop's worth of objects. Whoever made it owns it; its objects end with it.

    `name` is used in errors' correlation ids and for people; `mark` tells the ids of one run from those of the runs before. `keeper`
    makes it durable; `recorder` hears of failures.
    """

    def __init__(
        self, name: str = "vat", *, keeper: Keeper | None = None, recorder: Recorder | None = None, mark: str = ""
    ) -> None:
        self.name = name
        self.mark = mark
        self.devices: dict[str, Far[Any]] = {}
        self.unstarted: list[Coroutine[Any, Any, None]] = []
        self.stopped: Broken | None = None
        self._keeper = keeper
        self._recorder = recorder
        self._queue: deque[Call | Job] = deque()
        self._turn = Turn(self)
        self._turns = 0  # how many have run, those of the current call of `drain` left out
        self._ran = 0  # of these
        self._awake = False
        self._wake: Callable[[], None] = _nothing
        self._start: Callable[[Coroutine[Any, Any, None]], None] = self.unstarted.append
        self._held: list[Held] = []
        self._releasing = False
        self._made: weakref.WeakSet[Promise[Any]] = weakref.WeakSet()  # by `promise()`: whoever settles them may not
        self._errors = 0
        self._driver: Driver | None = None
        self._past: Past | None = None  # where recent turns are kept

    def _deliver(self, message: Message) -> None:
        deliver(self, message)

    def _resume(self, task: Task) -> None:
        resume(self, task)

    def _handle(self, handler: Handler) -> None:
        handle(self, handler)

    def _close(self, task: Task) -> None:
        close(self, task)

    def _explain(self, error: BaseException, where: Message | str) -> Broken:
        return explain(self, error, where)

    # --- making objects -------------------------------------------------------------------------

    def spawn(self, cls: Callable[P, C], *args: P.args, **kwargs: P.kwargs) -> Ref[C]:
        """A new object of an `@actor` class in this vat; it lives as long as its reference is held."""
        made = actor_type(cls)
        turn = active.turn
        if turn is None:
            return self._spawn_outside(cls, args, kwargs)
        if turn.vat is not self:
            raise Misuse(f"a turn of vat {turn.vat.name} cannot spawn in vat {self.name}: send a message there instead")
        ref: Ref[C] = made.ref_class(self, cls(*args, **kwargs))
        if self._keeper is not None and turn.target is not None:
            self._keeper.made(ref, turn.target)
        return ref

    def _spawn_outside(self, cls: Callable[..., C], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Ref[C]:
        """A turn of its own, since the factories of fields may spawn and send."""
        turn = active.turn = self._turn
        turn.target, turn.context = None, ROOT
        try:
            ref: Ref[C] = actor_type(cls).ref_class(self, cls(*args, **kwargs))
        except BaseException:
            undo(self)
            raise
        active.turn = None
        commit(self, turn)
        return ref

    def adopt(self, instance: Any) -> Ref[Any]:
        """A reference to an instance made elsewhere, for stores that bring objects back."""
        return actor_type(type(instance)).ref_class(self, instance)

    def device(self, name: str, obj: Any) -> Far[Any]:
        """A reference to a plain object outside the vat, whose public methods (async or not) are its messages."""
        if name in self.devices:
            raise Misuse(f"vat {self.name} has a device {name!r} already")
        self.devices[name] = Far(self, None, DeviceLink(self, name, obj))
        return self.devices[name]

    # --- running ----------------------------------------------------------------------------------

    def run(self, limit: int = 1 << 60) -> int:
        """Run turns until the queue is empty or `limit` are done; returns how many ran."""
        if active.turn is not None:
            raise Misuse("a vat cannot be run from inside a turn")
        ran = 0
        self._awake = True
        try:
            while True:
                done = self._drain(limit - ran)
                ran, self._turns, self._ran = ran + done, self._turns + done, 0
                if self._keeper is not None and self.stopped is None:
                    self._flush()
                # What is let go may make more leave, which nobody else would flush.
                if not (self._queue or (self._held and self.stopped is None)) or ran >= limit:
                    return ran
        finally:
            self._turn.target = None  # or the last object called would be kept alive until the next call
            self._turn.context = ROOT
            self._awake = False
            if self._queue or self._held:
                self._rouse()

    @property
    def turn_number(self) -> int:
        """The number of the turn that runs now, or ran last, among those of this vat: for traces. Calls that nobody follows are not told apart."""
        return self._turns + self._ran

    def _drain(self, limit: int) -> int:
        return drain(self, limit) if self._past is None else self._past.drain(limit)

    def stop(self, why: Broken | None = None) -> None:
        """End the vat: what is queued or held breaks, what arrives later breaks. Objects are not told."""
        if active.turn is not None:
            raise Misuse("a vat cannot be stopped from inside a turn")
        if self.stopped is not None:
            return
        self.stopped = why or LinkLost(f"vat {self.name} has stopped")
        while self._queue:
            job = self._queue.popleft()
            (Message.of(job) if isinstance(job, tuple) else job).fail(self.stopped, None)
        for promise in tuple(self._made):
            promise._settle(Failed(self.stopped), None)
        for device in self.devices.values():
            if isinstance(device._link, DeviceLink):
                device._link.stop()
        while self.unstarted:
            self.unstarted.pop().close()
        held, self._held = self._held, []
        self._forsake(held)

    def _enqueue(self, job: Job) -> None:
        if self.stopped is not None:
            job.fail(self.stopped, None)
            return
        self._queue.append(job)
        if not self._awake:
            self._rouse()

    def _rouse(self) -> None:
        self._awake = True
        self._wake()

    def _outside(self, work: Coroutine[Any, Any, None]) -> None:
        self._start(work)

    # --- what leaves ------------------------------------------------------------------------------------

    def _leave(self, go: Callable[..., None], *args: Any) -> None:
        """Something leaves the vat: at once, or when what caused it is kept."""
        if self._keeper is None:
            go(*args)
        elif self.stopped is not None:
            drop(go, args, self.stopped)
        elif self._open:
            go(*args)
        else:
            self._held.append((go, args))
            if not self._awake:
                self._rouse()

    @property
    def _open(self) -> bool:
        """Whether what leaves may go at once: all that could have caused it is kept, and nothing is waiting before it."""
        return self._keeper is None or (self._keeper.clean and not self._held and not self._releasing)

    def _flush(self) -> None:
        assert self._keeper is not None
        held, self._held = self._held, []
        try:
            self._keeper.flush(held)
        except Exception as error:
            words = explain(self, error, "the keeper").message
            self.stop(Uncertain(f"vat {self.name} could not keep its state: {words}"))
            self._forsake(held)
            raise

    def _release(self, held: list[Held]) -> None:
        """What was held is kept now: let it go, even if the vat has stopped since."""
        self._releasing = True  # what this makes leave goes after it
        try:
            for go, args in held:
                go(*args)
        finally:
            self._releasing = False

    def _forsake(self, held: list[Held]) -> None:
        """What was held will not be kept, and the vat has stopped: whoever waits for it hears so."""
        assert self.stopped is not None
        for go, args in held:
            drop(go, args, self.stopped)

    # --- driven by asyncio ----------------------------------------------------------------------------

    async def __aenter__(self) -> Vat:
        from remit.vat._drive import attach  # asyncio only where it is used

        attach(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from remit.vat._drive import detach  # as above

        await detach(self)

    def __repr__(self) -> str:
        return f"<vat {self.name}: {len(self._queue)} queued>"


def _nothing() -> None:
    """Driven by hand: nobody needs to be told."""
