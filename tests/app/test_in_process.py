"""The target `in-process`: what is its own, besides the suite of every target."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any

import pytest

from remit.app import ApiServer, App, CliCommand, Store, Worker, endpoint, own
from remit.app.targets import InProcess
from remit.errors import Broken, Unreachable


class Server(ApiServer):
    db: Store[int] = own(Store[int])

    @endpoint("GET")
    async def stack(self) -> list[str]:
        return [frame.function for frame in inspect.stack()]

    @endpoint("POST")
    async def count(self) -> int | None:
        return await self.db.modify("n", lambda n: (n or 0) + 1)


class Asking(Worker):
    server: Server

    async def run(self) -> None:
        Asking.seen = await self._asked()

    async def _asked(self) -> list[str]:
        return await self.server.stack()


@pytest.mark.parametrize("step", [True, False])
def test_a_debugger_steps_from_the_caller_into_the_server(step: bool) -> None:
    """In step mode a call is made in the caller's task, so that its frames stand below the server's; else it has a task of its own."""
    app = App("shop")
    Asking(app / "asking", server=Server(app / "server"))

    async def main() -> None:
        async with InProcess(app, step=step) as running:
            await running.finished()

    asyncio.run(main())
    assert ("_asked" in Asking.seen) is step


def test_workers_are_started_again(caplog: pytest.LogCaptureFixture) -> None:
    """A worker that fails is started again after 1 s, then 2 s, up to 10 s; one that ends well is done; `always` and `never` are kept (A24)."""
    caplog.set_level(logging.CRITICAL)
    runs: dict[str, int] = {}
    slept: list[float] = []

    class Failing(Worker):
        times: int = 3

        async def run(self) -> None:
            name = str(self.id)
            runs[name] = runs.get(name, 0) + 1
            if runs[name] <= self.times:
                raise ValueError("not yet")

    class Once(Failing):
        restart = "never"

    app = App("shop")
    Failing(app / "failing", times=6)
    Once(app / "once")

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    async def main() -> dict[str, BaseException]:
        async with InProcess(app, now=lambda: 0.0, sleep=sleep) as running:
            await running.finished()
            return running.failed

    failed = asyncio.run(main())
    assert runs == {"shop/failing": 7, "shop/once": 1}
    assert slept == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert list(failed) == ["shop/once"]


def test_components_start_after_what_they_hold_and_stop_before_it() -> None:
    """The order is that of the edges; what fails at its start ends the others, and is raised."""
    order: list[str] = []

    class Noting(ApiServer):
        first: Noting | None = None

        async def start(self, host: Any) -> None:
            order.append(f"+{host.id}")
            if str(self.id) == "shop/bad":
                raise ValueError("no luck")

        async def stop(self) -> None:
            order.append(f"-{self.id}")

    app = App("shop")
    a = Noting(app / "z")
    b = Noting(app / "y", first=a)
    Noting(app / "bad", first=b)

    async def main() -> None:
        async with InProcess(app):
            raise AssertionError("it does not start")

    with pytest.raises(ValueError, match="no luck"):
        asyncio.run(main())
    assert order == ["+shop/z", "+shop/y", "+shop/bad", "-shop/y", "-shop/z"]


def test_calls_after_the_end_break() -> None:
    """What does not run any more is unreachable, as it is elsewhere."""

    class Keeping(Worker):
        server: Server

        async def run(self) -> None:
            Keeping.kept = self.server

    app = App("shop")
    Keeping(app / "keeping", server=Server(app / "server"))

    async def main() -> None:
        async with InProcess(app) as running:
            await running.finished()
        with pytest.raises(Unreachable, match="shop/server does not run"):
            await Keeping.kept.count()

    asyncio.run(main())


def test_a_command_is_run_with_words() -> None:
    """A command of the application gets words as from a command line, and its result is said; wrong words are told with 2."""

    class Add(CliCommand):
        """Count once."""

        server: Server

        async def run(self, times: int = 1) -> str:
            return ", ".join([str(await self.server.count()) for _ in range(times)])

    app = App("shop")
    Add(app / "add", server=Server(app / "server"))
    said: list[str] = []

    async def main() -> list[int]:
        async with InProcess(app) as running:
            return [await running.run_command("shop/add", words, said.append) for words in (["2"], [], ["x"])]

    assert asyncio.run(main()) == [0, 0, 2]
    assert said[:2] == ["1, 2", "3"] and "not a valid integer" in said[2]


def test_an_error_of_a_server_is_logged_where_it_happened(caplog: pytest.LogCaptureFixture) -> None:
    """The caller gets kind and words, and an id; the log has the traceback under that id."""

    class Wrong(ApiServer):
        @endpoint("GET")
        async def wrong(self) -> None:
            raise ZeroDivisionError("by nothing")

    class Caller(Worker):
        wrong: Wrong

        async def run(self) -> None:
            try:
                await self.wrong.wrong()
            except Broken as error:
                Caller.error = error

    app = App("shop")
    Caller(app / "caller", wrong=Wrong(app / "wrong"))

    async def main() -> None:
        async with InProcess(app) as running:
            await running.finished()

    asyncio.run(main())
    assert Caller.error.kind == "ZeroDivisionError" and Caller.error.__cause__ is None
    (record,) = [each for each in caplog.records if Caller.error.id in each.getMessage()]
    assert record.exc_info is not None and "edge shop/caller/wrong to shop/wrong, wrong()" in record.getMessage()


def test_a_worker_that_is_not_well_is_started_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose `health` raises an error three times, 5 s apart, is ended, and started again by its policy; one that recovers goes on (A24)."""
    caplog.set_level(logging.CRITICAL)
    looks: list[float] = []

    class Ill(Worker):
        async def run(self) -> None:
            Ill.runs = getattr(Ill, "runs", 0) + 1
            if Ill.runs == 1:
                await asyncio.Event().wait()

        async def health(self) -> None:
            looks.append(len(looks))
            if len(looks) != 2:
                raise ValueError("not well")

    app = App("shop")
    Ill(app / "ill")
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    async def main() -> None:
        async with InProcess(app, now=lambda: 0.0, sleep=sleep) as running:
            monkeypatch.setattr(running, "_sleep_well", sleep)
            await running.finished()

    asyncio.run(main())
    assert Ill.runs == 2 and slept[:6] == [5.0, 5.0, 5.0, 5.0, 5.0, 1.0]
