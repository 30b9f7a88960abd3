"""What every provider keeps to. To put yours under it, add it to `PROVIDERS`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.errors import ProviderError
from remit.machines import ProcessProvider, Provider
from remit.testing import FakeProvider

SECRET = "ocapn://x.remit/s/c3VwZXJzZWNyZXQ"
USER_DATA = {"version": 1, "machine": "db", "introduction": SECRET, "agent": {}}
AGENT = (sys.executable, "-c", "import time; time.sleep(300)")


def process(root: Path) -> ProcessProvider:
    """The process provider, with something that merely stays alive as the agent."""
    return ProcessProvider(root / "machines", "boss", command=AGENT, grace=2.0)


PROVIDERS: dict[str, Callable[[Path], Any]] = {"fake": lambda _: FakeProvider(), "process": process}


@pytest.fixture(params=PROVIDERS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Provider]:
    """A provider, whose machines are ended after the test whatever it did."""
    provider = PROVIDERS[request.param](tmp_path)
    yield provider

    async def sweep() -> None:
        for each in await provider.list():
            await provider.destroy(each.id)

    asyncio.run(sweep())


def run(work: Awaitable[Any]) -> Any:
    """Run one conversation with a provider, within a deadline."""

    async def bounded() -> Any:
        async with asyncio.timeout(20):
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
