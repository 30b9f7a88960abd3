"""Watching a link from a turn: a function that is run when it is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remit.vat import Ref, actor, off_sever, on_sever, spawn

__all__ = ["Watch", "watch"]


@actor(kind="remit.leash", version=1, passing=True)
class Leash:
    """Hears once that a link was lost, and passes it on."""

    def __call__(self, broken: Any) -> None:
        function = self.__dict__.pop("_function", None)
        if function is not None:
            function(broken)


class Watch:
    """One link that is watched, from a turn's commit until it ends or the link is lost."""

    __slots__ = ("_leash", "_ref")

    def __init__(self, ref: Ref[Any], leash: Ref[Any]) -> None:
        self._ref = ref
        self._leash = leash

    def end(self) -> None:
        """Watch it no more; in a turn."""
        off_sever(self._ref, self._leash)


def watch(ref: Ref[Any], function: Callable[[Any], None]) -> Watch | None:
    """Run `function(broken)`, in a turn, when the link to a far object is lost. A near one has none to lose: None."""
    if ref._lifeline() is None:
        return None
    leash = spawn(Leash)
    object.__setattr__(leash._at, "_function", function)
    on_sever(ref, leash)
    return Watch(ref, leash)
