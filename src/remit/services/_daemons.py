"""Services that are made of processes: `<daemon id>` runs while `RunService` is asserted of it, with a process for each `<daemon id config>`.

`Daemons` hears who should run and how, and has a `Runner` for each daemon that runs (`_runner.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from remit.dataspace import bind
from remit.errors import BadArgument
from remit.services._ear import Mouth
from remit.services._exec import EXEC_LOG, TEMPORARY
from remit.services._process_config import ProcessConfig, process_config
from remit.services._records import (
    READY,
    STARTED,
    Daemon,
    Milestone,
    ProvidesService,
    RestartService,
    RunService,
    ServiceProblem,
    ServiceState,
)
from remit.services._runner import Runner
from remit.services._why import spelt
from remit.values import Tagged, as_record, key
from remit.vat import Ref, actor, spawn, tell, this

__all__ = ["Daemons", "log_name", "one_shot"]

_put = object.__setattr__


@actor(kind="remit.services.daemons", version=1)
class Daemons:
    """One for each dataspace; transient. `processes` and `timer` are devices."""

    space: Ref[Any]
    processes: Ref[Any]
    timer: Ref[Any]
    logs: str = ""  # the directory of logs; "" for none
    logbook: Any = None  # who is told what processes write

    if TYPE_CHECKING:  # not fields: what is not kept and does not pass
        _mouth: ClassVar[Mouth]
        _configs: ClassVar[dict[Any, dict[Any, ProcessConfig | str]]]
        _runners: ClassVar[dict[Any, Ref[Runner]]]
        _wanted: ClassVar[dict[Any, None]]

    def begin(self) -> None:
        """Listen."""
        mouth = Mouth()
        _put(self, "_mouth", mouth)
        _put(self, "_configs", {})
        _put(self, "_runners", {})
        _put(self, "_wanted", {})
        mouth.open(self.space, "daemons")
        mouth.listen("config", Tagged("daemon", [bind(), bind()]))
        mouth.listen("run", RunService(Daemon(bind())))
        mouth.listen("restart", RestartService(Daemon(bind())))
        mouth.listen("milestone", RunService(Milestone(bind())))
        mouth.flush()

    def heard(self, what: str, present: bool, captures: list[Any]) -> None:
        """Something was asserted, or withdrawn."""
        if what == "milestone":
            for state in (STARTED, READY):
                self._mouth.put(ServiceState(Milestone(captures[0]), state), present)
        elif what == "config":
            self._describe(captures[0], captures[1], present)
        elif what == "run":
            self._run(captures[0], present)
        self._mouth.flush()

    def said(self, what: str, captures: list[Any]) -> None:
        """A message: restart it."""
        runner = self._runners.get(key(captures[0]))
        if runner is not None:
            tell(runner).restart()

    async def signal(self, id: Any, number: int) -> int:
        """Send a signal to the processes of the daemon with this id; how many run."""
        runner = self._runners.get(key(id))
        sent: int = 0 if runner is None else await runner.signal(number)
        return sent

    def _describe(self, id: Any, value: Any, present: bool) -> None:
        """A process of a daemon is described, or no longer. What cannot be understood is a problem of the service."""
        name = spelt(Daemon(id))
        configs = self._configs.setdefault(key(id), {})
        mark = key(value)
        if not present:
            config = configs.pop(mark, None)
            if isinstance(config, str):
                self._mouth.unsay(ServiceProblem(Daemon(id), config))
            elif config is not None and key(id) in self._runners:
                tell(self._runners[key(id)]).remove(config.spec["digest"])
        else:
            config = self._understand(id, name, value)
            configs[mark] = config
            if isinstance(config, ProcessConfig) and key(id) in self._runners:
                tell(self._runners[key(id)]).add(_plain(config))
        good = any(isinstance(each, ProcessConfig) for each in configs.values())
        self._mouth.put(ProvidesService(Daemon(id)), good)
        if not configs:
            del self._configs[key(id)]

    def _understand(self, id: Any, name: str, value: Any) -> ProcessConfig | str:
        try:
            log = f"{self.logs}/{log_name(Daemon(id))}.log" if self.logs else None
            return process_config(one_shot(value), log, name)
        except BadArgument as error:
            self._mouth.say(ServiceProblem(Daemon(id), error.message))
            return error.message

    def _run(self, id: Any, present: bool) -> None:
        """It should run, or stop. Its runner goes on until it has stopped, and then tells of its end."""
        runner = self._runners.get(key(id))
        if not present:
            self._wanted.pop(key(id), None)
            if runner is not None:
                tell(runner).end()
            return
        self._wanted[key(id)] = None
        if runner is None:
            runner = self._runners[key(id)] = spawn(Runner, id, this(), self.space, self.processes, self.timer)
            configs = [each for each in self._configs.get(key(id), {}).values() if isinstance(each, ProcessConfig)]
            tell(runner).begin([_plain(each) for each in configs])
        else:
            tell(runner).resume()

    def wrote(self, id: Any, pid: int, details: dict[str, Any]) -> None:
        """A process has written lines that somebody may want to hear."""
        if self.logbook is not None:
            tell(self.logbook).wrote(Daemon(id), pid, details["stream"], details["time"], list(details["lines"]))

    def over(self, id: Any) -> None:
        """A runner has stopped everything; one that should run again meanwhile gets another."""
        del self._runners[key(id)]
        if key(id) in self._wanted:
            self._run(id, True)

    def end(self) -> None:
        """Withdraw everything. Processes are the device's to end."""
        self._mouth.close()


def one_shot(value: Any) -> Any:
    """`<one-shot command>`: done once, known by `complete`."""
    if (
        isinstance(value, Tagged)
        and value.tag == "one-shot"
        and isinstance(value.value, list)
        and len(value.value) == 1
    ):
        return {"argv": value.value[0], "ready": "none", "restart": "on-error"}
    return value


def _plain(config: ProcessConfig) -> dict[str, Any]:
    """A configuration as passable data, for a runner."""
    return {name: getattr(config, name) for name in ProcessConfig.__slots__}


def log_name(name: Any) -> str:
    """The name of a service's log: its own, with what file names cannot have spelled out."""
    daemon = as_record(name, Daemon)
    inner = name if daemon is None else daemon.id
    if isinstance(inner, Tagged) and inner.tag == TEMPORARY:
        return EXEC_LOG  # one log for all that is run on demand
    text = spelt(inner)
    safe = "".join(c if c.isalnum() or c in "._-" else f"%{ord(c):02x}" for c in text)[:150]
    return safe if not safe.startswith(".") else f"%2e{safe[1:]}"
