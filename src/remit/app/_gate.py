"""The provider's end of an edge: it checks each call by the edge's attenuation and the method's parameters, has it done, and gives back a copy.

Every target has calls answered here, so that results, refusals and errors are the same on all of them.
"""

from __future__ import annotations

import inspect
import itertools
import logging
from collections.abc import Callable
from typing import Any, Final

from remit.app._component import Edge
from remit.app._epoch import RUNTIME, in_epoch
from remit.app._held import refuse_references
from remit.errors import BadArgument, Broken, NoSuchMethod, NotPassable
from remit.lib import Enforcer
from remit.values import passable, printable

__all__ = ["Gate", "broken_of"]

_log: Final = logging.getLogger("remit.app")
_numbers: Final = itertools.count(1)


class Gate:
    """One edge, from its provider's side. Owned by the provider's persona. `now`: the time in seconds since the epoch."""

    def __init__(self, edge: Edge, body: Any, now: Callable[[], float]) -> None:
        self.edge = edge
        self.body = body
        self.where = f"edge {edge.id} to {edge.target}"
        self._interface = type(body).interface
        self._enforcer = Enforcer(edge.attenuation, self._interface.rules, now)

    def allows(self, method: str) -> bool:
        """Whether calls of this method can pass at all, whatever their arguments: for lists of what there is."""
        less = self.edge.attenuation.checked()
        if less.prefix is not None and method not in self._interface.rules.keys:
            return False
        return (less.methods is None or method in less.methods) and (
            not less.read_only or method in self._interface.rules.reads
        )

    async def direct(self) -> dict[str, Any] | None:
        """What the edge's holder needs to go to where the component keeps what it keeps, by itself; None where calls come here."""
        offer = getattr(self.body, "direct", None)
        if offer is None:
            return None
        try:
            found: dict[str, Any] | None = await offer(self.edge)
        except Exception as error:  # noqa: BLE001  # as for calls
            raise broken_of(error, str(self.edge.target.id), f"{self.where}, credential") from None
        return found

    async def call(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Answer a call whose arguments are copies already. Raises `Broken` only: what it is told from afar is what it is told here."""
        try:
            with in_epoch(RUNTIME, str(self.edge.target.id)):
                return self._copied(method, await self._answer(method, args, kwargs))
        except Exception as error:  # noqa: BLE001  # whatever goes wrong there is the answer
            raise broken_of(error, str(self.edge.target.id), f"{self.where}, {method}()") from None

    async def _answer(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if method not in self._interface.methods:
            raise NoSuchMethod(
                f"{self.edge.target} has no method {method!r}; it answers: {', '.join(sorted(self._interface.methods)) or 'nothing'}"
            )
        self._enforcer.check(method, args, kwargs)
        try:
            inspect.signature(getattr(self.body, method)).bind(*args, **kwargs)
        except TypeError as error:
            raise BadArgument(f"{self.where}, {method}(): {error}") from None
        return await self.body.answer(method, args, kwargs)

    def _copied(self, method: str, value: Any) -> Any:
        try:
            copied = passable(value)
        except NotPassable as error:
            raise NotPassable(f"{self.where}, result of {method}(): {error}") from None
        refuse_references(f"{self.where}, result of {method}()", [copied])
        return copied


def broken_of(error: Exception, who: str, where: str) -> Broken:
    """The error as it may travel: kind and words, without traceback; under an id by which the log of where it happened has the rest."""
    if isinstance(error, Broken):
        return error.copy()
    id = f"{who.replace('/', '.')}.{next(_numbers)}"[-80:]
    _log.error("%s [%s]", where, id, exc_info=error)
    return Broken.of(type(error).__name__, printable(str(error), lines=True), id)
