"""The runner of one daemon: its processes, from one start to the next, and the states that they come to together.

started    one of them runs            ready      all of them are
failed     one has failed, and waits to be started again or has given up
complete   all of them have ended, and are not started again
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from remit.errors import Broken
from remit.services._backoff import Backoff
from remit.services._ear import Mouth
from remit.services._narrowing import voice_of
from remit.services._records import COMPLETE, FAILED, READY, STARTED, Daemon, ProcessState, ServiceObject, ServiceState
from remit.services._why import spelt
from remit.vat import Ref, actor, on, tell, this

__all__ = ["Runner"]

_put = object.__setattr__
_REPLACE: Final = 0.1  # seconds for the description that a new one replaces to be withdrawn, before the new one starts
_PORT: Final = 3600.0  # seconds that a port is waited for where there is no time-out


class Job:
    """One process of a daemon."""

    __slots__ = ("backoff", "config", "id", "leaving", "number", "object", "pid", "said", "state", "text", "turn")

    def __init__(self, number: int, config: dict[str, Any]) -> None:
        self.number = number
        self.config = config
        self.backoff = Backoff(tuple(config["limit"]) if config["limit"] else None)
        self.state = "idle"  # idle, starting, started, ready, waiting, failed, complete
        self.text = ""
        self.id = ""
        self.pid = 0
        self.leaving = False  # its description is gone: it ends, and is forgotten
        self.turn = 0  # which of its runs this is: what earlier ones say does not count
        self.said: ProcessState | None = None
        self.object: Any = None  # what it gives, if it speaks the protocol

    @property
    def runs(self) -> bool:
        """Whether there is a process."""
        return self.state in ("starting", "started", "ready")


@actor(kind="remit.services.runner", version=1)
class Runner:
    """Owned by `daemons`; ends when it has stopped all processes and is not asked to go on."""

    id: Any
    daemons: Ref[Any]
    space: Ref[Any]
    processes: Ref[Any]
    timer: Ref[Any]

    if TYPE_CHECKING:  # not fields: what is not kept and does not pass
        _mouth: ClassVar[Mouth]
        _jobs: ClassVar[dict[str, Job]]
        _runs: ClassVar[dict[str, Job]]
        _wanted: ClassVar[bool]
        _over: ClassVar[bool]
        _states: ClassVar[dict[Any, bool]]
        _count: ClassVar[int]

    # --- asked by Daemons -----------------------------------------------------------------------------

    def begin(self, configs: list[Any]) -> None:
        """Start a process for each of these."""
        mouth = Mouth()
        _put(self, "_over", False)
        _put(self, "_states", {})
        for name, value in (("_mouth", mouth), ("_jobs", {}), ("_runs", {}), ("_wanted", True), ("_count", 0)):
            _put(self, name, value)
        mouth.open(self.space, spelt(Daemon(self.id)))
        for config in configs:
            self._start(self._job(config))
        self._report()

    def add(self, config: dict[str, Any]) -> None:
        """One more process; if it replaces another, that ends first."""
        if config["spec"]["digest"] in self._jobs:
            self._jobs[config["spec"]["digest"]].leaving = False
            return
        job = self._job(config)
        on(self.timer.after(_REPLACE), lambda _: self._start_later(job), lambda _: None)

    def _start_later(self, job: Job) -> None:
        if any(each.leaving for each in self._jobs.values()):
            on(self.timer.after(_REPLACE), lambda _: self._start_later(job), lambda _: None)
        else:
            self._start(job)
            self._report()

    def remove(self, digest: str) -> None:
        """One process less."""
        job = self._jobs.get(digest)
        if job is not None:
            job.leaving = True
            self._stop(job)
            self._report()

    def end(self) -> None:
        """Stop all of them."""
        _put(self, "_wanted", False)
        for job in list(self._jobs.values()):
            self._stop(job)
        self._report()

    def resume(self) -> None:
        """It should run after all; when it is over already, another one is made for that."""
        if not self._wanted and not self._over:
            _put(self, "_wanted", True)
            for job in self._jobs.values():
                if not job.runs:
                    self._start(job)
            self._report()

    def restart(self) -> None:
        """Stop all of them, then start them again; one that had given up tries again."""
        for job in self._jobs.values():
            job.backoff.forget()
            if job.runs:
                job.text = "is restarted"
                self._ask_to_stop(job)
            else:
                self._start(job)
        self._report()

    async def signal(self, number: int) -> int:
        """Send a signal to all of them; how many run."""
        running = [job.id for job in self._jobs.values() if job.id and job.runs]
        for id in running:
            await self.processes.signal(id, number)
        return len(running)

    # --- one process ----------------------------------------------------------------------------------

    def _job(self, config: dict[str, Any]) -> Job:
        _put(self, "_count", self._count + 1)
        job = self._jobs[config["spec"]["digest"]] = Job(self._count, config)
        return job

    def _start(self, job: Job) -> None:
        if not self._wanted or job.leaving or job.runs:
            return
        job.state, job.text, job.pid = "starting", "", 0
        job.turn += 1
        turn = job.turn
        name = f"{spelt(Daemon(self.id))} {job.config['spec']['digest']}"
        protocol = job.config["protocol"]
        voice = None if protocol == "none" else voice_of(self.space, self.id)
        asked = self.processes.run(name, job.config["spec"], this(), protocol, voice)
        on(asked, lambda run: self._begun(job, turn, run), lambda error: self._not_begun(job, turn, error))

    def _begun(self, job: Job, turn: int, run: dict[str, Any]) -> None:
        """The device has it: a new process, or one that an earlier supervisor has started."""
        if turn != job.turn:
            return
        job.id = run["id"]
        self._runs[job.id] = job
        job.backoff.begun(run["now"])
        self._give(job, run.get("object"))
        for kind, details in run["events"]:
            self(job.id, kind, details)
        if not self._wanted or job.leaving:
            self._ask_to_stop(job)
        timeout = job.config["start_timeout"]
        if timeout:
            on(self.timer.after(timeout), lambda _: self._late(job, turn), lambda _: None)
        self._report()

    def _give(self, job: Job, object: Any) -> None:
        """What a child that speaks the protocol gives for free is the service's object, for as long as the child runs."""
        for value, yes in ((job.object, False), (object, True)):
            if value is not None:
                self._mouth.put(ServiceObject(Daemon(self.id), value), yes)
        job.object = object

    def _not_begun(self, job: Job, turn: int, error: Broken) -> None:
        if turn == job.turn:
            self._ended(job, {"error": error.message}, 0.0)

    def __call__(self, id: str, kind: str, details: dict[str, Any]) -> None:
        """What the device says of a process: see `Run`."""
        job = self._runs.get(id)
        if job is None:
            return
        if kind == "wrote":
            tell(self.daemons).wrote(self.id, job.pid, details)
            return
        if kind == "started":
            job.state, job.pid = "started", details["pid"]
            self._find_ready(job)
        elif kind == "ready" and job.state == "started":
            self._ready(job)
        elif kind == "status":
            job.text = details["text"]
        elif kind == "failed":
            job.text = details["error"]
        elif kind in ("gone", "lost"):
            del self._runs[id]
            self._ended(job, details.get("end") or {"error": "the warden of services has ended"}, details["now"])
        self._report()

    def _find_ready(self, job: Job) -> None:
        ready, turn = job.config["ready"], job.turn
        if ready == "start":
            self._ready(job)
        elif ready.startswith(("tcp:", "unix:")):
            asked = self.processes.reachable(ready, job.config["start_timeout"] or _PORT)

            def open(yes: bool) -> None:
                if yes and turn == job.turn and job.state == "started":
                    self._ready(job)
                    self._report()

            on(asked, open, lambda _: None)

    def _ready(self, job: Job) -> None:
        job.state = "ready"

    def _late(self, job: Job, turn: int) -> None:
        if turn == job.turn and job.state in ("starting", "started") and job.config["ready"] != "none":
            job.text = f"was not ready within {job.config['start_timeout']:g} s"
            self._ask_to_stop(job)
            self._report()

    def _stop(self, job: Job) -> None:
        if job.id and job.runs:
            self._ask_to_stop(job)
        elif not job.runs:
            self._settle(job)

    def _ask_to_stop(self, job: Job) -> None:
        if job.id:
            on(self.processes.stop(job.id), None, lambda _: None)

    def _settle(self, job: Job) -> None:
        """It does not run, and should not."""
        job.turn += 1
        job.state, job.pid, job.id = "idle", 0, ""
        if job.leaving:
            self._jobs.pop(job.config["spec"]["digest"], None)
            self._mouth.unsay(job.said) if job.said is not None else None

    def _ended(self, job: Job, end: dict[str, Any], now: float) -> None:
        """It is gone, with all that it had started: what comes next?"""
        job.pid, job.id = 0, ""
        self._give(job, None)
        if not self._wanted or job.leaving:
            self._settle(job)
            return
        words, good = _words(end), end.get("code") == 0 and "error" not in end
        late = job.text.startswith("was not ready")
        good = good and not late
        restart = job.config["restart"]
        if restart == "never" or (restart == "on-error" and good):
            job.state, job.text = "complete", words
            return
        wait = job.backoff.wait(now, good)
        job.state = "failed" if wait is None or not good else "waiting"
        why = f"{job.text}, {words}" if late else words
        if wait is None:
            times, seconds = job.config["limit"]
            job.text = f"{why}; gave up after {times} restarts in {seconds:g} s"
            return
        job.text = f"{why}; starts again in {wait:g} s" + (
            f" ({job.backoff.quick} times in a row)" if job.backoff.quick > 1 else ""
        )
        turn = job.turn
        on(self.timer.after(wait), lambda _: self._again(job, turn), lambda _: None)
        if restart == "all" and not good:
            for other in self._jobs.values():
                if other is not job and other.runs:
                    other.text = f"is restarted with process {job.number}"
                    self._ask_to_stop(other)

    def _again(self, job: Job, turn: int) -> None:
        if turn == job.turn and job.state in ("waiting", "failed") and self._wanted:
            self._start(job)
            self._report()

    # --- all of them ----------------------------------------------------------------------------------

    def _report(self) -> None:
        """Say the states that they come to, and how each is; when all have stopped and should, it is over."""
        jobs, mouth = list(self._jobs.values()), self._mouth
        name = Daemon(self.id)
        runs = any(job.runs for job in jobs)
        over = not self._wanted and not runs
        states = {
            STARTED: runs,
            READY: bool(jobs) and self._wanted and all(job.state in ("ready", "complete") for job in jobs) and runs,
            FAILED: self._wanted and any(job.state == "failed" for job in jobs),
            COMPLETE: bool(jobs) and self._wanted and all(job.state == "complete" for job in jobs),
        }
        for state, yes in states.items():
            if self._states.get(state, False) != yes:
                self._states[state] = yes
                mouth.put(ServiceState(name, state), yes)
        for job in jobs:
            said = (
                None
                if over
                else ProcessState(self.id, job.number, job.pid, job.text or _WORDS.get(job.state, job.state))
            )
            if said != job.said:
                if job.said is not None:
                    mouth.unsay(job.said)
                job.said = said
                if said is not None:
                    mouth.say(said)
        mouth.flush()
        if over and not self._over:
            _put(self, "_over", True)
            mouth.close()
            tell(self.daemons).over(self.id)


_WORDS: Final = {
    "starting": "is being started",
    "started": "runs and is not ready yet",
    "ready": "runs",
    "idle": "does not run",
}


def _words(end: dict[str, Any]) -> str:
    """How a process has ended, for people."""
    if "error" in end:
        return f"could not be started: {end['error']}"
    if "watchdog" in end:
        return f"did not feed its watchdog for {end['watchdog']:g} s"
    if "signal" in end:
        return f"ended by signal {end['signal']}"
    return f"exit status {end.get('code', '?')}"
