"""The vat: a queue of turns over objects that only it touches. No I/O, no event loop, no clock, no randomness.

    message ──► queue ──► turn ──commit──► effects: to the queue, to other vats, to links
                            └──raise──► undone; the result promise breaks

By hand, `run()` turns until the queue is empty. In use, an event loop is told by `_wake` that there is work.
With a keeper (a durable vat) everything that leaves is held until the turns that caused it are kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from remit.errors import Broken, LinkLost, Misuse, NoSuchMethod
from remit.values import Symbol, passable
from remit.vat._active import active
from remit.vat._actor import ActorType, actor_type
from remit.vat._device import DeviceLink
from remit.vat._message import ROOT, Message
from remit.vat._method import Method
from remit.vat._ref import ATOMS, Far, Promise, Ref
from remit.vat._task import Handler, Task
from remit.vat._turn import Turn

if TYPE_CHECKING:
    from remit.vat._drive import Driver

C = TypeVar("C")
P = ParamSpec("P")


class Job(Protocol):
    """What waits in the queue."""

    def run(self, vat: Vat) -> None:
        """Process it as one turn."""


class Keeper(Protocol):
    """Keeps a durable vat's state; see `remit.durable`."""

    def changed(self, turn: Turn) -> None:
        """A turn is about to commit; raise `NotStorable` to fail it."""

    def flush(self, held: list[tuple[Callable[..., None], tuple[Any, ...]]]) -> None:
        """Keep what the turns since the last flush changed, then call `vat._release(held)`."""


class Recorder(Protocol):
    """Hears of what a vat does; for logs and traces."""

    def failed(self, vat: Vat, error: Exception, broken: Broken, where: str) -> None:
        """A turn raised; `broken` is what its caller hears."""


class Vat:
    """An event loop's worth of objects. Whoever made it owns it; its objects end with it.

    `name` is used in errors' correlation ids and for people. `keeper` makes it durable; `recorder` hears of failures.
    """

    def __init__(self, name: str = "vat", *, keeper: Keeper | None = None, recorder: Recorder | None = None) -> None:
        self.name = name
        self.devices: dict[str, Far[Any]] = {}
        self.unstarted: list[Coroutine[Any, Any, None]] = []
        self.stopped: Broken | None = None
        self._keeper = keeper
        self._recorder = recorder
        self._queue: deque[Job] = deque()
        self._turn = Turn(self)
        self._awake = False
        self._wake: Callable[[], None] = _nothing
        self._start: Callable[[Coroutine[Any, Any, None]], None] = self.unstarted.append
        self._held: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._errors = 0
        self._driver: Driver | None = None

    # --- making objects -------------------------------------------------------------------------

    def spawn(self, cls: Callable[P, C], *args: P.args, **kwargs: P.kwargs) -> Ref[C]:
        """A new object of an `@actor` class in this vat; it lives as long as its reference is held."""
        made = actor_type(cls)
        turn = active.turn
        if turn is not None:
            if turn.vat is not self:
                raise Misuse(
                    f"a turn of vat {turn.vat.name} cannot spawn in vat {self.name}: send a message there instead"
                )
            return made.ref_class(self, cls(*args, **kwargs))
        active.turn = self._turn  # a field's factory may spawn, too
        try:
            return made.ref_class(self, cls(*args, **kwargs))
        finally:
            active.turn = None
            self._commit()

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
        queue = self._queue
        ran = 0
        self._awake = True
        try:
            while queue and ran < limit:
                ran += 1
                queue.popleft().run(self)
        finally:
            if self._keeper is not None:
                self._flush()
            self._turn.target = None  # or the last object called would be kept alive until the next call
            self._turn.context = ROOT
            self._awake = False
            if queue:
                self._rouse()
        return ran

    def stop(self, why: Broken | None = None) -> None:
        """End the vat: what is queued breaks, what arrives later breaks. Objects are not told."""
        self.stopped = why or LinkLost(f"vat {self.name} has stopped")
        self._held.clear()
        while self._queue:
            self._refuse(self._queue.popleft())

    def _refuse(self, job: Job) -> None:
        assert self.stopped is not None
        if isinstance(job, Message):
            job.fail(self.stopped, None)
        elif isinstance(job, Task):
            job.coroutine.close()
            job.message.fail(self.stopped, None)

    def _enqueue(self, job: Job) -> None:
        if self.stopped is not None:
            self._refuse(job)
            return
        self._queue.append(job)
        if not self._awake:
            self._rouse()

    def _rouse(self) -> None:
        self._awake = True
        self._wake()

    def _leave(self, go: Callable[..., None], *args: Any) -> None:
        """Something leaves the vat: at once, or when what caused it is kept."""
        if self._keeper is None:
            go(*args)
        else:
            self._held.append((go, args))
            if not self._awake:
                self._rouse()

    def _outside(self, work: Coroutine[Any, Any, None]) -> None:
        self._start(work)

    def _flush(self) -> None:
        assert self._keeper is not None
        held, self._held = self._held, []
        self._keeper.flush(held)

    def _release(self, held: list[tuple[Callable[..., None], tuple[Any, ...]]]) -> None:
        """What was held is kept now: let it go."""
        if self.stopped is None:
            for go, args in held:
                go(*args)

    # --- one turn -----------------------------------------------------------------------------------

    def _deliver(self, message: Message) -> None:
        turn = self._turn
        turn.target = ref = message.target
        turn.context = message.context
        active.turn = turn
        try:
            args = message.args
            behaviour = ref._at
            method: Method | None = behaviour._remit_.methods.get(message.selector)
            if method is None or message.foreign or message.selector is None:
                method, args = self._find(behaviour._remit_, message)
            if message.kwargs is None and method.lowest <= len(args) <= method.highest and not method.kwonly:
                value = method.function(behaviour, *args)
            else:
                method.check(args, message.kwargs)
                value = method.function(behaviour, *args, **(message.kwargs or {}))
            if method.is_async:
                self._step(Task(self, message, value))
                return
            if value.__class__ not in ATOMS:
                value = passable(value)
            if self._keeper is not None:
                self._keeper.changed(turn)
        except Exception as error:  # noqa: BLE001  # whatever a turn raises breaks its promise
            self._abort(message, error)
        else:
            active.turn = None
            self._commit()
            message.finish()
            if message.promise is not None:
                message.promise._settle(value, self)
        finally:
            if active.turn is not None:
                active.turn = None
                self._turn.undo()
                self._turn.effects.clear()

    def _find(self, kind: ActorType, message: Message) -> tuple[Method, tuple[Any, ...]]:
        """The method for a selector that is not a plain method name, or that comes from another vat."""
        methods = kind.methods
        args, selector = message.args, message.selector
        if selector is None and args and isinstance(args[0], Symbol) and args[0].name in methods:
            selector, args = args[0].name, args[1:]
        method = methods.get(selector)
        if method is None:
            method = methods.get(None)
            if method is None:
                raise NoSuchMethod(_no_method(kind, selector, args))
            args = (Symbol(selector or ""), *args)
        if message.foreign:
            method.check(args, message.kwargs)
            method.guard(args, message.kwargs)
        return method, args

    def _resume(self, task: Task) -> None:
        turn = self._turn
        turn.target = task.message.target
        turn.context = task.message.context
        active.turn = turn
        self._step(task)

    def _step(self, task: Task) -> None:
        """Run a suspended method to its next `await`, its end or its error."""
        message = task.message
        try:
            awaited = task.step()
            if not isinstance(awaited, Ref):
                task.coroutine.close()
                raise Misuse(
                    f"{message!r} awaited {type(awaited).__name__}: a method may await promises only; ask a device"
                )
            if self._keeper is not None:
                self._keeper.changed(self._turn)
        except StopIteration as end:
            self._return(message, end.value)
        except Exception as error:  # noqa: BLE001  # as in _deliver
            self._abort(message, error)
        else:
            active.turn = None
            self._commit()
            if isinstance(awaited, Promise):
                awaited._wait(task)
            else:
                task.awaited = awaited
                self._enqueue(task)
        finally:
            if active.turn is not None:
                active.turn = None
                self._turn.undo()
                self._turn.effects.clear()

    def _return(self, message: Message, value: Any) -> None:
        try:
            if value.__class__ not in ATOMS:
                value = passable(value)
            if self._keeper is not None:
                self._keeper.changed(self._turn)
        except Exception as error:  # noqa: BLE001  # as in _deliver
            self._abort(message, error)
            return
        active.turn = None
        self._commit()
        message.finish()
        if message.promise is not None:
            message.promise._settle(value, self)

    def _handle(self, handler: Handler) -> None:
        function, value = handler.outcome()
        if function is None:
            handler.result._settle(value, self)
            return
        turn = self._turn
        turn.target, turn.context = handler.target, handler.context
        active.turn = turn
        message = Message(handler.target, "on", (), None, handler.result, ROOT)
        try:
            answer = function(value)
        except Exception as error:  # noqa: BLE001  # as in _deliver
            self._abort(message, error)
        else:
            self._return(message, answer)
        finally:
            active.turn = None

    def _commit(self) -> None:
        turn = self._turn
        if turn.before:
            turn.before = {}
        if turn.touched:
            turn.touched = []
        if turn.effects:
            effects, turn.effects = turn.effects, []
            for effect in effects:
                effect.commit(self)

    def _abort(self, message: Message, error: Exception) -> None:
        """The turn raised: nothing of it happened, and its promise says why."""
        turn = self._turn
        active.turn = None
        turn.undo()
        turn.effects.clear()
        turn.touched.clear()
        broken = self._explain(error, repr(message))
        facet = message.context.facet
        if message.promise is None and facet is not None:
            facet.failed(broken)
        message.fail(broken, self)

    def _explain(self, error: Exception, where: str) -> Broken:
        """What the caller may know of an error; its details stay here, under the same id."""
        if isinstance(error, Broken) and error.id:
            return error.copy()
        self._errors += 1
        kind = error.kind if isinstance(error, Broken) else type(error).__name__
        text = error.message if isinstance(error, Broken) else str(error)
        broken = Broken.of(kind, text, f"{self.name}.{self._errors}")
        if self._recorder is not None:
            self._recorder.failed(self, error, broken, where)
        return broken

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


def _no_method(kind: ActorType, selector: str | None, args: tuple[Any, ...]) -> str:
    if selector is None and args and isinstance(args[0], Symbol):
        selector = args[0].name
    what = "is not a function" if selector is None else f"has no method {selector!r}"
    known = sorted({method.name for name, method in kind.methods.items() if name is not None})
    return f"{kind.kind} {what}; it answers: {', '.join(known) or 'nothing'}"
