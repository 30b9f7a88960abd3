"""The vocabulary of services: what is asserted about them in a dataspace. Names of services are any values.

The first six are Synit's ("The service dependency tracking protocol"), and so are the last two ("Logging"; its boot scripts); the others are Remit's own,
for what that lacks.
"""

from __future__ import annotations

from typing import Any, Final

from remit.values import Symbol, record

__all__ = [
    "COMPLETE",
    "FAILED",
    "READY",
    "STARTED",
    "UP",
    "Daemon",
    "DependsOn",
    "Exec",
    "HoldService",
    "LogEntry",
    "Milestone",
    "ProcessState",
    "ProvidesService",
    "RequireService",
    "RestartService",
    "RunService",
    "ServiceObject",
    "ServiceProblem",
    "ServiceState",
    "StartTimeout",
    "StartsAfter",
    "WeaklyDependsOn",
]

STARTED: Final = Symbol("started")
READY: Final = Symbol("ready")
FAILED: Final = Symbol("failed")
COMPLETE: Final = Symbol("complete")
UP: Final = Symbol("up")  # said by the manager of whatever is ready or complete


@record("require-service", known=False)
class RequireService:
    """Somebody wants it to be up, what it depends on first."""

    name: Any


@record("run-service", known=False)
class RunService:
    """It should run now: whoever knows how, does so while this is asserted."""

    name: Any


@record("service-state", known=False)
class ServiceState:
    """A state that it is in; several at once: `started`, `ready` besides, `failed`, `complete`, or words of its own."""

    name: Any
    state: Any


@record("service-object", known=False)
class ServiceObject:
    """What the running service gives to those who use it."""

    name: Any
    object: Any


@record("depends-on", known=False)
class DependsOn:
    """It runs only while the dependee (a `ServiceState`) is in that state; wanting it wants the dependee."""

    depender: Any
    dependee: Any


@record("restart-service", known=False)
class RestartService:
    """A message: stop it and start it again; one that had given up tries again."""

    name: Any


@record("weakly-depends-on", known=False)
class WeaklyDependsOn:
    """Wanting it wants the dependee, which starts first; but it runs also where that has failed or nobody provides it, and stays when that goes."""

    depender: Any
    dependee: Any


@record("starts-after", known=False)
class StartsAfter:
    """Order only: where somebody wants the dependee, it starts first. Nothing is wanted by this."""

    depender: Any
    dependee: Any


@record("hold-service", known=False)
class HoldService:
    """An operator keeps it from running; those that depend on it stop first."""

    name: Any


@record("start-timeout", known=False)
class StartTimeout:
    """If it is wanted and not up within this many seconds, it counts as failed until it is."""

    name: Any
    seconds: Any


@record("provides-service", known=False)
class ProvidesService:
    """Whoever asserts this runs the service when it should. Only for finding out what nobody provides."""

    name: Any


@record("service-problem", known=False)
class ServiceProblem:
    """Said by the manager: why this one cannot come up as things stand (a cycle, or a dependee that nobody provides)."""

    name: Any
    text: Any


@record("daemon", known=False)
class Daemon:
    """The name of a service that is made of processes. `<daemon id config>`, with two fields, describes one of them."""

    id: Any


@record("milestone", known=False)
class Milestone:
    """The name of a service that does nothing: what others depend on stands for a point in the order."""

    name: Any


@record("process-state", known=False)
class ProcessState:
    """Said of each process of a daemon: its number among those of the daemon, process id (0: none), and a word about it."""

    daemon: Any
    number: Any
    pid: Any
    text: Any


@record("log", known=False)
class LogEntry:
    """A message: an entry of a log. `timestamp` as RFC 3339 has it; `detail` is a dictionary, with what there is of `line`, `service`, `stream`, `pid`."""

    timestamp: Any
    detail: Any


@record("exec", known=False)
class Exec:
    """A message: run this once, as a daemon would be; `<exec argv>` is the same with the restart policy `never`."""

    argv: Any
    restart: Any
