"""What is run on demand: `<exec argv>` and `<exec argv restart>`, messages in the dataspace of services, as Synit's boot scripts have them.

Each makes a daemon of its own, `<daemon <temporary-exec time argv>>`, that is wanted until it is complete or has failed. Nothing of it is kept over the
supervisor's end. What they write is in one log.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Final

from remit.dataspace import ANY, Bind, Group, bind
from remit.services._ear import Mouth
from remit.services._records import COMPLETE, FAILED, Daemon, Exec, RunService, ServiceProblem, ServiceState
from remit.services._why import spelt
from remit.values import Symbol, Tagged, as_record, key
from remit.values.preserves import Map
from remit.vat import Ref, actor

__all__ = ["EXEC_LOG", "TEMPORARY", "Execs"]

TEMPORARY: Final = "temporary-exec"
EXEC_LOG: Final = "%exec"  # the name of their log, which no service's can be
_put = object.__setattr__
_log = logging.getLogger("remit.services")
_AT_ONCE: Final = 64  # of them run; others wait for their end
_WAITING: Final = 10_000  # of them wait; more are refused, and logged
_NEVER: Final = Symbol("never")


@actor(kind="remit.services.execs", version=1)
class Execs:
    """One for each dataspace of services; transient. `timer` is a device with `now()`, whose time makes names that no earlier supervisor gave."""

    space: Ref[Any]
    timer: Ref[Any]

    if TYPE_CHECKING:  # not fields: what is not kept and does not pass
        _mouth: ClassVar[Mouth]
        _began: ClassVar[str]
        _count: ClassVar[int]
        _running: ClassVar[dict[Any, list[Any]]]
        _waiting: ClassVar[deque[tuple[Any, Any]]]

    async def begin(self) -> None:
        """Listen."""
        now = await self.timer.now()
        mouth = Mouth()
        for name, value in (("_mouth", mouth), ("_began", f"{now:.3f}"), ("_count", 0)):
            _put(self, name, value)
        _put(self, "_running", {})
        _put(self, "_waiting", deque())
        mouth.open(self.space, "commands")
        mouth.listen("exec", Bind(Group(Tagged("rec", [Symbol("exec")]), Map({0: ANY}))))  # of one part or two
        mine = Daemon(bind(Tagged(TEMPORARY, [ANY, ANY])))
        for state in (COMPLETE, FAILED):
            mouth.listen(state.name, ServiceState(mine, state))
        mouth.listen("problem", ServiceProblem(mine, bind()))
        mouth.flush()

    def said(self, what: str, captures: list[Any]) -> None:
        """Somebody wants something run."""
        said = as_record(captures[0], Exec)
        if said is None and isinstance(captures[0], Tagged) and len(captures[0].value) == 1:
            said = Exec(captures[0].value[0], _NEVER)
        if said is None:
            _log.warning("%s is no <exec argv> or <exec argv restart>", spelt(captures[0]))
        elif len(self._running) < _AT_ONCE:
            self._run(said.argv, said.restart)
        elif len(self._waiting) < _WAITING:
            self._waiting.append((said.argv, said.restart))
        else:
            _log.error("<exec %s> is not run: %d others wait already", spelt(said.argv), _WAITING)

    def heard(self, what: str, present: bool, captures: list[Any]) -> None:
        """One of them is complete, or has failed: it is over, in either case."""
        if not present:
            return
        if what == "problem":
            _log.error("<exec …> is not run: %s", captures[1])
        said = self._running.pop(key(captures[0]), None)
        for each in said or ():
            self._mouth.unsay(each)
        while self._waiting and len(self._running) < _AT_ONCE:
            self._run(*self._waiting.popleft())
        self._mouth.flush()

    def _run(self, argv: Any, restart: Any) -> None:
        _put(self, "_count", self._count + 1)
        name = Tagged(TEMPORARY, [f"{self._began}-{self._count}", argv])
        config = {"argv": argv, "ready": "none", "restart": restart.name if isinstance(restart, Symbol) else restart}
        said = self._running[key(name)] = [Tagged("daemon", [name, config]), RunService(Daemon(name))]
        for each in said:
            self._mouth.say(each)
        self._mouth.flush()

    def end(self) -> None:
        """Withdraw everything."""
        self._mouth.close()
