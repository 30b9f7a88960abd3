"""Dataflow: variables, and functions that are run again when the variables that they have read change.

A function is run in its facet, first at once and then in the turn that changed a variable (where that is the turn of a handler) or in the very
next one. What the object says in both leaves together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from remit.dataspace._conversation import conversation, current_facet
from remit.dataspace._facet import Facet
from remit.errors import Misuse
from remit.values import same

__all__ = ["Flow", "Variable", "dataflow", "variable"]

_running: Final[list[Flow]] = []


class Variable:
    """A value of an object's that dataflows follow. Read and set `value` in turns of the object; undone with them. Not kept in stores."""

    __slots__ = ("_journal", "_readers", "_value")

    def __init__(self, journal: Any, value: Any) -> None:
        self._journal = journal
        self._value = value
        self._readers: dict[Flow, None] = {}

    @property
    def value(self) -> Any:
        """What it is now."""
        if _running:
            _running[-1].reads(self)
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self._journal.begin()
        self._journal.note(self._put, self._value)
        old, self._value = self._value, value
        if not _same(old, value):
            for flow in list(self._readers):
                flow.damaged()

    def _put(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        return f"<variable of {type(self._value).__name__}>"


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and same(a, b))


class Flow:
    """One such function; a part of its facet."""

    __slots__ = ("facet", "function", "sources")

    def __init__(self, facet: Facet, function: Callable[[], Any]) -> None:
        self.facet = facet
        self.function = function
        self.sources: dict[Variable, None] = {}

    def start(self) -> None:
        """Run it for the first time, as part of the turn that made it: what it raises is that turn's."""
        if not self.facet.alive:
            return
        self.facet.keep(self)
        _running.append(self)
        try:
            self.function()
        finally:
            _running.pop()

    def run(self, *, dizzy: bool) -> None:
        """Run it again. `dizzy`: it has been run too often in one turn, and is stopped."""
        if not self.facet.alive:
            return
        self._forget()
        if not self.facet.conversation.run(self.facet, self._again, (dizzy,), "a dataflow"):
            self.facet.stop()

    def _again(self, dizzy: bool) -> None:
        if dizzy:
            raise Misuse(
                "dataflows change each other's variables for ever: one of them has to leave its own variable alone"
            )
        _running.append(self)
        try:
            self.function()
        finally:
            _running.pop()

    def reads(self, variable: Variable) -> None:
        """It depends on this."""
        if variable not in self.sources:
            self.sources[variable] = None
            variable._readers[self] = None
            journal = self.facet.conversation.journal
            journal.note(self.sources.pop, variable, None)
            journal.note(variable._readers.pop, self, None)

    def damaged(self) -> None:
        """Something that it depends on has changed."""
        talk = self.facet.conversation
        talk.begin()
        talk.damage(self)

    def _forget(self) -> None:
        journal = self.facet.conversation.journal
        for variable in self.sources:
            del variable._readers[self]
            journal.note(variable._readers.__setitem__, self, None)
        journal.note(setattr, self, "sources", self.sources)
        self.sources = {}

    def end(self) -> None:
        """Its facet stops."""
        self._forget()


def variable(value: Any = None) -> Variable:
    """A new variable of the current object's."""
    return Variable(conversation().journal, value)


def dataflow(function: Callable[[], Any]) -> None:
    """Run a function now, and again whenever a variable that it has read has changed, for as long as the current facet lives."""
    Flow(current_facet(conversation()), function).start()
