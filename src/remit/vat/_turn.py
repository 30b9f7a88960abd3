"""Turns are transactions: what a turn changed and what it wants to happen, until it ends.

    before    object → its fields, container → its old entries, reference → its old behaviour: as they were
              when this turn (or this nested call) first changed them
    effects   calls and messages sent, promises settled, in order; they leave when the turn commits

A nested `call` works on a `before` of its own, so that it can be undone by itself (a savepoint); when it succeeds the
two are merged, the older state winning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from remit.vat._containers import TurnDict, TurnList, TurnSet
from remit.vat._message import ROOT, Call, Context
from remit.vat._ref import Promise, Ref

if TYPE_CHECKING:
    from remit.vat._vat import Vat


class Effect(Protocol):
    """Something that happens when the turn commits."""

    def commit(self, vat: Vat) -> None:
        """The turn has ended well."""


SEVERAL: Final = object()


class Settlement:
    """A promise that gets its result when the turn commits."""

    __slots__ = ("promise", "value")

    def __init__(self, promise: Promise[Any], value: Any) -> None:
        self.promise = promise
        self.value = value

    def commit(self, vat: Vat) -> None:
        """Settle the promise, now that the turn has ended well."""
        self.promise._settle(self.value, vat)


class Turn:
    """The one turn that a vat runs at a time; the vat owns it and uses it again.

    `changed` says how much has changed: None, nothing; an object, its fields only, which were `old`; `SEVERAL`, see `before`.
    """

    __slots__ = ("_before", "calls", "changed", "context", "mixed", "old", "target", "touched", "vat")

    def __init__(self, vat: Vat) -> None:
        self.vat = vat
        self.changed: Any = None
        self.old: Any = None
        self._before: dict[Any, Any] = {}
        self.calls: list[Call | Effect] = []
        self.mixed = False  # whether other effects than calls are among them
        self.touched: list[Ref[Any]] = []  # what `call` and conversations may have changed, besides the target
        self.target: Ref[Any] | None = None
        self.context: Context = ROOT

    @property
    def before(self) -> dict[Any, Any]:
        """What was before, by what was changed. Most turns change one object, and need no dictionary for it."""
        if self.changed is not SEVERAL:
            self._before = {} if self.changed is None else {self.changed: self.old}
            self.changed = SEVERAL
            self.old = None
        return self._before

    @before.setter
    def before(self, before: dict[Any, Any]) -> None:
        self.changed = SEVERAL
        self._before = before

    def dirty(self) -> bool:
        """Whether anything was changed."""
        return self.changed is not None and (self.changed is not SEVERAL or bool(self._before))

    def clean(self) -> None:
        """Forget what was before: it has ended well, or all is put back."""
        self.changed = self.old = None
        self._before = {}
        self.touched = []

    @property
    def effects(self) -> list[Call | Effect]:
        """What the turn wants to happen, in order, for whoever adds something that is not a call to an object of this vat."""
        self.mixed = True
        return self.calls

    def undo(self) -> None:
        """Put back what the turn, or the nested call, changed; forget what it sent."""
        for changed, old in self.before.items():
            restore(changed, old)
        self.before = {}

    def nest(self) -> tuple[Any, Any, dict[Any, Any]]:
        """A nested call begins, in which nothing is changed yet. What `unnest` needs when it has ended."""
        outer = self.changed, self.old, self._before
        self.changed = self.old = None
        return outer

    def unnest(self, outer: tuple[Any, Any, dict[Any, Any]]) -> bool:
        """A nested call has ended, well or undone: what it has changed is the outer turn's now. Whether that is anything."""
        if self.changed is None:
            self.changed, self.old, self._before = outer
            return False
        inner = self.before
        self.changed, self.old, self._before = outer
        self._merge(inner)
        return bool(inner)

    def touch(self, ref: Ref[Any]) -> None:
        """Methods of this object run besides the target's: a durable vat looks at its fields."""
        if self.changed is not SEVERAL:
            _ = self.before  # which has the end of the turn forget it
        self.touched.append(ref)

    def _merge(self, inner: dict[Any, Any]) -> None:
        outer = self.before
        for changed, old in inner.items():
            if changed not in outer:
                outer[changed] = old
            elif isinstance(changed, TurnDict):
                for name, value in old.items():
                    outer[changed].setdefault(name, value)
            elif isinstance(changed, TurnList) and isinstance(outer[changed], int) and not isinstance(old, int):
                outer[changed] = old[: outer[changed]]


def restore(changed: Any, old: Any) -> None:
    """Put one thing back as it was."""
    if isinstance(changed, TurnDict | TurnList | TurnSet):
        changed._restore(old)
    elif isinstance(changed, Ref):
        changed._become(old)
    else:
        changed._remit_.restore(changed, old)
