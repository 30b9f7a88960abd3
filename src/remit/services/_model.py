"""Which services should run, given who wants what and what depends on what. Pure: the manager tells it, and asserts what it says.

Of each service: wanted, its states, held by an operator, provided by somebody; of each pair: gates.

    runs      while it is wanted, not held, everything about it has been heard (`settle`), and each of its gates is open
    stays     also when it should stop, as long as something active has a gate on it: the order of stopping is the reverse
    wants     each dependee of a gate that pulls in, while it is wanted or active itself; not around a cycle, which never runs

A gate of kind `needs` is open while the dependee has the state, is not held, and is not being restarted (which is to be held until it has stopped). `prefers` and `after` open once for each run.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final

from remit.services._circles import around, components
from remit.services._records import COMPLETE, FAILED, READY, STARTED
from remit.values import key

__all__ = ["AFTER", "NEEDS", "PREFERS", "Gate", "Model", "Service"]

NEEDS: Final = "needs"
PREFERS: Final = "prefers"
AFTER: Final = "after"
_STARTED, _READY, _FAILED, _COMPLETE = key(STARTED), key(READY), key(FAILED), key(COMPLETE)


class Gate:
    """The depender waits for the dependee to be in a state; both are services of the model. Identity counts."""

    __slots__ = ("dependee", "depender", "kind", "loose", "state")

    def __init__(self, depender: Service, dependee: Service, state: Any, kind: str) -> None:
        self.depender = depender
        self.dependee = dependee
        self.state = state
        self.kind = kind
        self.loose = False  # part of a cycle that it need not keep closed: it is not waited for

    def shut(self) -> bool:
        """Whether the depender has to wait."""
        there = key(self.state) in self.dependee.states
        if self.kind == NEEDS:
            return not there or self.dependee.held or self.dependee.restarting
        if there or self.loose or self in self.depender.passed or _FAILED in self.dependee.states or self.dependee.late:
            return False
        if self.kind == AFTER:
            return self.dependee.wanted and not self.dependee.held
        return not self.dependee.held and bool(self.dependee.provided or self.dependee.states)


class Service:
    """What is known of one service. Identity counts: a model has one for each name, as long as anything is known of it."""

    __slots__ = (
        *(
            "after",
            "before",
            "circle",
            "details",
            "held",
            "late",
            "name",
            "passed",
            "provided",
            "restarting",
            "runs",
            "settled",
            "states",
            "told_late",
            "told_up",
            "wanted",
            "wants",
        ),
    )

    def __init__(self, name: Any) -> None:
        self.name = name
        self.wanted = False
        self.held = False
        self.restarting = False  # it should stop, and run again when it has
        self.late = False  # its start time-out has passed
        self.provided = 0
        self.told_up = False  # what the manager has said of it
        self.told_late = False
        self.settled = False
        self.states: dict[Hashable, Any] = {}
        self.details: dict[Any, tuple[Any, Any]] = {}  # what is said of its processes: id and text
        self.after: dict[Gate, None] = {}  # what it waits for
        self.before: dict[Gate, None] = {}  # who waits for it
        self.passed: set[Gate] = set()  # open for this run, whatever happens
        self.circle: tuple[Service, ...] = ()  # the cycle that it is in
        self.runs = False  # as last told by `Model.changes`
        self.wants: dict[Service, None] = {}  # the same

    @property
    def active(self) -> bool:
        """Whether something of it runs."""
        return _STARTED in self.states or _READY in self.states

    @property
    def up(self) -> bool:
        """Whether it is ready or complete."""
        return _READY in self.states or _COMPLETE in self.states

    @property
    def failed(self) -> bool:
        """Whether it says that it has failed."""
        return _FAILED in self.states

    def should_run(self) -> bool:
        """See the rules at the top."""
        if not (self.wanted and self.settled) or self.held or self.restarting or self.circle:
            return False
        return not any(gate.shut() for gate in self.after)

    def must_stay(self) -> bool:
        """Whether somebody has to stop before this one."""
        return any(gate.depender.active for gate in self.before if gate.depender is not self)

    def should_want(self) -> dict[Service, None]:
        """The services that it pulls in."""
        if self.circle or not (self.wanted or self.active):
            return {}
        return {gate.dependee: None for gate in self.after if gate.kind != AFTER and gate.dependee is not self}


class Model:
    """All services by name. Owned by the manager."""

    def __init__(self) -> None:
        self.services: dict[Hashable, Service] = {}
        self._gates: dict[Hashable, Gate] = {}
        self._dirty: dict[Service, None] = {}
        self._closed = False
        self._told: dict[Service, None] = {}
        self._stopping: dict[Service, None] = {}  # those that are restarted, and were told to stop
        self._moved = False  # gates have changed, and so may have cycles

    def service(self, name: Any) -> Service:
        """The service of this name; made when it is first spoken of."""
        found = self.services.get(key(name))
        if found is None:
            found = self.services[key(name)] = Service(name)
            found.held = self._closed
        return found

    # --- what is heard ------------------------------------------------------------------------------

    def want(self, name: Any, yes: bool) -> bool:
        """Somebody wants it, or nobody does any more; whether it still has to be settled."""
        service = self._touch(name)
        service.wanted = yes
        if not yes:
            service.settled = service.late = False
        return yes and not service.settled

    def settle(self, name: Any) -> None:
        """What was said about it before it was wanted has been heard."""
        service = self._touch(name)
        service.settled = service.wanted

    def hold(self, name: Any, yes: bool) -> None:
        """An operator keeps it from running, or no longer."""
        self._touch(name).held = yes or self._closed

    def restart(self, name: Any, yes: bool = True) -> bool:
        """Have it stop, and run again when it has; whether it runs. `yes=False`: it is not waited for any longer."""
        service = self._touch(name)
        service.restarting = yes and service.runs
        if not service.restarting:
            self._stopping.pop(service, None)
        return service.restarting

    def close(self) -> None:
        """Nothing should run any more: everything is as if it were held."""
        self._closed = True
        for service in list(self.services.values()):
            self.hold(service.name, True)

    def late(self, name: Any) -> None:
        """It is wanted, and was not up in time."""
        self._touch(name).late = True

    def provide(self, name: Any, yes: bool) -> None:
        """Somebody says that it would run this one."""
        self._touch(name).provided += 1 if yes else -1

    def state(self, name: Any, state: Any, yes: bool) -> None:
        """It is in a state, or no longer."""
        service = self._touch(name)
        if yes:
            service.states[key(state)] = state
        else:
            service.states.pop(key(state), None)
        if service.up:
            service.late = False

    def gate(self, depender: Any, dependee: Any, state: Any, kind: str, yes: bool) -> None:
        """A dependency is there, or no longer."""
        first, second = self._touch(depender), self._touch(dependee)
        name = (key(depender), key(dependee), key(state), kind)
        gate = self._gates.get(name)
        if yes and gate is None:
            gate = self._gates[name] = Gate(first, second, state, kind)
            first.after[gate] = second.before[gate] = None
        elif not yes and gate is not None:
            del self._gates[name], first.after[gate], second.before[gate]
            first.passed.discard(gate)
        self._moved = True

    def _touch(self, name: Any) -> Service:
        service = self.service(name)
        self._dirty[service] = None
        for gate in service.before:
            self._dirty[gate.depender] = None
        for gate in service.after:
            self._dirty[gate.dependee] = None
        return service

    # --- what follows -------------------------------------------------------------------------------

    def changes(self) -> tuple[list[Service], list[tuple[Service, Service, bool]]]:
        """Since it was last asked: the services whose `runs` has changed, and who wants whom, or no longer."""
        if self._moved:
            self._moved = False
            self._find_circles()
        running, wanting = [], []
        while self._dirty:
            service, _ = self._dirty.popitem()
            if service in self._stopping and not service.active:
                del self._stopping[service]
                service.restarting = False
                self._touch(service.name)
            self._passing(service)
            runs = service.should_run() or (service.runs and service.must_stay())
            if runs != service.runs:
                service.runs = runs
                running.append(service)
                self._passing(service)
            wants = service.should_want()
            wanting += [(service, each, False) for each in service.wants if each not in wants]
            wanting += [(service, each, True) for each in wants if each not in service.wants]
            service.wants = wants
            self._told[service] = None
            self._forget(service)
        self._stopping.update((each, None) for each in running if each.restarting and not each.runs)
        return running, wanting

    def unfinished(self) -> bool:
        """Whether `changes` has more to say, once what it has said was told: what was to stop, and did not run, runs again."""
        over = [service for service in self._stopping if not service.active]
        self._dirty.update((service, None) for service in over)
        return bool(over)

    def told(self) -> list[Service]:
        """The services that were looked at since it was last asked."""
        told, self._told = list(self._told), {}
        return told

    def _find_circles(self) -> None:
        """A cycle of needs never runs. In one that has a weaker gate, that gate is not waited for."""
        found: dict[Service, tuple[Service, ...]] = {}
        for part in components(
            self.services.values(), lambda each: (gate.dependee for gate in each.after if gate.kind == NEEDS)
        ):
            found |= dict.fromkeys(
                part, around(part, lambda each: (gate.dependee for gate in each.after if gate.kind == NEEDS))
            )
        knots: dict[Service, int] = {}
        for number, part in enumerate(
            components(self.services.values(), lambda each: (gate.dependee for gate in each.after))
        ):
            knots |= dict.fromkeys(part, number)
        for service in self.services.values():
            if service.circle != found.get(service, ()):
                service.circle = found.get(service, ())
                self._dirty[service] = None
            for gate in service.after:
                loose = gate.kind != NEEDS and service in knots and knots.get(gate.dependee) == knots[service]
                if loose != gate.loose:
                    gate.loose = loose
                    self._dirty[service] = None

    def _passing(self, service: Service) -> None:
        """What opens once for a run stays open until its end."""
        if service.runs:
            service.passed |= {gate for gate in service.after if gate.kind != NEEDS and not gate.shut()}
        elif not service.active:
            service.passed.clear()

    def _forget(self, service: Service) -> None:
        known = service.wanted or service.held or service.provided or service.states or service.after or service.before
        if not known and not service.runs and not service.wants:
            self.services.pop(key(service.name), None)
