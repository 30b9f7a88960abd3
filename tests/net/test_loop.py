"""`remit.net.run`: on uvloop where that is installed, and on asyncio's own loop where it is not."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from remit.net import run, told_to_stop
from tests.house.source import TOP

# Stands for uvloop: says that it is asked for a loop, and gives one.
UVLOOP = """
import asyncio, sys
def new_event_loop():
    print("a loop of uvloop's", file=sys.stderr, flush=True)
    return asyncio.new_event_loop()
"""


async def main() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def test_it_runs_on_uvloop_where_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installing it is all that one does; the loop is ended with the program."""
    made: list[asyncio.AbstractEventLoop] = []

    def new() -> asyncio.AbstractEventLoop:
        made.append(asyncio.new_event_loop())
        return made[-1]

    monkeypatch.setitem(sys.modules, "uvloop", SimpleNamespace(new_event_loop=new))
    assert [run(main())] == made
    assert made[0].is_closed()


def test_it_runs_on_asyncios_own_loop_without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that Remit needs is missing then."""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    own = asyncio.new_event_loop()
    own.close()
    assert type(run(main())) is type(own)


@pytest.mark.parametrize("command", [["-m", "remit.machines"], ["-m", "remit.cli", "boss", "run"]])
def test_bosses_and_agents_use_it(command: list[str], tmp_path: Path) -> None:
    """The two processes that live for long; these two end at once, since their directory is no good."""
    (tmp_path / "uvloop.py").write_text(UVLOOP, encoding="utf-8")
    state = tmp_path / "state"
    state.mkdir(mode=0o777)
    state.chmod(0o777)
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)}
    argv = [sys.executable, *command, "--state", str(state)]
    done = subprocess.run(argv, env=env, cwd=TOP, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode != 0
    assert done.stderr.count("a loop of uvloop's") == 1


def test_it_is_real_uvloop_that_nodes_are_tested_on() -> None:
    """In the environment of the compiled build, where `make test-compiled` runs this and the netlayers' contract on it."""
    uvloop = pytest.importorskip("uvloop", reason="the extra remit[uvloop] is not installed")
    assert isinstance(run(main()), uvloop.Loop)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_that_ask_to_stop_set_an_event(number: signal.Signals) -> None:
    """SIGTERM and ctrl-C end nothing while somebody waits for them, and are as they were afterwards."""
    before = signal.getsignal(number)

    async def serve() -> bool:
        async with told_to_stop() as stop:
            os.kill(os.getpid(), number)
            async with asyncio.timeout(30):
                return await stop.wait()

    assert asyncio.run(serve())
    assert signal.getsignal(number) in (before, signal.SIG_DFL, signal.default_int_handler)
