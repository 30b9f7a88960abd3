"""What a component holds of another one at run time: an object that sends calls along its edge, whatever is at the other end, and however far.

Values are copied on their way, as a wire would: what cannot pass is refused here, with the edge, the method and the path inside of the value.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from difflib import get_close_matches
from typing import Any, Protocol

from remit.app._component import Edge
from remit.errors import NotAllowed, NotPassable
from remit.values import Reference, passable_args

__all__ = ["Caller", "Held", "Wiring"]


class Wiring(Protocol):
    """How one persona's calls reach the others: the one interface that targets implement at run time. Owned by the persona's runner."""

    async def call(self, edge: str, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of a method of the component at the end of this edge, as a copy. Raises `Broken` as its end does (`Gate`), `Unreachable` where nothing was sent,
        and `Uncertain` where it may have been done.
        """


class Caller:
    """One edge, from its holder's side. Owned by the holder's body."""

    __slots__ = ("edge", "wiring")

    def __init__(self, edge: Edge, wiring: Wiring) -> None:
        self.edge = edge
        self.wiring = wiring

    async def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method at the other end. Raises `NotPassable` for arguments that cannot travel; see `Wiring.call`."""
        try:
            args, kwargs = passable_args(args, kwargs)
        except NotPassable as error:
            raise NotPassable(f"edge {self.edge.id} to {self.edge.target}, {method}(): {error}") from None
        refuse_references(f"edge {self.edge.id} to {self.edge.target}, {method}()", [*args, *kwargs.values()])
        return await self.wiring.call(self.edge.id, method, args, kwargs)


class Held:
    """A component as another one holds it: it has the methods that the component exposes, and nothing else."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        caller = self._caller
        edge = caller.edge
        methods = edge.target.component.interface.methods
        if name in methods:
            return lambda *args, **kwargs: caller.call(name, *args, **kwargs)
        if name.startswith("__"):  # Python's own questions, such as those of copy and inspect
            raise AttributeError(name)
        near = get_close_matches(name, methods, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise NotAllowed(
            f"{edge.source} reaches for {name!r} of {edge.target}, which it was not given: by way of {edge.name!r} it can call "
            f"{', '.join(sorted(methods)) or 'nothing'}{hint}"
        )

    def __repr__(self) -> str:
        edge = self._caller.edge
        return f"<{edge.target} as {edge.source} holds it>"


def refuse_references(where: str, values: list[Any]) -> None:
    """Only data crosses an edge: the graph says who holds what, and it was made at start-up. Raises `NotPassable`."""
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, Reference):
            raise NotPassable(
                f"{where}: a reference cannot pass an edge, whose graph was made at start-up: pass data, or make another edge"
            )
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif hasattr(value, "__record_values__"):
            waiting.extend(value.__record_values__())
