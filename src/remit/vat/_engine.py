"""How a vat runs one turn: from a message, a suspended method or a handler to its commit or its undoing.

    deliver, resume, handle ──► the method ──returns──► commit, then the result promise is settled
                                    │ └────awaits───► commit, then the task waits
                                    └───────raises──► abort: undone, and the result promise breaks

`deliver`, `resume`, `handle`, `close` and `explain` are methods of `Vat`. They are the hot path of everything that objects do.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any, Protocol

from remit.errors import Broken, Misuse, NoSuchMethod
from remit.values import Symbol, passable
from remit.vat._active import active
from remit.vat._message import Message
from remit.vat._outcome import Failed
from remit.vat._ref import ATOMS, LEAST, SMALL, Promise, Ref, final, settle, wait
from remit.vat._task import Handler, Task

if TYPE_CHECKING:
    from remit.vat._actor import ActorType
    from remit.vat._method import Method
    from remit.vat._turn import Turn
    from remit.vat._vat import Vat


class Job(Protocol):
    """What waits in the queue."""

    def run(self, vat: Vat) -> None:
        """Process it as one turn."""

    def fail(self, error: Broken, by: Vat | None) -> None:
        """The vat has stopped: it will never be processed."""


def deliver(vat: Vat, message: Message) -> None:
    """A message's turn."""
    turn = vat._turn
    ref = turn.target = message.target
    turn.context = message.context
    active.turn = turn
    try:
        behaviour = ref._at
        args = message.args
        method = behaviour._remit_.named.get(message.selector)
        if method is None or message.foreign:
            method, args = find(behaviour._remit_, message)
        if message.kwargs is not None:
            value = method.function(behaviour, *args, **message.kwargs)
        elif len(args) == 1:
            value = method.function(behaviour, args[0])
        elif not args:
            value = method.function(behaviour)
        else:
            value = method.function(behaviour, *args)
        kind = value.__class__
        if (kind is int and LEAST < value < SMALL) or kind in ATOMS or (kind is str and value.isascii()):
            pass
        elif kind is not CoroutineType:
            value = passable(value)
        if turn.before and method.reads and kind is not CoroutineType:
            raise unread(message)
        if vat._keeper is not None and kind is not CoroutineType:
            vat._keeper.changed(turn)
    except BaseException as error:  # noqa: BLE001  # whatever a turn raises breaks its promise
        abort(vat, message, _misfit(message, error) if isinstance(error, TypeError) else error)
        return
    if kind is CoroutineType:
        step(vat, Task(vat, message, value, method.reads), None)
        return
    active.turn = None
    # `commit` and `answer`, without their calls where there is nothing for them to do.
    if turn.effects or turn.touched:
        commit(vat, turn)
    elif turn.before:
        turn.before = {}
    if message.context.account is not None:
        message.finish()
    if message.promise is not None:
        settle(message.promise, value, vat)


def resume(vat: Vat, task: Task) -> None:
    """The turn of what follows an `await`."""
    turn = vat._turn
    message = task.message
    turn.target = message.target
    turn.context = message.context
    active.turn = turn
    step(vat, task, task.awaited)


def step(vat: Vat, task: Task, awaited: Any) -> None:
    """Run a method of the current turn to its next `await`, its end or its error."""
    turn = vat._turn
    message = task.message
    try:
        if isinstance(awaited, Promise):
            awaited = awaited._value
            if isinstance(awaited, Promise):
                awaited = final(awaited)._value
        if isinstance(awaited, Failed):
            awaited = task.coroutine.throw(awaited.error.copy())
        else:
            awaited = task.coroutine.send(awaited)
        if not isinstance(awaited, Ref):
            kind = type(awaited).__name__
            raise Misuse(f"{message!r} awaited {kind}: a method may await promises only; ask a device")
        if turn.before and task.reads:
            raise unread(message)
        if vat._keeper is not None:
            vat._keeper.changed(turn)
    except StopIteration as end:
        finish(vat, message, end.value, task.reads)
        return
    except BaseException as error:  # noqa: BLE001  # as in deliver
        _close_quietly(task.coroutine)
        abort(vat, message, error)
        return
    active.turn = None
    commit(vat, turn)
    if isinstance(awaited, Promise):
        wait(awaited, task)
    else:
        task.awaited = awaited
        vat._enqueue(task)


def finish(vat: Vat, message: Message, value: Any, reads: bool) -> None:
    """The turn has come to the end of its method or function."""
    turn = vat._turn
    try:
        if value.__class__ not in ATOMS:
            value = passable(value)
        if turn.before and reads:
            raise unread(message)
        if vat._keeper is not None:
            vat._keeper.changed(turn)
    except Exception as error:  # noqa: BLE001  # as in deliver
        abort(vat, message, error)
        return
    active.turn = None
    commit(vat, turn)
    answer(vat, message, value)


def handle(vat: Vat, handler: Handler) -> None:
    """The turn that `on` asked for."""
    function, value = handler.outcome()
    message = handler.message()
    if function is None:
        answer(vat, message, value)
        return
    turn = vat._turn
    turn.target, turn.context = handler.target, handler.context
    active.turn = turn
    try:
        result = function(value)
    except BaseException as error:  # noqa: BLE001  # as in deliver
        abort(vat, message, error)
        return
    if result.__class__ is CoroutineType:
        step(vat, Task(vat, message, result), None)
    else:
        finish(vat, message, result, reads=False)


def answer(vat: Vat, message: Message, value: Any) -> None:
    """A message's work is done: settle what it promised."""
    if message.context.account is not None:
        message.finish()
    promise = message.promise
    if promise is not None:
        settle(promise, value, vat)


def commit(vat: Vat, turn: Turn) -> None:
    """The turn has ended well: forget what was before, and let its effects happen."""
    if turn.before:
        turn.before = {}
    if turn.touched:
        turn.touched = []
    effects = turn.effects
    if not effects:
        return
    turn.effects = []
    for effect in effects:
        if effect.__class__ is Message and effect.context.account is None:
            # What `effect.commit(vat)` comes to for most: straight to the queue.
            target = effect.target
            if target._direct and target._vat is vat and vat._awake and vat.stopped is None:
                vat._queue.append(effect)
                continue
        effect.commit(vat)


def abort(vat: Vat, message: Message, error: BaseException) -> None:
    """The turn raised: nothing of it happened, and its promise says why; without one, its facet stops."""
    undo(vat)
    broken = explain(vat, error, repr(message))
    facet = message.context.facet
    if message.promise is None and facet is not None:
        facet.failed(broken)
    message.fail(broken, vat)
    if not isinstance(error, Exception):
        raise error


def undo(vat: Vat) -> None:
    """Put everything back as it was before the current turn, and end it."""
    turn = vat._turn
    active.turn = None
    turn.undo()
    turn.effects.clear()
    turn.touched.clear()


def close(vat: Vat, task: Task) -> None:
    """Let a method that never goes on clean up, in a turn of which nothing is kept."""
    turn = vat._turn
    turn.target, turn.context = task.message.target, task.message.context
    active.turn = turn
    _close_quietly(task.coroutine)
    undo(vat)


def _close_quietly(coroutine: Any) -> None:
    try:
        coroutine.close()
    except Exception:  # noqa: BLE001  # an error of a clean-up whose effects are undone, with nobody left to tell
        pass


def explain(vat: Vat, error: BaseException, where: str) -> Broken:
    """What the caller may know of an error; its details stay here, under the same id."""
    if isinstance(error, Broken) and error.id:
        return error.copy()
    vat._errors += 1
    kind, text = (error.kind, error.message) if isinstance(error, Broken) else (type(error).__name__, _words(error))
    broken = Broken.of(kind, text, f"{vat.name}.{vat._errors}")
    if vat._recorder is not None and isinstance(error, Exception):
        vat._recorder.failed(vat, error, broken, where)
    return broken


def _words(error: BaseException) -> str:
    """The error's own words, as far as they can travel."""
    try:
        return str(error).encode(errors="replace").decode()
    except Exception:  # noqa: BLE001  # an error that cannot even say what it is
        return ""


def _misfit(message: Message, error: BaseException) -> BaseException:
    """Tell arguments that did not fit the method from an error inside it: the method is called without a look at them."""
    try:
        method, args = find(message.target._at._remit_, message)
        method.check(args, message.kwargs)
    except Broken as better:
        return better
    return error


def unread(message: Message) -> Misuse:
    """The error of a method that is marked `@reads` and does not only read."""
    return Misuse(f"{message!r} is marked @reads and has changed something: take the mark away, or the change")


def find(kind: ActorType, message: Message) -> tuple[Method, tuple[Any, ...]]:
    """The method for a message that does not just name one, or that comes from another vat and is to be checked."""
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


def _no_method(kind: ActorType, selector: str | None, args: tuple[Any, ...]) -> str:
    if selector is None and args and isinstance(args[0], Symbol):
        selector = args[0].name
    what = "is not a function" if selector is None else f"has no method {selector!r}"
    known = sorted({method.name for name, method in kind.methods.items() if name is not None})
    return f"{kind.kind} {what}; it answers: {', '.join(known) or 'nothing'}"
