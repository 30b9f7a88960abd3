"""How a vat runs one turn: from a message, a suspended method or a handler to its commit or its undoing.

    deliver, resume, handle ──► the method ──returns──► commit, then the result promise is settled
                                    │ └────awaits───► commit, then the task waits
                                    └───────raises──► abort: undone, and the result promise breaks

`deliver`, `resume`, `handle`, `close` and `explain` are methods of `Vat`. They are the hot path of everything that objects do.
"""

from __future__ import annotations

import re
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, Protocol

from remit.errors import Broken, Misuse, NoSuchMethod
from remit.values import Symbol, passable
from remit.vat._active import active
from remit.vat._message import Message
from remit.vat._outcome import Failed
from remit.vat._ref import ATOMS, DIRECT, LEAST, SMALL, Promise, Ref
from remit.vat._task import Handler, Task
from remit.vat._waiting import unwinding

if TYPE_CHECKING:
    from remit.vat._actor import ActorType
    from remit.vat._method import Method
    from remit.vat._turn import Turn
    from remit.vat._vat import Vat


_PATH: Final = re.compile(r"(?<![\w:/])/[^\s'\",:()]+")
_SECRET: Final = re.compile(r"/s/[A-Za-z0-9_=-]{8,}")  # a swiss number in a sturdyref's URI


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
        behaviour, args = ref._at, message.args
        method = behaviour._remit_.named.get(message.selector)
        if method is None or message.foreign:
            method, args = find(behaviour._remit_, message)
        if message.kwargs is not None:
            value = method.function(behaviour, *args, **message.kwargs)
        elif not args:
            value = method.function(behaviour)
        elif len(args) == 1:
            value = method.function(behaviour, args[0])
        else:
            value = method.function(behaviour, *args)
        kind = type(value)
        plain = (kind is int and LEAST < value < SMALL) or kind in ATOMS or (kind is str and value.isascii())
        if kind is not CoroutineType:
            if not plain:
                value = passable(value)
            if vat._keeper is not None or (turn.before and method.reads):
                may_commit(vat, message, method.reads)
    except BaseException as error:  # noqa: BLE001  # whatever a turn raises breaks its promise
        abort(vat, message, _misfit(message, error) if isinstance(error, TypeError) else error)
        return
    if kind is CoroutineType:
        resume(vat, Task(vat, message, value, method.reads))
        return
    active.turn = None
    if turn.before:
        turn.before = {}
    if turn.effects or turn.touched:
        commit(vat, turn)
    if message.context.account is not None:
        message.finish()
    promise = message.promise
    if promise is None:
        return
    if plain and unwinding.later is None and not message.foreign and vat.stopped is None:
        pending: list[Any] | None = promise._pending
        if pending is not None and len(pending) == 1 and type(task := pending[0]) is Task and task.vat is vat:
            # What `promise._settle(value, vat)` comes to where one method of a vat awaits another.
            promise._value = task.awaited = value
            promise._pending = None
            vat._queue.append(task)
            return
    promise._settle(value, vat)


def resume(vat: Vat, task: Task) -> None:
    """The turn of an async method's beginning, or of what follows an `await`: run it to its next `await`, its end or its error."""
    turn = vat._turn
    message = task.message
    turn.target = message.target
    turn.context = message.context
    active.turn = turn
    outcome = task.awaited
    try:
        if type(outcome) is Failed:
            awaited = task.coroutine.throw(outcome.error.copy())
        else:
            awaited = task.coroutine.send(outcome)
        if type(awaited) is not Promise and not isinstance(awaited, Ref):
            raise _strange(message, awaited)
        if vat._keeper is not None or (turn.before and task.reads):
            may_commit(vat, message, task.reads)
    except StopIteration as end:
        finish(vat, message, end.value, task.reads)
        return
    except BaseException as error:  # noqa: BLE001  # as in deliver
        _close_quietly(task.coroutine)
        abort(vat, message, error)
        return
    active.turn = None
    if turn.before:
        turn.before = {}
    effects = turn.effects
    if len(effects) == 1 and type(effects[0]) is Message and not turn.touched:
        sent = effects[0]
        promise, target = sent.promise, sent.target
        direct = type(target) in DIRECT and target._vat is vat and sent.context.account is None and vat.stopped is None
        if direct and promise is not None and promise is awaited:
            # What `commit` and `awaited._wait(task)` come to for `await ref.method(...)`.
            vat._queue.append(sent)
            promise._pending = [task]
            turn.effects = []
            return
    if effects or turn.touched:
        commit(vat, turn)
    if isinstance(awaited, Promise):
        awaited._wait(task)
    else:
        task.awaited = awaited
        vat._enqueue(task)


def _strange(message: Message, awaited: Any) -> Misuse:
    kind = type(awaited).__name__
    return Misuse(f"{message!r} awaited {kind}: a method may await promises only; ask a device")


def finish(vat: Vat, message: Message, value: Any, reads: bool) -> None:
    """The turn has come to the end of its method or function."""
    turn = vat._turn
    try:
        if value.__class__ not in ATOMS:
            value = passable(value)
        may_commit(vat, message, reads)
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
    if type(result) is CoroutineType:
        resume(vat, Task(vat, message, result))
    else:
        finish(vat, message, result, reads=False)


def may_commit(vat: Vat, message: Message, reads: bool) -> None:
    """Raise what keeps the current turn from ending well: a mark that it breaks, or its keeper."""
    if reads and vat._turn.before:
        raise unread(message)
    if vat._keeper is not None:
        vat._keeper.changed(vat._turn)


def answer(vat: Vat, message: Message, value: Any) -> None:
    """A message's work is done: settle what it promised."""
    if message.context.account is not None:
        message.finish()
    promise = message.promise
    if promise is not None:
        promise._settle(value, vat)


def commit(vat: Vat, turn: Turn) -> None:
    """The turn has ended well: forget what was before, and let its effects happen."""
    if turn.before:
        turn.before = {}
    if turn.touched:
        turn.touched = []
    if not turn.effects:
        return
    effects, turn.effects = turn.effects, []
    context = turn.context
    direct = context.account is None and vat._awake and vat.stopped is None
    for effect in effects:
        if direct and type(effect) is Message and effect.context is context:
            # What `effect.commit(vat)` comes to for most: straight to the queue.
            target = effect.target
            if type(target) in DIRECT and target._vat is vat:
                vat._queue.append(effect)
                continue
        effect.commit(vat)
        direct = direct and vat.stopped is None


def abort(vat: Vat, message: Message, error: BaseException) -> None:
    """The turn raised: nothing of it happened, and its promise says why; without one, its facet stops."""
    undo(vat)
    broken = explain(vat, error, message)
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


def explain(vat: Vat, error: BaseException, where: Message | str) -> Broken:
    """What the caller may know of an error; its details stay here, under the same id, and are recorded once."""
    if isinstance(error, Broken) and error.id:
        return error.copy()
    vat._errors += 1
    kind, text = (error.kind, error.message) if isinstance(error, Broken) else (type(error).__name__, _words(error))
    broken = Broken.of(kind, text, f"{vat.name}.{vat.mark}{vat._errors}")
    if vat._recorder is not None and isinstance(error, Exception):
        vat._recorder.failed(vat, error, broken, where if isinstance(where, str) else where.shape())
    return broken


def _words(error: BaseException) -> str:
    """The error's own words, as far as they can travel: what the system's own errors say of this place stays in the log here."""
    try:
        words = str(error).encode(errors="replace").decode()
    except Exception:  # noqa: BLE001  # an error that cannot even say what it is
        return ""
    if isinstance(error, OSError | ImportError | SyntaxError):
        words = _PATH.sub("(a path)", words)
    return _SECRET.sub("/s/(hidden)", words)


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
