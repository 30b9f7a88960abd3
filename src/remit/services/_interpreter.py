"""Running a script: one object for each file, whose facets assert and watch what the file says.

An instruction that fails stops the facet that it runs in, and what failed is logged with the file's name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from remit.dataspace import Dataspace, Facet, during, facet, message, on_message, publish, this_facet
from remit.errors import BadArgument
from remit.services._matching import captures, fill, match, written
from remit.services._script import (
    Assert,
    During,
    Expression,
    Instruction,
    Let,
    Match,
    OnMessage,
    OnStop,
    Send,
    Sequence,
    Target,
    shown,
)
from remit.values import Symbol
from remit.values.preserves import text
from remit.vat import Ref, actor, spawn, tell, this

__all__ = ["Loaded", "Script"]

_put = object.__setattr__
_log = logging.getLogger("remit.services")


class Loaded(NamedTuple):
    """What a script runs with: its instructions, the names that are bound, `clock` (RFC 3339 text), how references are attenuated."""

    step: Sequence
    env: dict[str, Any]
    clock: Callable[[], str]
    attenuate: Callable[..., Any] | None = None


@actor(kind="remit.services.script", version=1)
class Script:
    """One file that is in force; owned by the watcher. `stop` withdraws all of it.

    `place` is the file's path. What runs is given by `load`, since instructions are no data.
    """

    place: str

    if TYPE_CHECKING:  # not fields: what is not kept and does not pass
        _facet: ClassVar[Facet]
        _facets: ClassVar[dict[int, Facet]]
        _load: ClassVar[Loaded]

    def run(self) -> None:
        """Begin; what was loaded runs in a facet of its own."""
        _put(self, "_facets", {})
        step, env = self._load.step, self._load.env
        with facet() as scope:
            _put(self, "_facet", scope)
            self._guarded(step, env["config"], env)

    def stop(self) -> None:
        """Withdraw everything."""
        self._facet.stop()

    def stop_facet(self, number: int) -> None:
        """Stop the facet that an object of `let ?f = facet` stands for."""
        self._facets[number].stop()

    def _guarded(self, step: Instruction, target: Any, env: Mapping[str, Any]) -> None:
        try:
            self._do(step, target, dict(env))
        except BadArgument as error:
            _log.error("%s: %s", self.place, error.message)
            this_facet().stop()

    def _do(self, step: Instruction, target: Any, env: dict[str, Any]) -> None:
        """Run one instruction; `env` changes where it binds."""
        if isinstance(step, Sequence):
            inner = dict(env)  # what it binds is bound in it
            for each in step.steps:
                self._do(each, target, inner)
        elif isinstance(step, Assert):
            publish(self._reference(target), fill(step.template, env, self._load.attenuate))
        elif isinstance(step, Send):
            message(self._reference(target), fill(step.template, env, self._load.attenuate))
        elif isinstance(step, Target):
            if step.name not in env:
                fill(Symbol(f"${step.name}"), env)  # says what is bound
            self._do(step.step, env[step.name], env if isinstance(step.step, Let) else dict(env))
        elif isinstance(step, During | OnMessage):
            names = captures(step.pattern)
            begin = during if isinstance(step, During) else on_message
            begin(
                self._reference(target),
                written(step.pattern, env),
                lambda *found: self._guarded(step.step, target, {**env, **dict(zip(names, found, strict=True))}),
            )
        elif isinstance(step, OnStop):
            this_facet().on_stop(lambda: self._guarded(step.step, target, env))
        elif isinstance(step, Let):
            value = self._value(step.expression, env)
            found = match(value, step.pattern, env)
            if found is None:
                raise BadArgument(f"let: {shown(value)} does not match {shown(step.pattern)}")
            env.update(found)
        elif isinstance(step, Match):
            found = match(fill(Symbol(f"${step.name}"), env), step.pattern, env)
            self._do(step.rest if found is None else step.step, target, env | (found or {}))

    def _reference(self, target: Any) -> Ref[Any]:
        if isinstance(target, Ref):
            return target
        raise BadArgument(f"{shown(target)} is no object at which anything can be asserted")

    def _value(self, expression: Expression, env: dict[str, Any]) -> Any:
        kind, parts = expression.kind, expression.parts
        if kind == "dataspace":
            return spawn(Dataspace)
        if kind == "facet":
            self._facets[len(self._facets)] = this_facet()
            return spawn(Stopper, this(), len(self._facets) - 1)
        if kind == "timestamp":
            return self._load.clock()
        if kind == "scriptdir":
            return self.place.rpartition("/")[0]
        if kind == "stringify":
            return text(self._value(parts[0], env))
        if kind == "join":
            separator, pieces = (self._value(part, env) for part in parts)
            if (
                not isinstance(separator, str)
                or not isinstance(pieces, list)
                or not all(isinstance(p, str) for p in pieces)
            ):
                raise BadArgument("join takes a string and a list of strings")
            return separator.join(pieces)
        return fill(parts[0], env, self._load.attenuate)


@actor(kind="remit.services.stopper", version=1)
class Stopper:
    """What `let ?f = facet` binds: told `stop`, it stops that facet."""

    script: Ref[Script]
    number: int

    def turn(self, events: list[Any]) -> None:
        """`! stop` at it."""
        if any(event[0] == "message" and event[1] == Symbol("stop") for event in events):
            tell(self.script).stop_facet(self.number)
