"""A plan: the steps from what there is to what is declared, and whose authority they change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from remit.graph._data import attenuation_of
from remit.graph._model import Link, Node, Violation, part_of
from remit.lib import Attenuation
from remit.values import record

__all__ = ["Authority", "Kind", "Plan", "Step"]


@record("remit.graph.kind")
class Kind:
    """What a planner has to know of a kind of node: a change of a field in `anew` means making it anew ("*": of any), others are changed in
    place; `loses` says for people what is lost when one is removed. `stays`: one can be given another name, and not be moved below something else.
    """

    name: str
    anew: Sequence[str] = ()
    loses: str = ""
    stays: bool = False


@record("remit.graph.step")
class Step:
    """One step of a plan. `before` is what there is, `after` what is to be; None where there is nothing, or is to be nothing.

    `action`: "move" (another id for the same thing, whose key was `was`), "adopt" (ours from now on), "note" (as it is to be; only the ledger has to
    learn of it), "forget" (ours no longer, and left as it is), "remove", "create", "change", "replace" (a link that ends and begins again). `changed` names fields, `why` is for people, `name` is what the thing is called
    where it is, if it is there. `anew`: it is removed in order to be created, or created after that.
    """

    number: int
    action: str
    key: str
    before: Node | Link | None
    after: Node | Link | None
    why: str = ""
    changed: Sequence[str] = ()
    name: str = ""
    anew: bool = False
    was: str = ""

    def but(self, **changes: Any) -> Step:
        """The same step with these fields changed."""
        return self.__replace__(**changes)  # type: ignore[attr-defined,no-any-return]  # @record adds it

    @property
    def part(self) -> Node | Link:
        """What it is about."""
        found = self.after or self.before
        assert found is not None
        return found

    @staticmethod
    def of(given: Mapping[str, Any]) -> Step:
        """The step that `data` made this of."""
        parts = {name: given[name] and part_of(given[name]) for name in ("before", "after")}
        return Step(**{**given, **parts})


@record("remit.graph.authority")
class Authority:
    """What one node gains and loses of one service, by way of the links with these ids: each an attenuation that nothing on the other side of the
    plan covers. `left` is all that it has of the service then.
    """

    grantee: str
    service: str
    gained: Sequence[Attenuation] = ()
    lost: Sequence[Attenuation] = ()
    left: Sequence[Attenuation] = ()
    links: Sequence[str] = ()

    @staticmethod
    def of(given: Mapping[str, Any]) -> Authority:
        """The change that `data` made this of."""
        sides = {name: [attenuation_of(each) for each in given[name]] for name in ("gained", "lost", "left")}
        return Authority(**{**given, **sides})


@record("remit.graph.plan")
class Plan:
    """What is to be done, in order. It holds no secret. It is good for this graph (`digest`), this state of the ledger (`serial`) and what
    was there when it was made (`observed`, a digest).

    A plan with `violations` cannot be applied. `foreign` has the keys of what is there and is not this project's: it is left alone. `orphans` carry the
    project's label and are declared nowhere, now or before. `notes` are for people.
    """

    project: str
    steps: Sequence[Step]
    authority: Sequence[Authority]
    violations: Sequence[Violation]
    digest: str
    serial: int
    observed: str
    foreign: Sequence[str] = ()
    orphans: Sequence[str] = ()
    notes: Sequence[str] = ()
    version: int = 1

    def but(self, **changes: Any) -> Plan:
        """The same plan with these fields changed."""
        return self.__replace__(**changes)  # type: ignore[attr-defined,no-any-return]  # @record adds it

    @staticmethod
    def of(given: Mapping[str, Any]) -> Plan:
        """The plan that `data` made this of."""
        parts: dict[str, Any] = {
            "steps": [Step.of(each) for each in given["steps"]],
            "authority": [Authority.of(each) for each in given["authority"]],
            "violations": [Violation(**each) for each in given["violations"]],
        }
        return Plan(**{**given, **parts})
