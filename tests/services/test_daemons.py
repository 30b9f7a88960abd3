"""Daemons in a dataspace: demand starts them in order, policies start them again, problems are named."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit import Symbol, Tagged
from remit.dataspace import Dataspace
from remit.services import (
    COMPLETE,
    FAILED,
    READY,
    DependsOn,
    HoldService,
    Milestone,
    ProvidesService,
    RequireService,
    RestartService,
    ServiceProblem,
    ServiceState,
    StartTimeout,
    WeaklyDependsOn,
)
from tests.services.world import Stage, daemon, named, on_stage


async def problems(here: Stage) -> list[str]:
    from remit.dataspace import bind

    return sorted(text for (text,) in await here.space.query(ServiceProblem(bind_name(), bind())))


def bind_name() -> Any:
    from remit.dataspace import ANY

    return ANY


def test_demand_starts_a_tree_in_order_and_its_end_stops_it_in_reverse() -> None:
    """What is needed is ready before what needs it starts; when nobody wants them, dependers have ended before dependees are stopped."""

    async def work(here: Stage) -> None:
        here.processes.slow_to_stop = 1.0
        *_, want = await here.say(
            daemon("app"),
            daemon("db", ready="fd"),
            daemon("disk"),
            DependsOn(named("app"), ServiceState(named("db"), READY)),
            DependsOn(named("db"), ServiceState(named("disk"), READY)),
            RequireService(named("app")),
        )
        assert here.processes.log == ["+disk", "+db"]
        here.processes.say("db", "ready")
        await here.quiet()
        assert here.processes.log == ["+disk", "+db", "+app"]
        assert await here.states("<daemon app>") == {"started", "ready", "up"}
        await here.unsay(want)
        await here.quiet(10)
        assert here.processes.log[3:] == ["-app", "-db", "-disk"]
        assert await here.states("<daemon disk>") == set()

    on_stage(work)


def test_what_needs_a_process_that_has_died_stops_and_comes_back() -> None:
    """A crash of a dependee stops its dependers; they start again after it, without anybody's help."""

    async def work(here: Stage) -> None:
        gate = DependsOn(named("app"), ServiceState(named("db"), READY))
        await here.say(daemon("app"), daemon("db"), gate, RequireService(named("app")))
        here.processes.exit("db", 1)
        await here.quiet()
        assert here.processes.log == ["+db", "+app", "-db", "-app"]
        assert "failed" in await here.states("<daemon db>")
        chain = await here.manager.why("app")
        assert [reason.service for reason in chain] == ["<daemon app>", "<daemon db>"]
        assert chain[-1].text == "exit status 1; starts again in 1 s"
        await here.quiet(2)
        assert here.processes.log[4:] == ["+db", "+app"]

    on_stage(work)


@pytest.mark.parametrize(
    ("restart", "code", "again", "states"),
    [
        ("always", 0, True, set()),
        ("always", 1, True, {"failed"}),
        ("on-error", 0, False, {"complete", "up"}),
        ("on-error", 1, True, {"failed"}),
        ("never", 1, False, {"complete", "up"}),
    ],
)
def test_restart_policies(restart: str, code: int, again: bool, states: set[str]) -> None:
    """always, on-error and never: which end is followed by another start, and which states that comes to."""

    async def work(here: Stage) -> None:
        await here.say(daemon("a", restart=restart), RequireService(named("a")))
        here.processes.exit("a", code)
        await here.quiet()
        assert await here.states("<daemon a>") == states
        await here.quiet(3)
        assert here.processes.log == ["+a", "-a", *(["+a"] if again else [])]

    on_stage(work)


def test_a_failure_restarts_the_whole_daemon_where_that_is_asked_for() -> None:
    """With `restart: all` the other processes of the daemon start again as well."""

    async def work(here: Stage) -> None:
        one, two = daemon("a", word="one", restart="all"), daemon("a", word="two")
        await here.say(one, two, RequireService(named("a")))
        here.processes.exit("one", 1)
        await here.quiet(3)
        assert sorted(here.processes.log) == ["+one", "+one", "+two", "+two", "-one", "-two"]

    on_stage(work)


def test_restarts_come_less_and_less_often_and_end_at_the_limit() -> None:
    """Quick failures in a row double the wait up to a bound; past its limit a process stays failed, until somebody restarts it."""

    async def work(here: Stage) -> None:
        times: list[float] = []
        loop = asyncio.get_running_loop()
        await here.say(
            daemon("a"),
            daemon("b", **{"restart-limit": [2, 60]}),
            RequireService(named("a")),
            RequireService(named("b")),
        )
        for _ in range(6):
            here.processes.exit("a", 1)
            begun = loop.time()
            while not here.processes.ids("a"):
                await here.quiet(0.1)
            times.append(round(loop.time() - begun))
        assert times == [1, 2, 4, 8, 10, 10]
        for _ in range(3):
            here.processes.exit("b", 1)
            await here.quiet(30 if _ == 2 else 5)
        assert here.processes.ids("b") == []
        assert (await here.manager.why("b"))[-1].text == "exit status 1; gave up after 2 restarts in 60 s"
        await here.party.turn([["message", RestartService(named("b"))]])
        await here.quiet()
        assert len(here.processes.ids("b")) == 1

    on_stage(work)


def test_a_process_that_is_not_ready_in_time_has_failed() -> None:
    """With a start-timeout it is stopped and tried again, and says so."""

    async def work(here: Stage) -> None:
        await here.say(daemon("a", ready="fd", **{"start-timeout": 3}), RequireService(named("a")))
        await here.quiet(3.1)
        assert here.processes.log == ["+a", "-a"]
        assert (await here.manager.why("a"))[-1].text.startswith(
            "was not ready within 3 s, ended by signal 15; starts again"
        )
        assert "failed" in await here.states("<daemon a>")

    on_stage(work)


def test_readiness_by_port_and_by_its_own_word() -> None:
    """A port makes it ready when it is open; `readyOnStart: #f` leaves it to others to say; a one-shot is known by `complete`."""

    async def work(here: Stage) -> None:
        shot = Tagged("daemon", [Symbol("c"), Tagged("one-shot", [["run", "c"]])])
        wants = [RequireService(named(id)) for id in "abc"]
        await here.say(daemon("a", ready="tcp:127.0.0.1:1"), daemon("b", readyOnStart=False), shot, *wants)
        assert await here.states("<daemon a>") == {"started"}
        await here.quiet(1)
        assert await here.states("<daemon a>") == {"started", "ready", "up"}
        assert await here.states("<daemon b>") == {"started"}
        here.processes.exit("c", 0)
        await here.quiet()
        assert await here.states("<daemon c>") == {"complete", "up"}

    on_stage(work)


def test_a_new_description_replaces_the_old_process_before_it_starts() -> None:
    """The new one is asserted first, then the old one withdrawn: still there are never two, and nothing else changes."""

    async def work(here: Stage) -> None:
        here.processes.slow_to_stop = 2.0
        old, _ = await here.say(daemon("a", word="old"), RequireService(named("a")))
        await here.say(daemon("a", word="new"))
        await here.unsay(old)
        await here.quiet(5)
        assert here.processes.log == ["+old", "-old", "+new"]
        await here.say(daemon("a", word="more"))
        await here.quiet(5)
        assert here.processes.log[3:] == ["+more"]

    on_stage(work)


def test_one_that_is_wanted_again_while_it_stops_runs_once() -> None:
    """Demand that comes back during a slow stop gets a new process after the old one's end."""

    async def work(here: Stage) -> None:
        here.processes.slow_to_stop = 2.0
        _, want = await here.say(daemon("a"), RequireService(named("a")))
        await here.unsay(want)
        await here.quiet(1)
        await here.say(RequireService(named("a")))
        await here.quiet(10)
        assert here.processes.log == ["+a", "-a", "+a"]
        assert await here.states("<daemon a>") == {"started", "ready", "up"}

    on_stage(work)


def test_problems_are_asserted_and_withdrawn_when_they_are_mended() -> None:
    """A missing provider and a cycle are named in the dataspace; a provider that comes ends the first."""

    async def work(here: Stage) -> None:
        a, b, c = named("a"), named("b"), named("c")
        await here.say(daemon("a"), daemon("c"), DependsOn(a, ServiceState(b, READY)), RequireService(a))
        cycle, *_ = await here.say(DependsOn(c, ServiceState(c, READY)), RequireService(c))
        await here.quiet(2)
        assert await problems(here) == [
            "depends on itself: <daemon c> -> <daemon c>",
            "needs <daemon b>, which nobody provides; did you mean <daemon c> or <daemon a>?",
            "nobody provides it; did you mean <daemon c> or <daemon a>?",
        ]
        await here.say(ProvidesService(b))
        await here.unsay(cycle)
        await here.quiet(2)
        assert await problems(here) == []

    on_stage(work)


def test_a_description_that_cannot_be_understood_is_a_problem_of_its_service() -> None:
    """It names daemon and field, and goes with the description."""

    async def work(here: Stage) -> None:
        (handle,) = await here.say(daemon("a", redy="fd"))
        assert await problems(here) == ["<daemon a>: a process has no 'redy': did you mean ready?"]
        await here.unsay(handle)
        assert await problems(here) == []

    on_stage(work)


def test_what_takes_too_long_counts_as_failed_until_it_is_up() -> None:
    """With `<start-timeout name seconds>`; weak dependers go on without it."""

    async def work(here: Stage) -> None:
        a, b = named("a"), named("b")
        weak = WeaklyDependsOn(a, ServiceState(b, READY))
        await here.say(daemon("a"), daemon("b", ready="fd"), weak, StartTimeout(b, 5), RequireService(a))
        assert here.processes.log == ["+b"]
        await here.quiet(6)
        assert here.processes.log == ["+b", "+a"]
        assert await here.states("<daemon b>") == {"started", "failed"}
        here.processes.say("b", "ready")
        await here.quiet()
        assert await here.states("<daemon b>") == {"started", "ready", "up"}

    on_stage(work)


def test_a_milestone_is_up_when_what_it_depends_on_is() -> None:
    """It runs nothing and stands for a point in the order."""

    async def work(here: Stage) -> None:
        core = Milestone(Symbol("core"))
        await here.say(
            daemon("a", ready="fd"),
            daemon("b"),
            DependsOn(core, ServiceState(named("a"), READY)),
            DependsOn(named("b"), ServiceState(core, READY)),
            RequireService(named("b")),
        )
        assert here.processes.log == ["+a"]
        here.processes.say("a", "ready")
        await here.quiet()
        assert here.processes.log == ["+a", "+b"]
        assert await here.states("<milestone core>") == {"started", "ready", "up"}

    on_stage(work)


def test_interest_in_a_running_service_is_demand_for_what_provides_it() -> None:
    """Whoever observes `RunService` of a name counts as its provider, and needs no other word."""

    async def work(here: Stage) -> None:
        from remit.dataspace import Observe, pattern
        from remit.services import RunService

        class_ = here.vat.spawn(Dataspace)
        await here.say(RequireService(Symbol("thing")))
        await here.quiet(2)
        assert await problems(here) == ["nobody provides it"]
        await here.say(Observe(pattern(RunService(Symbol("thing"))), await class_.open()))
        await here.quiet(2)
        assert await problems(here) == []

    on_stage(work)


def test_a_held_daemon_stays_down_until_it_is_let_go() -> None:
    """`<hold-service name>` stops it, after those that need it."""

    async def work(here: Stage) -> None:
        gate = DependsOn(named("app"), ServiceState(named("db"), READY))
        await here.say(daemon("app"), daemon("db"), gate, RequireService(named("app")))
        (hold,) = await here.say(HoldService(named("db")))
        assert here.processes.log == ["+db", "+app", "-app", "-db"]
        await here.unsay(hold)
        assert here.processes.log[4:] == ["+db", "+app"]
        assert FAILED.name not in await here.states("<daemon db>") and COMPLETE.name not in await here.states(
            "<daemon db>"
        )

    on_stage(work)


def test_everything_stops_in_reverse_order_when_it_is_shut() -> None:
    """At the end dependers have ended before dependees are stopped, and nothing starts any more."""

    async def work(here: Stage) -> None:
        here.processes.slow_to_stop = 0.5
        gate = DependsOn(named("app"), ServiceState(named("db"), READY))
        await here.say(daemon("app"), daemon("db"), daemon("lone"), gate, RequireService(named("app")))
        await here.manager.shut()
        await here.say(RequireService(named("lone")))
        await here.quiet(3)
        assert here.processes.log == ["+db", "+app", "-app", "-db"]

    on_stage(work)
