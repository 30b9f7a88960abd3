"""The manager of services: hears what is said of them in a dataspace, and asserts which should run.

It asserts `RunService` (whoever knows how, runs it), `RequireService` for dependees, `ServiceState(name, UP)`, `FAILED` for what is late, and
`ServiceProblem` for what can never come up. `_model.py` decides; nothing here does.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar, Final

from remit.dataspace import bind, interest
from remit.services._ear import Mouth
from remit.services._kernel_records import Device, Interface
from remit.services._model import AFTER, NEEDS, PREFERS, Model, Service
from remit.services._records import (
    FAILED,
    READY,
    UP,
    Daemon,
    DependsOn,
    HoldService,
    Milestone,
    ProcessState,
    ProvidesService,
    RequireService,
    RestartService,
    RunService,
    ServiceProblem,
    ServiceState,
    StartsAfter,
    StartTimeout,
    WeaklyDependsOn,
)
from remit.services._why import Reason, explain, named, near, problem, spelt
from remit.values import as_record, key
from remit.vat import Ref, actor, on, spawn, tell, this

__all__ = ["Manager"]

_put = object.__setattr__
_PATIENCE: Final = 1.0  # seconds until what nobody provides is called a problem: providers may be on their way
_STOPS: Final = 60.0  # seconds that a service that is to be restarted may take to stop
_log = logging.getLogger("remit.services")
_GATES: Final = {"depends": NEEDS, "prefers": PREFERS, "after": AFTER}


def _as_it_is(name: Any) -> Any:
    return name


_WHOLE: Final[dict[str, Any]] = {
    "runner of daemon": Daemon,
    "runner of milestone": Milestone,
    "wish for daemon": Daemon,
    "wish for milestone": Milestone,
}


@actor(kind="remit.services.manager", version=1)
class Manager:
    """One for each dataspace in which services are described; transient. `timer` is a device as `remit.lib.Timer`.

    `begin` is called once. What it is asked for people: `listing`, `why`, `find`.
    """

    space: Ref[Any]
    timer: Any = None

    if TYPE_CHECKING:  # not fields: what is not kept and does not pass
        _model: ClassVar[Model]
        _mouth: ClassVar[Mouth]
        _said: ClassVar[dict[Service, int]]
        _timeouts: ClassVar[dict[Any, float]]
        _problems: ClassVar[dict[Any, ServiceProblem]]
        _flushing: ClassVar[bool]
        _checking: ClassVar[bool]

    def begin(self) -> None:
        """Listen, and act from when everything that is there has been heard."""
        mouth = Mouth()
        for name, value in (
            ("_model", Model()),
            ("_mouth", mouth),
            ("_said", {}),
            ("_timeouts", {}),
            ("_problems", {}),
        ):
            _put(self, name, value)
        _put(self, "_flushing", False)
        _put(self, "_checking", False)
        mouth.open(self.space, "service manager")
        gate = ServiceState(bind(), bind())
        for what, written in (
            ("require", RequireService(bind())),
            ("state", ServiceState(bind(), bind())),
            ("depends", DependsOn(bind(), gate)),
            ("prefers", WeaklyDependsOn(bind(), gate)),
            ("after", StartsAfter(bind(), gate)),
            ("hold", HoldService(bind())),
            ("timeout", StartTimeout(bind(), bind())),
            ("provides", ProvidesService(bind())),
            ("wish", interest(ServiceState(bind(), READY))),
            ("wish for daemon", interest(ServiceState(Daemon(bind()), READY))),
            ("wish for milestone", interest(ServiceState(Milestone(bind()), READY))),
            ("runner", interest(RunService(bind()))),
            ("runner of daemon", interest(RunService(Daemon(bind())))),
            ("runner of milestone", interest(RunService(Milestone(bind())))),
            ("process", ProcessState(bind(), bind(), bind(), bind())),
            ("restart", RestartService(bind())),
        ):
            mouth.listen(what, written)
        mouth.flush()

    # --- what is heard ------------------------------------------------------------------------------

    def heard(self, what: str, present: bool, captures: list[Any]) -> None:
        """Something was asserted, or withdrawn: see `Ear`."""
        model: Model = self._model
        name = captures[0]
        if what in _GATES:
            model.gate(name, captures[1], captures[2], _GATES[what], present)
        elif what == "require":
            if as_record(name, Milestone, Interface, Device) is not None:
                model.provide(name, present)
            if model.want(name, present):
                self._mouth.sync(spawn(_Settled, this(), [name], 1))
            self._watch(name)
        elif what == "state":
            model.state(name, captures[1], present)
        elif what == "hold":
            model.hold(name, present)
        elif what == "timeout":
            self._timeout(name, captures[1], present)
        elif what.startswith("wish"):  # interest in a running service is demand for it
            self._pull(model.service(_WHOLE.get(what, _as_it_is)(name)), present)
        elif what == "provides" or what.startswith("runner"):
            model.provide(_WHOLE.get(what, _as_it_is)(name), present)
        elif what == "process":
            self._details(Daemon(name), captures, present)
        self._soon()

    def said(self, what: str, captures: list[Any]) -> None:
        """Restart it: what is no daemon is not told to run until it has stopped. Daemons restart their processes themselves."""
        name = captures[0]
        if as_record(name, Daemon, Interface, Device) is None and self._model.restart(name):
            self._soon()
            if self.timer is not None:
                on(self.timer.after(_STOPS), lambda _: self._stubborn(name), lambda _: None)

    def _stubborn(self, name: Any) -> None:
        """It was to stop, and has not in this time: whoever runs it does not heed that it should not run."""
        service = self._model.services.get(key(name))
        if service is not None and service.restarting:
            _log.warning("%s was to be restarted, and does not stop: it runs on", spelt(name))
            self._model.restart(name, False)
            self._soon()

    def settled(self, names: list[Any], again: int) -> None:
        """All that was said of these before they were wanted has been heard, and once more what others said to that."""
        for name in names:
            if again:
                self._mouth.sync(spawn(_Settled, this(), [name], again - 1))
            else:
                self._model.settle(name)
        self._soon()

    def _soon(self) -> None:
        if not self._flushing:
            _put(self, "_flushing", True)
            tell(this()).flush()

    def flush(self) -> None:
        """Act on everything that was heard."""
        _put(self, "_flushing", False)
        mouth: Mouth = self._mouth
        running, wanting = self._model.changes()
        for service in running:
            mouth.put(RunService(service.name), service.runs)
        for _, other, yes in wanting:
            self._pull(other, yes)
        for service in self._model.told():
            if service.up != service.told_up:
                service.told_up = service.up
                mouth.put(ServiceState(service.name, UP), service.up)
            if service.told_late and not service.late:
                service.told_late = False
                mouth.unsay(ServiceState(service.name, FAILED))
        mouth.flush()
        if self._model.unfinished():
            self._soon()
        if not self._checking and self.timer is not None:
            _put(self, "_checking", True)
            on(self.timer.after(_PATIENCE), self._check, lambda _: None)

    def _pull(self, other: Service, yes: bool) -> None:
        """Several may pull in the same one: it is required until the last of them lets go."""
        count = self._said.get(other, 0) + (1 if yes else -1)
        self._said[other] = count
        if count == 0:
            del self._said[other]
        self._mouth.put(RequireService(other.name), count > 0)

    # --- what takes too long, or for ever -----------------------------------------------------------

    def _timeout(self, name: Any, seconds: Any, present: bool) -> None:
        if present and type(seconds) in (int, float) and seconds >= 0:
            self._timeouts[key(name)] = seconds
            self._watch(name)
        elif not present:
            self._timeouts.pop(key(name), None)

    def _watch(self, name: Any) -> None:
        """It is wanted: if it has a time-out, that begins."""
        seconds = self._timeouts.get(key(name))
        service = self._model.service(name)
        if seconds is None or self.timer is None or not service.wanted or service.up:
            return

        def over(_: Any) -> None:
            now = self._model.service(name)
            if now.wanted and not now.up and self._timeouts.get(key(name)) == seconds:
                self._model.late(name)
                now.told_late = True
                self._mouth.say(ServiceState(name, FAILED))
                self._soon()

        on(self.timer.after(seconds), over, lambda _: None)

    def _check(self, _: Any) -> None:
        """Say what can never come up, once everybody has had the time to say what they provide."""
        _put(self, "_checking", False)
        found = {}
        for mark, service in self._model.services.items():
            if service.wanted and not service.up and not service.held:
                text = problem(service, self._model)
                if text:
                    found[mark] = ServiceProblem(service.name, text)
        for mark, old in list(self._problems.items()):
            if found.get(mark) != old:
                self._mouth.unsay(self._problems.pop(mark))
        for mark, new in found.items():
            if mark not in self._problems:
                self._problems[mark] = new
                self._mouth.say(new)
        self._mouth.flush()

    # --- for people ---------------------------------------------------------------------------------

    def _details(self, name: Any, captures: list[Any], present: bool) -> None:
        service = self._model.service(name)
        if present:
            service.details[captures[1]] = (captures[2], captures[3])
        else:
            service.details.pop(captures[1], None)

    def listing(self) -> list[dict[str, Any]]:
        """All services: name, states, whether wanted, running and held, what it waits for, problem, processes."""
        rows = [self._row(service) for service in self._model.services.values()]
        return sorted(rows, key=lambda row: str(row["name"]))

    def _row(self, service: Service) -> dict[str, Any]:
        return {
            "name": spelt(service.name),
            "states": sorted(spelt(each) for each in service.states.values()),
            "wanted": service.wanted,
            "runs": service.runs,
            "held": service.held,
            "waits": sorted({spelt(gate.dependee.name) for gate in service.after if service.wanted and gate.shut()}),
            "problem": problem(service, self._model) if service.wanted and not service.up else "",
            "needs": sorted({spelt(gate.dependee.name) for gate in service.after}),
            "processes": [{"pid": pid, "text": text} for pid, text in service.details.values()],
        }

    def why(self, text: str) -> list[Reason]:
        """Why this service is, or is not up: the chain down to the cause."""
        names = named(text, [service.name for service in self._model.services.values()])
        return explain(names[0] if names else text, self._model, self._told_of)

    def find(self, text: str) -> list[Any]:
        """The names that people mean by a text."""
        return named(text, [service.name for service in self._model.services.values()])

    def nearest(self, text: str) -> str:
        """The names nearest to one that is not there, as a question; "" where none is near."""
        return near(text, [service.name for service in self._model.services.values()])

    def _told_of(self, name: Any) -> dict[str, str] | None:
        details = self._model.service(name).details
        words = [text for _, text in details.values() if text]
        return {"text": "; ".join(words), "remedy": f"remit service logs '{spelt(name)}'"} if words else None

    def shut(self) -> None:
        """Have everything stop, in the reverse order of what needs what, and nothing start any more."""
        self._model.close()
        self._soon()

    def end(self) -> None:
        """Withdraw everything: nothing should run any more."""
        self._mouth.close()


@actor(kind="remit.services.settled", version=1)
class _Settled:
    """Told by the dataspace when what was said before has been handled."""

    manager: Ref[Manager]
    names: list[Any]
    again: int

    def turn(self, events: list[Any]) -> None:
        """The answer to a sync."""
        tell(self.manager).settled(list(self.names), self.again)
