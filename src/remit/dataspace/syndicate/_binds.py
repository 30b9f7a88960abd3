"""What a gatekeeper's binds give for steps: capabilities that their binder can take back.

A kind of step says how its parameters look on both sides, which bind fits a step, and what is given for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakSet

from remit.dataspace.syndicate._attenuated import Alarm, Attenuation
from remit.dataspace.syndicate._entity import post_turn
from remit.dataspace.syndicate._sturdy import SturdyRef
from remit.dataspace.syndicate._view import entries, rec
from remit.errors import BadArgument, Broken
from remit.values import Symbol, same
from remit.vat import Ref, Vat

__all__ = ["Bind", "Given", "Kind", "Sturdy", "parameters_of"]


class Given(Protocol):
    """What was given for one resolve. `over()`: why it is so no more."""

    ended: Callable[[Broken], None] | None

    def end(self, cause: Broken) -> None:
        """Take it back."""

    def over(self) -> Broken | None:
        """Why it was taken back; None while it is good."""


class Kind(Protocol):
    """One kind of step."""

    def asked(self, detail: Any) -> Any:
        """The parameters of a step. Raises `BadArgument`: the step is invalid."""

    def bound(self, detail: Any) -> Any:
        """The parameters of a bind. Raises `BadArgument`: it binds nothing."""

    def fits(self, asked: Any, bound: Any) -> bool:
        """Whether a bind is meant by a step."""

    def give(self, vat: Vat, asked: Any, bound: Any, target: Ref[Any]) -> tuple[Ref[Any], Given] | str:
        """The capability, or the word for why it is refused."""

    def path_step(self, bound: Any) -> Any:
        """What the binder's observer is told: the step by which peers get the target."""


class Bind:
    """One bind, while it stands in the bindspace."""

    __slots__ = ("_given", "_observer", "_vat", "kind", "parameters", "target")

    def __init__(self, vat: Vat, kind: Kind, parameters: Any, target: Ref[Any], observer: Ref[Any] | None) -> None:
        self._vat = vat
        self.kind = kind
        self.parameters = parameters
        self.target = target
        self._observer = observer
        self._given: WeakSet[Any] = WeakSet()  # as long as somebody holds it

    def announce(self, handle: int) -> None:
        """Tell the observer by which step the target is had."""
        if self._observer is not None:
            post_turn(self._observer, [["assert", handle, rec("bound", self.kind.path_step(self.parameters))]])

    def give(self, asked: Any, taken_back: Callable[[Broken], None]) -> Ref[Any] | str:
        """The capability for a step, or the word for why it is refused. `taken_back(cause)` tells of its end."""
        made = self.kind.give(self._vat, asked, self.parameters, self.target)
        if isinstance(made, str):
            return made
        cap, given = made
        given.ended = taken_back
        self._given.add(given)
        return cap

    def end(self, cause: Broken) -> None:
        """The bind is withdrawn."""
        given = list(self._given)
        self._given.clear()
        for one in given:
            one.ended = None  # whoever resolved it is told by the gatekeeper
            one.end(cause)


def parameters_of(detail: Any) -> dict[str, Any]:
    """The entries of a step's dictionary whose keys are symbols. Raises `BadArgument`."""
    found = entries(detail)
    if found is None:
        raise BadArgument("a step's parameters are a dictionary")
    return {name.name: value for name, value in found if type(name) is Symbol}


class Sturdy:
    """`<ref {oid sig caveats}>` against `<ref {oid key}>`. `alarm`: the time, for caveats that expire."""

    def __init__(self, alarm: Alarm | None = None) -> None:
        self._alarm = alarm

    def asked(self, detail: Any) -> SturdyRef:
        """See `Kind`; so for the others."""
        return SturdyRef.of(detail)

    def bound(self, detail: Any) -> tuple[Any, bytes]:
        """The name and the key."""
        found = parameters_of(detail)
        if "oid" not in found or type(found.get("key")) is not bytes:
            raise BadArgument("<ref {oid: … key: …}> binds an oid with a key of bytes")
        return found["oid"], found["key"]

    def fits(self, asked: SturdyRef, bound: tuple[Any, bytes]) -> bool:
        """The same name."""
        return same(asked.oid, bound[0])

    def give(
        self, vat: Vat, asked: SturdyRef, bound: tuple[Any, bytes], target: Ref[Any]
    ) -> tuple[Ref[Any], Attenuation] | str:
        """The target, attenuated as the sturdyref says; checked anew each time."""
        if not asked.verify(bound[1]):
            return "sturdyref-failed-validation"
        attenuation = Attenuation(target, asked.caveats, vat=vat, alarm=self._alarm)
        return "expired" if attenuation.over() is not None else (attenuation.way, attenuation)

    def path_step(self, bound: tuple[Any, bytes]) -> Any:
        """The sturdyref without caveats."""
        return SturdyRef.mint(*bound).value()
