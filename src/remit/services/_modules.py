"""Python functions as services: begun in a facet when somebody wants them and what they need is ready, ended with that.

@service("tcp", requires=["stream"])
def tcp(space):
during(space, …)                # whatever it begins belongs to it; what it returns is its object

await services.offer(tcp, stream)

with_services(space, ["tcp", "timer"], function)     # inside an object's turn: run it while all of these are ready
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypeVar

from remit.dataspace import during, facet, publish
from remit.errors import BadArgument, Misuse
from remit.services._backoff import Backoff
from remit.services._records import (
    FAILED,
    READY,
    STARTED,
    DependsOn,
    ProvidesService,
    RequireService,
    RunService,
    ServiceObject,
    ServiceState,
)
from remit.services._why import spelt
from remit.values import Symbol
from remit.vat import Ref, actor, on

__all__ = ["Function", "Module", "requires", "service", "services_of", "with_services"]

F = TypeVar("F", bound=Callable[..., Any])
_put = object.__setattr__
_log = logging.getLogger("remit.services")
_NOTE: Final = "__remit_service__"


class Function(NamedTuple):
    """What `@service` notes of a function."""

    name: Any
    needs: tuple[Any, ...]
    body: Callable[[Ref[Any]], Any]


def service(name: Any, *, requires: Iterable[Any] = ()) -> Callable[[F], F]:
    """Make a function the body of a service. `name`: text stands for a symbol, anything else for itself; `requires`: the names it needs.

    The function takes the dataspace, runs in a turn, and begins conversations; it does not wait for anything. A reference that it returns is
    the service's object. Where it raises it has failed, and is begun again after a while.
    """

    def decorate(body: F) -> F:
        needs = (*getattr(body, "__remit_requires__", ()), *requires)
        setattr(body, _NOTE, Function(_named(name), tuple(_named(each) for each in needs), body))
        return body

    return decorate


def requires(*names: Any) -> Callable[[F], F]:
    """The same as `requires=` of `@service`, below it: `@service("tcp")`, then `@requires("stream")`."""

    def decorate(body: F) -> F:
        if hasattr(body, _NOTE):
            raise Misuse("@requires stands below @service: the function is a service already")
        body.__remit_requires__ = (*getattr(body, "__remit_requires__", ()), *names)  # type: ignore[attr-defined]
        return body

    return decorate


def _named(name: Any) -> Any:
    return Symbol(name) if isinstance(name, str) else name


def services_of(given: Iterable[Any]) -> list[Function]:
    """The services among functions, and those of modules. Raises `BadArgument` for what is none and has none."""
    found: list[Function] = []
    for each in given:
        inside = vars(each).values() if isinstance(each, ModuleType) else [each]
        notes = [getattr(one, _NOTE) for one in inside if hasattr(one, _NOTE)]
        if not notes:
            raise BadArgument(
                f"{getattr(each, '__name__', each)!r} is no service and has none: decorate its function with @service(name)"
            )
        found += notes
    return found


def with_services(space: Ref[Any], names: Iterable[Any], function: Callable[[], Any]) -> None:
    """Want these services, and run `function` in a facet while all of them are ready. Inside an object's turn; ends with its facet."""
    wanted = [_named(name) for name in names]
    for name in wanted:
        publish(space, RequireService(name))

    def rest(at: int) -> None:
        if at == len(wanted):
            function()
        else:
            during(space, ServiceState(wanted[at], READY), lambda: rest(at + 1))

    rest(0)


@actor(kind="remit.services.module", version=1)
class Module:
    """The object in which the body of one service runs. Transient; made by `Services.offer`, which gives the function.

    `timer` is the device by which one that has failed waits.
    """

    space: Ref[Any]
    timer: Any = None

    if TYPE_CHECKING:  # not fields: what is not kept and does not pass
        _function: ClassVar[Function]
        _backoff: ClassVar[Backoff]

    def begin(self) -> None:
        """Say what it needs, and wait for demand."""
        _put(self, "_backoff", Backoff())
        name, needs, _ = self._function
        publish(self.space, ProvidesService(name))
        for each in needs:
            publish(self.space, DependsOn(name, ServiceState(each, READY)))
        during(self.space, RunService(name), self._run)

    def _run(self) -> None:
        """It should run, until the facet ends in which this runs."""
        name = self._function.name
        scope, failure = facet(), None
        with scope:
            publish(self.space, ServiceState(name, STARTED))
            try:
                given = self._function.body(self.space)
            except Exception as error:  # noqa: BLE001  # a service that fails is started again, whatever it was
                failure = error
            else:
                if isinstance(given, Ref):
                    publish(self.space, ServiceObject(name, given))
                publish(self.space, ServiceState(name, READY))
        if failure is not None:
            scope.stop()
            self._failed(failure)

    def _failed(self, error: Exception) -> None:
        """It has failed: what it had begun ends; again after a while, if it should still run then."""
        name = self._function.name
        _log.error("service %s has failed: %s: %s", spelt(name), type(error).__name__, error)
        waiting = facet()
        with waiting:
            publish(self.space, ServiceState(name, FAILED))
        if self.timer is None:
            return
        self._backoff.begun(0.0)
        wait = self._backoff.wait(0.0, good=False) or 0.0

        def again(_: Any) -> None:
            if waiting.alive:
                waiting.stop()
                self._run()

        on(self.timer.after(wait), again, lambda _: None)
