"""Evaluating one piece of code in a session's thread, up to the text that is told of it."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
from collections.abc import Coroutine, Generator
from functools import partial
from types import CodeType, FunctionType
from typing import Any, Final

from remit.ensemble.repl._lane import Lane, Stuck
from remit.ensemble.repl._texts import Sources, shown, told

__all__ = ["Code"]

_FUTURES: Final = (
    0x1FFE000  # the bits of `__future__` in a code object's flags: what one piece has asked for holds for the next
)
SHORT: Final = 1000
_VALUE: Final = "__remit_value__"
_LEFT: Final[list[Any]] = []  # coroutines that cannot be ended: the interpreter would complain if they were let go


class Awaits:
    """Where a coroutine has come to."""

    __slots__ = ("coroutine", "future")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], future: Any) -> None:
        self.coroutine = coroutine
        self.future = future


class Code:
    """One piece of code, evaluated once: `value, error = await code`, both as text, "" where there is none.

    `names`: the namespace. `flags`: those that earlier pieces have set, and afterwards also this one.
    """

    def __init__(self, lane: Lane, names: dict[str, Any], sources: Sources, source: str, flags: int) -> None:
        self.flags = flags
        self.why = ""
        """What is told besides where it is interrupted."""
        self._lane = lane
        self._names = names
        self._sources = sources
        self._source = source
        self._task: asyncio.Task[Any] | None = None
        self._waits = False
        self._wished = False
        self._given_up = False

    def __await__(self) -> Generator[Any, Any, tuple[str, str]]:
        self._task = asyncio.current_task()
        try:
            got = yield from self._lane.shift(self._begin)
            while isinstance(got, Awaits):
                got = yield from self._lane.shift(partial(self._step, got.coroutine, (yield from self._wait(got))))
        except Stuck as error:
            return "", f"{error}\n"
        except KeyboardInterrupt as error:  # while its result was being written
            return "", self._told(error)
        return got  # type: ignore[no-any-return]  # a pair of texts then

    def _wait(self, got: Awaits) -> Generator[Any, Any, BaseException | None]:
        """Let the loop wait for what the code awaits; what is to be raised in it afterwards."""
        self._waits = True
        try:
            yield got.future
        except GeneratorExit:
            raise
        except asyncio.CancelledError as error:
            if not self._wished:
                return error
            self._wished = False
            if self._task is not None:
                self._task.uncancel()
            if self._given_up:
                _LEFT.append(got.coroutine)
                raise Stuck("the code went on when it was interrupted; it was left behind") from error
            return KeyboardInterrupt()
        except BaseException as error:  # noqa: BLE001  # whatever awaiting raises is the code's
            return error
        finally:
            self._waits = False
        return None

    def interrupt(self, why: str = "", firmly: bool = False) -> None:
        """Have it end as by ctrl-C; `firmly`: whether it likes to or not. From the loop's thread."""
        self.why = why or self.why
        if self._lane.running:
            self._lane.interrupt(firmly)
        elif self._waits and not self._wished and self._task is not None:
            self._wished = True
            self._task.cancel()

    def give_up(self) -> None:
        """It does not heed interruptions where it awaits: the next one ends it."""
        self._given_up = True

    # --- in the thread ------------------------------------------------------------------------------

    def _begin(self) -> Any:
        try:
            code = self._compiled()
        except BaseException as error:  # noqa: BLE001  # the parser raises more than SyntaxError
            return "", self._told(error.with_traceback(None))
        self.flags |= code.co_flags & _FUTURES
        if code.co_flags & inspect.CO_COROUTINE:
            return self._step(FunctionType(code, self._names)(), None)
        try:
            value = eval(code, self._names)  # noqa: S307  # what this is for; of statements it gives None
        except BaseException as error:  # noqa: BLE001  # whatever it raises is its outcome
            return "", self._told(error)
        return self._result(value)

    def _compiled(self) -> CodeType:
        name = self._sources.add(self._source)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | self.flags
        if len(self._source) < SHORT and "\n" not in self._source:  # most are expressions, which need no tree
            with contextlib.suppress(SyntaxError):
                expression: CodeType = compile(self._source, name, "eval", flags, dont_inherit=True)
                return expression
        tree: Any = compile(self._source, name, "exec", flags | ast.PyCF_ONLY_AST, dont_inherit=True)
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = tree.body[-1]
            tree.body[-1] = ast.copy_location(
                ast.Assign([ast.copy_location(ast.Name(_VALUE, ast.Store()), last)], last.value), last
            )
        made: CodeType = compile(tree, name, "exec", flags, dont_inherit=True)
        return made

    def _step(self, coroutine: Coroutine[Any, Any, Any], error: BaseException | None) -> Any:
        try:
            future = coroutine.send(None) if error is None else coroutine.throw(error)
        except StopIteration as end:
            return self._result(end.value)
        except BaseException as raised:  # noqa: BLE001  # as above
            return "", self._told(raised)
        return Awaits(coroutine, future)

    def _result(self, value: Any) -> tuple[str, str]:
        if value is None:
            value = self._names.pop(_VALUE, None)
        if value is None:
            return "", ""
        self._names["_"] = value
        return shown(value), ""

    def _told(self, error: BaseException) -> str:
        self._names.pop(_VALUE, None)
        note = ""
        if isinstance(error, KeyboardInterrupt) and self.why:
            note = f": {self.why}"
        elif isinstance(error, SystemExit):
            note = " (the server goes on; ',shutdown' ends it)"
        return told(error, note)
