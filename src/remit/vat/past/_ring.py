"""The recent turns of a vat, as they were: who was called, by which turn, and what the objects were before and after. Off unless somebody begins it.

    begin ──► each turn: its message, the turn that sent it, what it changed (as it was before), what it sent ──► a ring ──► turns, object_at
    end   ──► the vat runs as it did before, and nothing is kept

A turn leaves what it changes as it was (`vat/_turn.py`), so that it can be undone; here that is kept. What an object was after some turn is what it is now, with all that later
turns have changed put back, in copies. While it is on, what the ring holds stays alive, and a turn costs some microseconds more; while it is off it costs nothing.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from sys import getsizeof
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakKeyDictionary, WeakValueDictionary

from remit.errors import Misuse
from remit.vat._engine import drain
from remit.vat._message import Message
from remit.vat._message import _shape as shape_of
from remit.vat._ref import Far, Promise, Ref
from remit.vat._task import Subscription, Task

if TYPE_CHECKING:
    from remit.errors import Broken
    from remit.vat._held import Held
    from remit.vat._turn import Turn
    from remit.vat._vat import Keeper, Recorder, Vat

__all__ = ["Past", "PastTurn"]

TURNS: Final = 2000
SIZE: Final = 8 << 20
"""Bytes of one ring, by the size of what it holds that turns have replaced; more of them than turns, and the oldest go."""
SENT: Final = 50
"""Messages of one turn that are told by name."""
CAUSES: Final = 20_000
"""Messages under way whose turn is remembered."""
_OWN: Final = 400  # bytes of a turn in the ring, besides what it has changed


class PastTurn:
    """One turn. Owned by the ring; never changed.

    `cause`: the number of the turn that sent its message, None where that is not known or came from outside. `began`: of a method that goes on after an
    `await`, the number of the turn in which it began. `before`: what was changed, as it was. `sent`: references and selectors. `error`: the id of what it
    raised, "" for a turn that ended well. `step`, `led`: ids in a trace, of its message and of the one that led to it (`remit.vat.Step`).
    """

    __slots__ = (
        "at",
        "before",
        "began",
        "cause",
        "error",
        "led",
        "more",
        "number",
        "refs",
        "sent",
        "shape",
        "size",
        "step",
        "target",
        "trace",
    )

    def __init__(self, number: int, target: Ref[Any] | None, shape: str, at: float) -> None:
        self.number = number
        self.target = target
        self.shape = shape
        self.at = at
        self.cause: int | None = None
        self.began: int | None = None
        self.before: dict[Any, Any] = {}
        self.refs: list[Ref[Any]] = []  # whose fields these may be
        self.sent: list[tuple[Ref[Any], str]] = []
        self.more = 0  # messages that `sent` has no room for
        self.error = ""
        self.trace = self.step = self.led = ""
        self.size = _OWN


class Past:
    """The ring of one vat. `begin()` puts it in, `end()` takes it out; whoever does that owns it.

    `turns`, `size`: how much it keeps at most. `now`: the time, for people (seconds since the epoch); 0 where nobody tells it. `tell`: called with each turn when it is in the ring.
    """

    def __init__(
        self,
        vat: Vat,
        *,
        turns: int = TURNS,
        size: int = SIZE,
        now: Callable[[], float] = float,
        tell: Callable[[PastTurn], None] | None = None,
    ) -> None:
        self.vat = vat
        self.ring: deque[PastTurn] = deque()
        self.forgotten = 0
        self._most = turns
        self._room = size
        self._now = now
        self._tell = tell
        self._size = 0
        self._inner: Keeper | None = None
        self._recorder: Recorder | None = None
        self._job: Any = None
        self._number = 0
        self._noted = False
        self._causes: OrderedDict[int, tuple[Any, int]] = OrderedDict()
        self._labels: WeakKeyDictionary[Ref[Any], str] = WeakKeyDictionary()
        self._named: WeakValueDictionary[str, Ref[Any]] = WeakValueDictionary()
        self._count = 0

    def begin(self) -> None:
        """Keep the turns from now on."""
        if self.vat._past is not None:
            raise Misuse(f"the turns of vat {self.vat.name} are kept already")
        self._inner, self._recorder = self.vat._keeper, self.vat._recorder
        self.vat._past, self.vat._keeper, self.vat._recorder = self, cast("Keeper", self), self

    def end(self) -> None:
        """Keep no more; what was kept is there until this object goes."""
        if self.vat._past is self:
            self.vat._past, self.vat._keeper, self.vat._recorder = None, self._inner, self._recorder

    # --- what it hears ----------------------------------------------------------------------------------

    def drain(self, limit: int) -> int:
        """As `Vat._drain`, turn by turn."""
        vat, base, ran = self.vat, self.vat._turns, 0
        try:
            while ran != limit and vat._queue:
                vat._turns = base + ran  # for those who ask for the number of this turn
                self._job, self._number = vat._queue[0], base + ran + 1
                ran += 1
                drain(vat, 1)
        finally:
            vat._turns, self._job = base, None
        return ran

    @property
    def clean(self) -> bool:
        """See `Keeper`; so are the next three."""
        return self._inner is None or self._inner.clean

    def made(self, ref: Ref[Any], by: Ref[Any]) -> None:
        """An object was spawned."""
        if self._inner is not None:
            self._inner.made(ref, by)

    def flush(self, held: list[Held]) -> None:
        """Nothing is held for us."""
        if self._inner is not None:
            self._inner.flush(held)
        else:
            self.vat._release(held)

    def changed(self, turn: Turn) -> None:
        """A turn is about to commit."""
        if self._inner is not None:
            self._inner.changed(turn)
        made = self._made(turn)
        if turn.changed is not None:
            made.before = dict(turn.before)
            made.refs = [ref for ref in (turn.target, *turn.touched) if ref is not None]
            made.size += sum(_size(old) for old in made.before.values())
        for effect in turn.calls:
            self._sends(made, effect)
        self._keep(made)

    def failed(self, vat: Vat, error: Exception, broken: Broken, where: str) -> None:
        """See `Recorder`: nothing of the turn has happened, but that it was."""
        if self._job is not None and vat.stopped is None:
            made = self._made(vat._turn)
            made.error = broken.id or broken.kind
            self._keep(made)
        if self._recorder is not None:
            self._recorder.failed(vat, error, broken, where)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or self._inner is None:
            raise AttributeError(name)
        return getattr(self._inner, name)  # what a durable vat asks its keeper

    # --- what it keeps ----------------------------------------------------------------------------------

    def _made(self, turn: Turn) -> PastTurn:
        job = self._job
        parts = _parts(job)
        made = PastTurn(self._number, turn.target, "on()" if parts is None else _shape(*parts[:3]), self._now())
        promise = None if parts is None else parts[3]
        found = self._causes.get(id(job if promise is None else promise))
        if isinstance(job, Task):
            made.began = None if found is None else found[1]
        else:
            made.cause = None if found is None else found[1]
            if promise is not None:
                self._remember(promise, made.number)  # where it goes on after an `await`
        step = turn.context.trace
        if step is not None:
            made.trace, made.step, made.led = step.trace, step.id, str(getattr(step, "cause", None) or "")
        return made

    def _sends(self, made: PastTurn, effect: Any) -> None:
        if isinstance(effect, Subscription):
            self._remember(effect.handler, made.number)
            return
        if not isinstance(effect, tuple | Message):
            return
        target, selector, promise = (
            (effect[0], effect[2], effect[4])
            if isinstance(effect, tuple)
            else (effect.target, effect.selector, effect.promise)
        )
        self._remember(effect if promise is None else promise, made.number)
        if len(made.sent) < SENT:
            made.sent.append((target, selector or "()"))
        else:
            made.more += 1

    def _remember(self, what: Any, number: int) -> None:
        self._causes[id(what)] = (what, number)
        if len(self._causes) > CAUSES:
            self._causes.popitem(last=False)

    def _keep(self, made: PastTurn) -> None:
        self.ring.append(made)
        self._size += made.size
        while len(self.ring) > self._most or (self._size > self._room and len(self.ring) > 1):
            self._size -= self.ring.popleft().size
            self.forgotten += 1
        if self._tell is not None:
            self._tell(made)

    # --- names ------------------------------------------------------------------------------------------

    def label(self, ref: Ref[Any]) -> str:
        """What an object is called here: its kind and a number; the same each time."""
        found = self._labels.get(ref)
        if found is None:
            self._count += 1
            found = self._labels[ref] = f"{_kind(ref)}#{self._count}"
            self._named[found] = ref
        return found

    def find(self, label: str) -> Ref[Any] | None:
        """The object that is called so, or of which this is the number (#3)."""
        if label.startswith("#"):
            return next((ref for name, ref in self._named.items() if name.endswith(label)), None)
        return self._named.get(label)


def _parts(job: Any) -> tuple[str | None, tuple[Any, ...], dict[str, Any] | None, Promise[Any] | None] | None:
    """Selector, arguments and promise of what is run; None for a handler, and for what comes from outside of the queue."""
    if isinstance(job, tuple):
        return job[2], job[3], None, job[4]
    message = job.message if isinstance(job, Task) else job
    if isinstance(message, Message):
        return message.selector, message.args, message.kwargs, message.promise
    return None


def _shape(selector: str | None, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> str:
    """The method, with the kinds and sizes of its arguments."""
    shapes = [*map(shape_of, args), *(f"{name}={shape_of(value)}" for name, value in (kwargs or {}).items())]
    return f"{selector or ''}({', '.join(shapes)})"


def _size(old: Any) -> int:
    return getsizeof(old) + (sum(getsizeof(each) for each in old) if type(old) is tuple else 0)


def _kind(ref: Ref[Any]) -> str:
    if isinstance(ref, Promise):
        return "promise"
    if isinstance(ref, Far):
        name = getattr(ref._link, "name", None)
        return f"device {name}" if isinstance(name, str) else "far"
    known = getattr(ref._at, "_remit_", None)
    return "object" if known is None else str(known.kind)
