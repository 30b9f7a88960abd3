"""Scheduled jobs: when they are due, one at a time, and what was missed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from remit.app import App, Host, Job, graph_of
from remit.app.components._job import Running
from remit.app.components._schedule import Schedule
from remit.errors import BadArgument


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_schedules_say_when_the_next_run_is() -> None:
    """`every` counts from the last run; `cron` is the next time that its line names, in UTC."""
    assert Schedule(every=60.0).after(1000.0) == 1060.0
    assert Schedule(cron="30 3 * * *").after(at("2026-11-25T03:30:00")) == at("2026-11-26T03:30:00")
    assert Schedule(cron="*/15 * * * 1-5").after(at("2026-11-27T23:59:00")) == at("2026-11-30T00:00:00")


@pytest.mark.parametrize(
    ("every", "cron", "words"),
    [
        (0.0, "", "say when"),
        (5.0, "* * * * *", "say when"),
        (0.01, "", "0.1 seconds"),
        (0.0, "61 * * * *", "no line of cron"),
        (0.0, "* * * * * *", "no line"),
    ],
)
def test_nonsense_is_refused_at_start_up(every: float, cron: str, words: str) -> None:
    """A job that says not when, or nonsense, is refused when it is made, with its id."""

    class Odd(Job):
        async def work(self) -> None: ...

    Odd.every, Odd.cron = every, cron
    with pytest.raises(BadArgument, match=f"shop/odd.*{words}"):
        Odd(App("shop") / "odd")


def test_the_graph_says_when() -> None:
    """The schedule stands in the graph, for targets."""

    class Nightly(Job):
        cron = "0 3 * * *"

        async def work(self) -> None: ...

    def program() -> App:
        app = App("shop")
        Nightly(app / "nightly")
        return app

    spec = graph_of(program).by_id["shop/nightly"].spec
    assert (spec["schedule"], spec["runs"], spec["catch_up"]) == ({"cron": "0 3 * * *"}, True, True)


class World:
    """A time that moves when somebody sleeps, and what was done when."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path | None, start: float = 1000.0) -> None:
        self.now = start
        self.host = Host("shop/job", "job", directory, {}, lambda: self.now)
        self.done: list[float] = []
        self.takes = 0.0
        self.fails = False
        monkeypatch.setattr("remit.app.components._job.asyncio.sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def work(self) -> None:
        self.done.append(self.now)
        self.now += self.takes
        if self.fails:
            raise ValueError("no")
        if len(self.done) == 3:
            raise asyncio.CancelledError

    async def live(self, schedule: Schedule, *, catch_up: bool = True) -> Running:
        job = Running(schedule, self.host, catch_up=catch_up)
        with pytest.raises(asyncio.CancelledError):
            await job.live(self.work)
        return job


async def test_a_job_is_done_by_its_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `every` at the start and then each so many seconds; with `cron` when its line says."""
    world = World(monkeypatch, None)
    await world.live(Schedule(every=100.0))
    assert world.done == [1000.0, 1100.0, 1200.0]
    world = World(monkeypatch, None, at("2026-11-25T12:00:01"))
    await world.live(Schedule(cron="0 * * * *"))
    assert world.done == [at(f"2026-11-25T{hour}:00:00") for hour in (13, 14, 15)]


async def test_runs_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that takes longer than its interval is followed by one, not by all that were missed."""
    world = World(monkeypatch, None)
    world.takes = 250.0
    await world.live(Schedule(every=100.0))
    assert world.done == [1000.0, 1250.0, 1500.0]


@pytest.mark.parametrize(("catch_up", "first"), [(True, 5000.0), (False, 5100.0)])
async def test_what_was_missed_is_done_once_or_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, catch_up: bool, first: float
) -> None:
    """The last run is kept: after a restart the job is not done again before it is due, and what was missed is done once, or waits for its turn."""
    world = World(monkeypatch, tmp_path)
    await world.live(Schedule(every=100.0))
    world.done.clear()
    world.now = 1210.0
    await world.live(Schedule(every=100.0), catch_up=catch_up)
    assert world.done[0] == 1300.0
    world.done.clear()
    world.now = 5000.0
    await world.live(Schedule(every=100.0), catch_up=catch_up)
    assert world.done[0] == first and world.done[1] - first <= 100.0


async def test_a_run_that_fails_is_followed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error is kept for `health` until a run goes well, and ends nothing; who asks for a run by hand gets it."""
    world = World(monkeypatch, None)
    world.fails = True
    job = Running(Schedule(every=100.0), world.host, catch_up=True)
    with pytest.raises(ValueError, match="no"):
        await job.once(world.work)
    assert isinstance(job.error, ValueError) and job.last == 1000.0
    world.fails = False
    await job.once(world.work)
    assert job.error is None
