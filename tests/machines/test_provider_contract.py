"""What every provider keeps to, on all those that this machine can run. To put yours under it, write a kit: `provider_kits.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.errors import ProviderError
from remit.machines import Provider
from tests.machines.provider_kits import AGENT, KITS, Died, Kit, opened

__all__ = ["AGENT"]
SECRET = "ocapn://x.remit/s/c3VwZXJzZWNyZXQ"
USER_DATA = {"version": 1, "machine": "db", "introduction": SECRET, "agent": {}}


@pytest.fixture(params=KITS)
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kit]:
    """A kit, whose machines are ended after the test whatever it did."""
    found = opened(request.param, tmp_path)
    try:
        yield found
    finally:
        found.sweep()


@pytest.fixture
def made(kit: Kit) -> Provider:
    """A provider of the owner "boss"."""
    return kit.provider()


def run(work: Awaitable[Any], seconds: float = 60.0) -> Any:
    """Run one conversation with a provider, within a deadline."""

    async def bounded() -> Any:
        async with asyncio.timeout(seconds):
            return await work

    return asyncio.run(bounded())


def test_a_created_machine_runs_and_is_listed(made: Provider) -> None:
    """Under the id and name that it was given."""

    async def work() -> None:
        await made.create("db-1", "db", USER_DATA, {})
        (seen,) = await made.list()
        assert (seen.id, seen.name, seen.state) == ("db-1", "db", "running")
        assert await made.observe("db-1") == seen

    run(work())


def test_creating_again_makes_nothing_new(made: Provider) -> None:
    """The same id is the same machine, also when asked for twice at once."""

    async def work() -> None:
        await asyncio.gather(made.create("db-1", "db", USER_DATA, {}), made.create("db-1", "db", USER_DATA, {}))
        before = await made.observe("db-1")
        await made.create("db-1", "db", USER_DATA, {})
        assert await made.list() == [before]

    run(work())


def test_two_machines_may_have_one_name(made: Provider) -> None:
    """Only the id counts: an old machine may be on its way out when a new one of its name is made."""

    async def work() -> None:
        await made.create("db-1", "db", USER_DATA, {})
        await made.create("db-2", "db", USER_DATA, {})
        await made.destroy("db-1")
        assert [each.id for each in await made.list()] == ["db-2"]

    run(work())


def test_what_was_never_made_is_absent(made: Provider) -> None:
    """Looking at it and destroying it are no errors; starting it is, with what to do."""

    async def work() -> None:
        assert (await made.observe("db-9")).state == "absent"
        await made.destroy("db-9")
        assert await made.list() == []
        with pytest.raises(ProviderError, match="db-9 is not here"):
            await made.start("db-9", b"address")

    run(work())


def test_a_destroyed_machine_is_gone(made: Provider) -> None:
    """At once, and a second time is no error."""

    async def work() -> None:
        await made.create("db-1", "db", USER_DATA, {})
        await made.destroy("db-1")
        assert (await made.observe("db-1")).state == "absent"
        assert await made.list() == []
        await made.destroy("db-1")

    run(work())


def test_starting_a_running_machine_leaves_it(made: Provider) -> None:
    """The boss starts all its machines after a restart; those that run are not disturbed."""

    async def work() -> None:
        await made.create("db-1", "db", USER_DATA, {})
        before = await made.observe("db-1")
        await made.start("db-1", b"address")
        assert await made.observe("db-1") == before

    run(work())


def test_an_unknown_option_is_refused(made: Provider) -> None:
    """A misspelt option must not be passed over in silence, and nothing is made."""

    async def work() -> None:
        with pytest.raises(ProviderError, match="no option sise"):
            await made.create("db-1", "db", USER_DATA, {"sise": 3})
        assert await made.list() == []

    run(work())


def at_each_step(kit: Kit, work: Any) -> Iterator[int]:
    """Have a provider of this kit die at each step of some work, before it changes anything outside for the nth time, until it comes through."""
    for at in range(60):
        try:
            with kit.dying(at) as dying:
                run(work(dying))
        except Died:
            kit.settle()
            yield at
        else:
            assert at > 1, "it died at no step that matters"
            return
    raise AssertionError("it never comes through")


@pytest.mark.timeout(180)
def test_what_was_half_made_is_found_and_finished(kit: Kit) -> None:
    """Wherever the boss was killed: the next one sees at most this machine, makes it whole by asking again, and nothing is left when it is destroyed."""

    async def finish() -> None:
        provider = kit.provider()
        assert {each.id for each in await provider.list()} <= {"db-1"}
        await provider.create("db-1", "db", USER_DATA, {})
        (seen,) = await provider.list()
        assert (seen.id, seen.name, seen.state) == ("db-1", "db", "running")
        await provider.destroy("db-1")

    for at in at_each_step(kit, lambda provider: provider.create("db-1", "db", USER_DATA, {})):
        run(finish())
        assert list(kit.leftovers()) == [], f"killed before change {at}"
    run(kit.provider().destroy("db-1"))


@pytest.mark.timeout(180)
def test_what_was_half_made_can_be_destroyed_at_once(kit: Kit) -> None:
    """Without finishing it first."""
    for at in at_each_step(kit, lambda provider: provider.create("db-1", "db", USER_DATA, {})):
        run(kit.provider().destroy("db-1"))
        assert list(kit.leftovers()) == [], f"killed before change {at}"
    run(kit.provider().destroy("db-1"))


@pytest.mark.timeout(180)
def test_what_was_half_destroyed_goes_when_asked_again(kit: Kit) -> None:
    """Wherever the boss was killed; until then the machine is still listed, or wholly gone."""
    run(kit.provider().create("db-1", "db", USER_DATA, {}))
    for at in at_each_step(kit, lambda provider: provider.destroy("db-1")):
        left = bool(run(kit.provider().list()))
        run(kit.provider().destroy("db-1"))
        assert list(kit.leftovers()) == [], f"killed before change {at}, listed then: {left}"
        run(kit.provider().create("db-1", "db", USER_DATA, {}))


def test_a_machine_that_ended_is_seen_and_started_again(kit: Kit, made: Provider) -> None:
    """Killed from outside: it is there, does not run, and why is said; the same machine runs after its start."""
    if not kit.sees:
        pytest.skip("it says whether a machine was made, and not how it is")
    run(made.create("db-1", "db", USER_DATA, {}))
    kit.kill("db-1")
    seen = run(made.observe("db-1"))
    assert seen.state == "made"
    assert seen.detail or not kit.shared
    run(made.start("db-1", b"address"))
    assert run(made.observe("db-1")).state == "running"
    assert [each.id for each in run(made.list())] == ["db-1"]


def test_machines_of_another_owner_are_left_alone(kit: Kit) -> None:
    """They are not listed, not seen, not destroyed, and not taken over by their id."""
    if not kit.shared:
        pytest.skip("each owner has a world of its own there")
    mine, other = kit.provider("boss"), kit.provider("other")

    async def work() -> None:
        await other.create("db-1", "db", USER_DATA, {})
        before = await other.observe("db-1")
        assert await mine.list() == []
        assert (await mine.observe("db-1")).state == "absent"
        for asked in (mine.create("db-1", "db", USER_DATA, {}), mine.start("db-1", b""), mine.destroy("db-1")):
            with pytest.raises(ProviderError, match="belongs to another boss"):
                await asked
        assert await other.observe("db-1") == before

    run(work())


def test_the_introduction_is_where_only_the_machine_reads_it(kit: Kit, made: Provider) -> None:
    """In no argument, environment, label, image, log, nor in what the provider's own tools show."""
    run(made.create("db-1", "db", USER_DATA, {}))
    run(made.start("db-1", b"address"))
    assert SECRET.rpartition("/")[2] not in kit.visible("db-1")
