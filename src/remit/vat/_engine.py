"""How a vat runs one turn: from a message, a suspended method or a handler to its commit or its undoing.

    deliver, resume, handle ──► the method ──returns──► commit, then the result promise is settled
                                    │ └────awaits───► commit, then the task waits
                                    └───────raises──► abort: undone, and the result promise breaks

They are the hot path of everything that objects do.
"""

from __future__ import annotations

import re
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from remit.errors import Broken, Misuse, NoSuchMethod
from remit.values import Symbol, passable
from remit.vat._active import active
from remit.vat._atoms import ATOMS, LEAST, SMALL
from remit.vat._message import Call, Message
from remit.vat._outcome import Failed
from remit.vat._pledge import Pledge, route
from remit.vat._ref import Promise
from remit.vat._seat import Root
from remit.vat._task import Handler, Task
from remit.vat._turn import SEVERAL
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


def drain(vat: Vat, limit: int) -> int:
    """Run turns until the queue is empty or `limit` are done; the number of turns. A call's turn, which most are, is spelt out here."""
    queue, turn = vat._queue, vat._turn
    next_job = queue.popleft
    ran = 0
    while ran != limit and queue:
        ran += 1
        job = next_job()
        if not isinstance(job, tuple):
            _run(vat, job, ran)
            continue
        target, seat, selector, args, promise, context = job
        turn.target, turn.context = target, context
        active.turn = turn
        try:
            try:
                method = seat.named[selector]
            except KeyError:
                method, args = find(seat.behaviour._remit_, Message.of(job))
            if not args:
                value = method.function(seat.behaviour)
            elif len(args) == 1:
                value = method.function(seat.behaviour, args[0])
            else:
                value = method.function(seat.behaviour, *args)
            kind = type(value)
            if kind is int:
                number: int = value
                if number <= LEAST or number >= SMALL:
                    value = passable(value)
            elif kind not in ATOMS and kind is not CoroutineType:
                value = passable(value)
            if (method.reads or vat._keeper is not None) and kind is not CoroutineType:
                may_commit(vat, job, method.reads)
        except BaseException as error:  # noqa: BLE001  # whatever a turn raises breaks its promise
            failed(vat, Message.of(job), error)
            continue
        if kind is CoroutineType:
            resume(vat, Task(vat, Message.of(job), value, method.reads))
            continue
        active.turn = None
        if turn.changed is SEVERAL:
            turn.clean()
        turn.changed = turn.old = None
        if turn.calls:
            commit(vat, turn)
        if context.account is not None:
            context.account.repay()
        if promise is not None:
            _fulfil(vat, promise, value)
    return ran


def _run(vat: Vat, job: Job, ran: int) -> None:
    vat._ran = ran  # which turn this is: for traces, whose messages take this way
    if type(job) is Task:
        resume(vat, job)
    elif type(job) is Message:
        deliver(vat, job)
    else:
        job.run(vat)


def _fulfil(vat: Vat, promise: Promise[Any], value: Any) -> None:
    """A call has its result: `promise._settle(value, vat)`, with what is usual spelt out: one method waits for it, or nobody yet."""
    if unwinding.later is None and vat.stopped is None and not isinstance(value, Pledge):
        mine: Pledge = promise
        pending = mine._pending
        if pending is None:
            mine._value = value
            return
        if len(pending) == 1 and type(task := pending[0]) is Task and task.vat is vat:
            mine._value = task.awaited = value
            mine._pending = None
            vat._queue.append(task)
            return
    Pledge._settle(promise, value, vat)


def deliver(vat: Vat, message: Message) -> None:
    """A message's turn."""
    turn = vat._turn
    turn.target = message.target
    root: Root = message.target
    turn.context = message.context
    active.turn = turn
    try:
        behaviour = root._at
        method, args = find(behaviour._remit_, message)
        if message.kwargs:
            value = method.function(behaviour, *args, **message.kwargs)
        elif not args:
            value = method.function(behaviour)
        else:
            value = method.function(behaviour, *args)
    except BaseException as error:  # noqa: BLE001  # as in run_call
        failed(vat, message, error)
        return
    if type(value) is CoroutineType:
        resume(vat, Task(vat, message, value, method.reads))
    else:
        finish(vat, message, value, method.reads)


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
        if not isinstance(awaited, Root):
            raise _strange(message, awaited)
        if vat._keeper is not None or task.reads:
            may_commit(vat, message, task.reads)
    except StopIteration as end:
        finish(vat, message, end.value, task.reads)
        return
    except BaseException as error:  # noqa: BLE001  # as in run_call
        _close_quietly(task.coroutine)
        abort(vat, message, error)
        return
    active.turn = None
    if turn.changed is not None:
        turn.clean()
    calls = turn.calls
    if len(calls) == 1 and not turn.mixed and vat.stopped is None:
        call: Any = calls[0]
        account = turn.context.account
        if call[4] is awaited and (account is None or turn.context.trace is None):
            # What `commit` and `awaited._wait(task)` come to for `await ref.method(...)`.
            if account is not None:
                account.borrow()
            calls.clear()
            mine: Pledge = awaited
            mine._pending = [task]
            vat._queue.append(call)
            return
    if calls:
        commit(vat, turn)
    if isinstance(awaited, Pledge):
        Pledge._wait(awaited, task)
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
        if value.__class__ not in ATOMS and not isinstance(value, Root):
            value = passable(value)
        if reads or vat._keeper is not None:
            may_commit(vat, message, reads)
    except Exception as error:  # noqa: BLE001  # as in deliver
        abort(vat, message, error)
        return
    active.turn = None
    if turn.changed is SEVERAL:
        turn.clean()
    turn.changed = turn.old = None
    if turn.calls:
        commit(vat, turn)
    if message.context.account is not None:
        message.finish()
    promise = message.promise
    if promise is not None:
        Pledge._settle(promise, value, vat)


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
    elif result.__class__ not in ATOMS and getattr(type(result), "_remit_handle_", False):
        finish(vat, message, None, reads=False)  # of a lambda that begins a conversation: nobody else could have it
    else:
        finish(vat, message, result, reads=False)


def may_commit(vat: Vat, message: Message | Call, reads: bool) -> None:
    """Raise what keeps the current turn from ending well: a mark that it breaks, or its keeper."""
    if reads and vat._turn.dirty():
        raise unread(message if isinstance(message, Message) else Message.of(message))
    if vat._keeper is not None:
        vat._keeper.changed(vat._turn)


def answer(vat: Vat, message: Message, value: Any) -> None:
    """A message's work is done: settle what it promised."""
    if message.context.account is not None:
        message.finish()
    promise = message.promise
    if promise is not None:
        Pledge._settle(promise, value, vat)


def commit(vat: Vat, turn: Turn) -> None:
    """The turn has ended well: forget what was before, and let its effects happen."""
    if turn.changed is not None:
        turn.clean()
    if not turn.calls:
        return
    if turn.mixed or vat.stopped is not None or not vat._awake:
        _commit_each(vat, turn)
        return
    account = turn.context.account
    if account is not None:
        if turn.context.trace is not None:
            _commit_each(vat, turn)
            return
        for _ in turn.calls:
            account.borrow()
    vat._queue.extend(cast("list[Call]", turn.calls))
    turn.calls.clear()


def _commit_each(vat: Vat, turn: Turn) -> None:
    """Let the turn's effects happen where they are not all calls, or where calls may not go straight to the queue."""
    effects, turn.calls = turn.calls, []
    turn.mixed = False
    for effect in effects:
        if isinstance(effect, Message):  # as its `commit`
            if effect.context.account is not None:
                effect.begin()
            route(effect.target, effect, vat)
        elif isinstance(effect, tuple):
            Message.of(effect).commit(vat)
        else:
            effect.commit(vat)


def failed(vat: Vat, message: Message, error: BaseException) -> None:
    """A method raised at its first turn. Arguments are not looked at before, so it may be that they did not fit."""
    if isinstance(error, TypeError):
        try:
            method, args = find(message.target._at._remit_, message)
            method.check(args, message.kwargs)
        except Broken as better:
            error = better
    abort(vat, message, error)


def abort(vat: Vat, message: Message, error: BaseException) -> None:
    """The turn raised: nothing of it happened, and its promise says why; without one, its facet stops."""
    undo(vat)
    broken = explain(vat, error, message)
    facet = message.context.facet
    if message.promise is None and facet is not None:
        facet.failed(broken, message.target)
    message.fail(broken, vat)
    if not isinstance(error, Exception):
        raise error


def undo(vat: Vat) -> None:
    """Put everything back as it was before the current turn, and end it."""
    turn = vat._turn
    active.turn = None
    turn.undo()
    turn.clean()
    turn.calls.clear()
    turn.mixed = False


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
    if message.foreign and (args or message.kwargs or method.lowest or method.kwonly):
        method.check(args, message.kwargs)
        method.guard(args, message.kwargs)
    return method, args


def _no_method(kind: ActorType, selector: str | None, args: tuple[Any, ...]) -> str:
    if selector is None and args and isinstance(args[0], Symbol):
        selector = args[0].name
    what = "is not a function" if selector is None else f"has no method {selector!r}"
    known = sorted({method.name for name, method in kind.methods.items() if name is not None})
    return f"{kind.kind} {what}; it answers: {', '.join(known) or 'nothing'}"
