"""Code that never ends, prints without end, or loses its listener."""

from __future__ import annotations

import asyncio
import time

import pytest

from remit.ensemble.repl import _session
from remit.errors import Broken, Conflict, Missing
from remit.testing import run_virtual
from remit.values import compiled
from tests.ensemble.repl.kit import Granter, Sink, on_stage, run, stage, until
from tests.net.nodes import Place, offer

ENDLESS = [
    "while not over: pass",
    "while not over: len('x')",
    "while not over: counter.increment()",
    "import asyncio\nawait asyncio.sleep(1000)",
    "while not over: await counter.increment()",
    "class Slow:\n    def __repr__(self):\n        while not over: pass\nSlow()",
    "while not over:\n    try:\n        while not over: pass\n    except KeyboardInterrupt: pass",
]


@pytest.mark.parametrize("piece", ENDLESS)
def test_code_that_never_ends_is_interrupted_when_its_time_is_up(piece):
    """Whether it computes, calls, awaits or shows itself for ever: it ends with KeyboardInterrupt, and the session goes on."""

    async def main(stage):
        session = await stage.part().session("s")
        done = await session.run(piece, 0, 0.1)
        assert "KeyboardInterrupt" in done.error or (piece == ENDLESS[-1] and "left behind" in done.error)
        assert (await session.run("1")).text == "1"

    on_stage(main)


@pytest.mark.parametrize("piece", ENDLESS[:5])
def test_the_server_goes_on_while_code_runs_and_its_user_interrupts_it(piece):
    """The loop is never held for long, and `interrupt` ends what runs as ctrl-C does."""

    async def main(stage):
        session = await stage.part().session("s")
        running = session.run(piece)
        slowest = 0.0
        for _ in range(20):
            began = time.perf_counter()
            await stage.counter.increment()
            slowest = max(slowest, time.perf_counter() - began)
        assert slowest < (6 if compiled else 2)  # of a compiled build: `FROZEN`
        assert await session.interrupt() is True
        assert "KeyboardInterrupt" in (await running).error
        assert await session.interrupt() is False

    on_stage(main)


@pytest.mark.parametrize(
    "piece",
    [
        "import time\ntime.sleep(1000)",
        "while not over:\n    try:\n        while not over: len('x')\n    except BaseException: pass",
    ],
)
def test_code_that_cannot_be_interrupted_is_left_behind(piece, monkeypatch):
    """A call into C that does not return, and code that catches everything, may cost their thread; the session goes on in another."""
    monkeypatch.setattr("remit.ensemble.repl._lane.TRIES", 5)

    async def main(stage):
        session = await stage.part().session("s")
        done = await session.run(piece, 0, 0.05)
        # Python 3.12 may see an interruption just outside of the `try`.
        assert "left behind" in done.error or ("except" in piece and "KeyboardInterrupt" in done.error)
        assert (await session.run("1")).text == "1"

    on_stage(main)


def test_blocking_calls_do_not_hold_the_loop():
    """While code sleeps in a call into C, the server answers."""

    async def main(stage):
        session = await stage.part().session("s")
        running = session.run("import time\ntime.sleep(0.3)\nawait counter.increment()")
        await asyncio.sleep(0)
        began = time.perf_counter()
        assert await stage.counter.increment() == 1
        assert time.perf_counter() - began < 0.25
        assert (await running).text == "2"

    on_stage(main)


def test_a_session_does_one_thing_at_a_time():
    """A second piece is refused while one runs; completion then knows nothing."""

    async def main(stage):
        session = await stage.part().session("s")
        running = session.run("import asyncio\nawait asyncio.sleep(1000)")
        with pytest.raises(Broken, match="busy"):
            await session.run("1")
        assert await session.complete("pri") == []
        await session.interrupt()
        await running

    on_stage(main)


def test_a_gigabyte_of_output_is_cut_and_told():
    """At most some megabytes of one piece are told; how much was not is said, and the next piece may print again."""

    async def main(stage):
        sink = stage.sink()
        session = await stage.part().session("s", sink)
        done = await session.run("x = 'x' * 10**6\nfor _ in range(1000): print(x)")
        told = await sink.all() + done.output
        assert done.error == ""
        assert 10**6 < len(told) < 5 * 10**6
        assert "characters of output are not shown" in told
        assert (await session.run("print('again')")).output == "again\n"

    on_stage(main)


def test_a_slow_listener_slows_the_code():
    """A piece that prints more than waits for its listener waits itself, so that no output piles up."""

    async def main(stage):
        gate = asyncio.Event()

        class Slow:
            async def write(self, text):
                await gate.wait()

        session = await stage.part().session("s", stage.vat.device("slow", Slow()))
        running = session.run("for i in range(100): print('x' * 9999)\ni")
        inner = next(iter(stage.desk._sessions.values()))
        await until(lambda: inner._output.waiting > 50_000)
        await asyncio.sleep(0.05)
        assert inner._output.waiting <= 3 * 64 * 1024
        assert inner._busy
        gate.set()
        assert (await running).text == "99"

    on_stage(main)


def test_output_without_a_listener_keeps_its_end():
    """Nobody listens: the last of it is kept, and told to whoever comes."""

    async def main(stage):
        session = await stage.part().session("s")
        done = await session.run("for i in range(30_000): print(i)")
        assert len(done.output) < 70_000
        assert "characters of output are not shown" in done.output
        assert done.output.endswith("\n29999\n")

    on_stage(main)


def test_output_is_streamed_while_code_runs():
    """A listener hears what was printed before the code has ended."""

    async def main(stage):
        sink = stage.sink()
        session = await stage.part().session("s", sink)
        running = session.run("import asyncio\nprint('first')\nawait asyncio.sleep(1000)")
        async with asyncio.timeout(10):
            while await sink.all() != "first\n":
                await asyncio.sleep(0.005)
        await session.interrupt()
        assert "first" not in (await running).output

    on_stage(main)


def test_a_named_session_survives_its_connection_and_runs_each_piece_once():
    """The link is lost while code runs: it goes on, its output is kept, and the same number answers without running again."""

    async def main():
        place = Place()
        async with stage() as made, place.node("server", vat=None) as server:
            made.device  # the part lives in the server node's vat
            part = server.vat.spawn(Granter, _part_in(server.vat, made)).give()
            async with place.node("user") as user:
                far = await user.fetch_from(await offer(server, await part))
                session = await far.session("mine", user.vat.spawn(Sink, []))
                running = session.run(
                    "import asyncio\nprint('one')\nawait asyncio.sleep(0.2)\nprint('two')\ncount = globals().get('count', 0) + 1\ncount",
                    1,
                )
                await asyncio.sleep(0.05)
            with pytest.raises(Broken):
                await running
            async with place.node("user again") as user:
                far = await user.fetch_from(await offer(server, await part))
                sink = user.vat.spawn(Sink, [])
                session = await far.session("mine", sink)
                done = await session.run("count = globals().get('count', 0) + 1\ncount", 1)
                assert done.text == "1"
                assert "two" in await sink.all() + done.output
                assert (await session.run("count", 2)).text == "1"

    run(main)


def _part_in(vat, made):
    from remit.ensemble.repl import Desk, Eval

    desk = made.desk = Desk(dict)
    return vat.spawn(Eval, vat.device("repl", desk), "peer")


def test_taking_back_the_grant_ends_running_code_and_session():
    """The membrane is revoked: what runs is interrupted, and nobody gets the session again."""

    async def main():
        place = Place()
        async with stage() as made, place.node("server") as server, place.node("user") as user:
            granter = server.vat.spawn(Granter, _part_in(server.vat, made))
            far = await user.fetch_from(await offer(server, await granter.give()))
            session = await far.session("mine", user.vat.spawn(Sink, []))
            running = session.run(
                "import asyncio\ntry:\n    await asyncio.sleep(1000)\nfinally:\n    asyncio.ended = True"
            )
            await until(lambda: made.desk._sessions and next(iter(made.desk._sessions.values()))._busy)
            single = far.evaluate("while not over: pass", 100.0, user.vat.spawn(Sink, []))
            await until(lambda: len(made.desk._sessions) == 2)
            await granter.take_back()
            for broken in (running, single, session.run("1")):
                with pytest.raises(Broken, match="enough"):
                    await broken
            await until(lambda: not made.desk._sessions)
            await until(lambda: asyncio.__dict__.pop("ended", False))

    run(main)


def test_a_single_piece_ends_when_its_user_is_gone():
    """The link of the sink of `evaluate` is lost: nobody will hear the answer, so the code is interrupted."""

    async def main():
        place = Place()
        async with stage() as made, place.node("server") as server:
            part = _part_in(server.vat, made)
            async with place.node("user") as user:
                far = await user.fetch_from(await offer(server, part))
                far.evaluate("while not over: pass", 100.0, user.vat.spawn(Sink, []))
                await until(lambda: made.desk._sessions and next(iter(made.desk._sessions.values()))._attached)
            await until(lambda: not made.desk._sessions)

    run(main)


def test_nobody_comes_back_to_a_session_for_ever():
    """After its grace a session without a listener ends; one with a listener does not."""

    async def main():
        async with stage() as made:
            session = await made.part().session("left")
            kept = await made.part().session("kept", made.sink())
            await asyncio.sleep(_session.GRACE - 1)
            assert await session.interrupt() is False
            assert await made.part().session("left") is not None
            await session.attach()
            await asyncio.sleep(_session.GRACE + 1)
            with pytest.raises(Missing, match="ended"):
                await session.run("1")
            assert await kept.interrupt() is False

    run_virtual(main)


def test_a_session_belongs_to_who_began_it():
    """The same name of another user is another session; there are only so many."""

    async def main(stage):
        mine = await stage.part("anna").session("s")
        theirs = await stage.part("bert").session("s")
        await mine.run("x = 1")
        assert "NameError" in (await theirs.run("x")).error
        with pytest.raises(Conflict, match="sessions in this server"):
            for number in range(40):
                await stage.part().session(f"s{number}")

    on_stage(main)


def test_the_end_of_the_server_ends_what_runs():
    """The desk is closed with code under way, in a thread and awaiting: all of it is interrupted."""

    async def main(stage):
        for name, piece in (("a", "while not over: pass"), ("b", "import asyncio\nawait asyncio.sleep(1000)")):
            (await stage.part().session(name)).run(piece)
        await until(lambda: len([each for each in stage.desk._sessions.values() if each._busy]) == 2)
        sessions = list(stage.desk._sessions.values())
        stage.desk.close()
        await until(lambda: all(each._code is None for each in sessions))

    on_stage(main)
