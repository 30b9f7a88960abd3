"""What components answer: the methods that they expose, and what is known of each, so that an edge can be narrowed and checked from data."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from difflib import get_close_matches
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from remit.app._epoch import RUNTIME, current_persona, epoch
from remit.errors import BadArgument, Misuse, NotAllowed
from remit.lib import METERS, Attenuation, Rules

__all__ = ["Interface", "exposed", "interface_of"]

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
Work = Coroutine[Any, Any, R]
_MARK: Final = "_remit_exposed_"


def exposed(
    *, reads: bool = False, keys: tuple[str, ...] = (), **more: Any
) -> Callable[[Callable[Concatenate[S, P], Work[R]]], Callable[Concatenate[S, P], Work[R]]]:
    """Mark an `async def` method of a class of components: whoever was given one can call it.

    `reads`: it changes nothing, and passes `read_only()`. `keys` names parameters that are keys, for narrowing by prefix. `more` is for those who know the kind of component: it stands in
    the graph.
    """

    def mark(method: Callable[Concatenate[S, P], Work[R]]) -> Callable[Concatenate[S, P], Work[R]]:
        name = method.__name__
        if not asyncio.iscoroutinefunction(method):
            raise Misuse(f"{method.__qualname__} is called from elsewhere, so it takes time: write async def {name}")
        known = method.__code__.co_varnames[1 : method.__code__.co_argcount]
        if not set(keys) <= set(known):
            raise Misuse(f"keys of {method.__qualname__} are parameters: {', '.join(known) or 'it has none'}")

        @wraps(method)
        def call(self: S, *args: P.args, **kwargs: P.kwargs) -> Work[R]:
            if getattr(self, "_body", None) is None:
                raise _uncalled(self, name)
            return method(self, *args, **kwargs)

        places = [[known.index(key), key] for key in keys]
        setattr(
            call,
            _MARK,
            {"name": name, "reads": reads or getattr(method, "_remit_reads_", False), "keys": places, **more},
        )
        made: Any = call
        return made  # type: ignore[no-any-return]  # a function with the same parameters

    return mark


def _uncalled(it: Any, name: str) -> Exception:
    if epoch() != RUNTIME:
        return Misuse(
            f"{name}() of {it._declaration} was called at {epoch()}: components answer at run time; call it in a method such as run() of a Worker"
        )
    from remit.app._component import not_given  # which knows this module

    who = current_persona()
    given = (
        {
            edge.name
            for edge in it._declaration.id.app.declarations[who].edges.values()
            if edge.target is it._declaration
        }
        if who
        else set()
    )
    hint = f" (it was given it as self.{min(given)}: use that)" if given else ""
    return NotAllowed(f"{not_given(str(it._declaration))}{hint}")


class Interface:
    """The methods that components of one class expose, by name. Owned by the class."""

    def __init__(self, name: str, methods: dict[str, dict[str, Any]]) -> None:
        self.name = name
        self.methods = methods
        self.rules = Rules(
            sorted(each for each, what in methods.items() if what["reads"]),
            {each: what["keys"] for each, what in sorted(methods.items()) if what["keys"]},
        )

    def as_data(self) -> list[dict[str, Any]]:
        """For the graph."""
        return [dict(self.methods[name]) for name in sorted(self.methods)]

    def check(self, what: str, wanted: Attenuation) -> Attenuation:
        """The attenuation in normal form. Raises `BadArgument` where components of this class cannot enforce it."""
        checked = wanted.checked()
        if checked.read_only and not self.rules.reads:
            raise BadArgument(
                f"{what} cannot be narrowed to read-only: no method of {self.name} is marked with reads=True"
            )
        if checked.prefix is not None and not self.rules.keys:
            raise BadArgument(f"{what} cannot be narrowed by prefix: no method of {self.name} has keys")
        if METERS[0] in checked.kinds() or METERS[1] in checked.kinds():
            raise BadArgument(f"{what} carries calls: bytes and connections are for tunnels")
        for name in checked.methods or ():
            if name not in self.methods:
                near = get_close_matches(name, self.methods, 1)
                hint = (
                    f"did you mean {near[0]!r}?"
                    if near
                    else f"it answers: {', '.join(sorted(self.methods)) or 'nothing'}"
                )
                raise BadArgument(f"{what} ({self.name}) has no method {name!r} to be narrowed to; {hint}")
        return checked


def interface_of(cls: type) -> Interface:
    """What this class exposes, with what it inherits."""
    found: dict[str, dict[str, Any]] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            mark = getattr(value, _MARK, None)
            if isinstance(mark, dict):
                found[name] = mark
            else:
                found.pop(name, None)
    return Interface(cls.__name__, found)
