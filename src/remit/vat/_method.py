"""The methods that a class of objects answers, and whether given arguments fit them."""

from __future__ import annotations

import keyword
from collections.abc import Callable
from typing import Any, Final, TypeVar

from remit.errors import BadArgument
from remit.vat._guard import Guard, guard_of

F = TypeVar("F", bound=Callable[..., Any])
_READS: Final = "_remit_reads_"
_COROUTINE: Final = 0x80  # the code flag of `async def`
_STAR_ARGS: Final = 0x04
_STAR_KWARGS: Final = 0x08


def reads(method: F) -> F:
    """Mark a method that changes nothing; only a class with such marks can be attenuated to read-only."""
    setattr(method, _READS, True)
    return method


class Method:
    """One message that objects of a class answer; owned by the class, lives as long as it."""

    __slots__ = (
        "_guard",
        "function",
        "highest",
        "is_async",
        "itself",
        "kwonly",
        "lowest",
        "name",
        "names",
        "reads",
        "star",
    )

    def __init__(self, name: str, function: Any) -> None:
        code = function.__code__
        defaults = function.__defaults__ or ()
        self.name = name
        self.function = function
        self.is_async = bool(code.co_flags & _COROUTINE)
        self.reads = bool(getattr(function, _READS, False))
        self.itself: str = code.co_varnames[0] if code.co_argcount else ""  # `self`, which no message gives
        self.names: tuple[str, ...] = code.co_varnames[1 : code.co_argcount]
        self.kwonly: tuple[str, ...] = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        self.star = bool(code.co_flags & _STAR_KWARGS)
        self.lowest = code.co_argcount - 1 - len(defaults)
        self.highest = 1 << 30 if code.co_flags & _STAR_ARGS else code.co_argcount - 1
        self._guard: Guard | bool | None = False  # False: not looked at yet

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> None:
        """Refuse arguments that the method cannot take, before its turn starts."""
        count = len(args)
        if not kwargs and self.lowest <= count <= self.highest and not self.kwonly:
            return
        given = kwargs or {}
        if count > self.highest:
            raise BadArgument(f"{self.name} takes at most {self.highest} arguments, not {count}")
        for name in given:
            if name in self.names[:count]:
                raise BadArgument(f"{self.name} got two values for {name!r}")
            if name not in self.names and name not in self.kwonly and (not self.star or name == self.itself):
                raise BadArgument(f"{self.name} has no parameter {name!r}")
        optional = self.function.__kwdefaults__ or {}
        missing = [name for name in self.names[count : self.lowest] if name not in given]
        missing += [name for name in self.kwonly if name not in given and name not in optional]
        if missing:
            raise BadArgument(f"{self.name} lacks {', '.join(map(repr, missing))}")

    def guard(self, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> None:
        """Check annotated parameters of plain data, for a message from another vat."""
        if self._guard is False:
            self._guard = guard_of(self.function, self.names + self.kwonly)
        if isinstance(self._guard, Guard):
            self._guard.check(self.name, self.names, args, kwargs)

    def __repr__(self) -> str:
        return f"<method {self.name}>"


def methods_of(cls: type) -> dict[str | None, Method]:
    """Every message that the class answers, by each selector that names it.

    `deposit_gift` answers to "deposit-gift" too, and `break_` to "break": names that are not Python's.
    The key None is the object as a function.
    """
    found: dict[str | None, Method] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            selectors = _selectors(name)
            if hasattr(value, "__code__"):
                method = Method("the object" if name == "__call__" else name, value)
                found.update(dict.fromkeys(selectors, method))
            else:  # a subclass takes a method away by setting its name to something else
                for selector in selectors:
                    found.pop(selector, None)
    return found


def _selectors(name: str) -> tuple[str | None, ...]:
    """The selectors that a class's attribute would answer to, if it is a function."""
    if name == "__call__":
        return (None,)
    if name.startswith("_"):
        return ()
    if name.endswith("_") and keyword.iskeyword(name[:-1]):
        return name, name.replace("_", "-"), name[:-1]
    return name, name.replace("_", "-")
