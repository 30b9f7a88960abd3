"""The device `processes`: what a process gets, when it is ready, how it ends, and what of it is left (nothing)."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest

from remit.errors import BadArgument
from remit.services import process_config
from tests.services.stage import PYTHON, Told, alive, eventually, log_of, started, supervisor

NOTIFY = "import os,socket;s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM);a=os.environ['NOTIFY_SOCKET'];say=lambda t:s.sendto(t,a.replace('@',chr(0),1));"


def test_environment_directory_and_limits_are_as_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process has the variables that were set and not those that were unset, its directory, mask and limits."""
    monkeypatch.setenv("REMIT_TEST_INHERITED", "yes")
    monkeypatch.setenv("REMIT_TEST_UNSET", "no")

    async def main() -> list[str]:
        async with supervisor(tmp_path / "s") as device:
            told = Told()
            script = 'echo "$REMIT_TEST_INHERITED/$REMIT_TEST_UNSET/$MINE"; pwd; umask; ulimit -n; ulimit -Hn'
            what = {"argv": script, "env": {"MINE": "m", "REMIT_TEST_UNSET": False}, "dir": str(tmp_path)}
            id = await started(device, told, what | {"umask": 0o077, "limits": {"nofile": [64, 128]}})
            await told.until(id, "gone")
            clear = await started(
                device, told, {"argv": ["/usr/bin/env"], "clear-env": True, "env": {"A": "b"}}, "clear"
            )
            await told.until(clear, "gone")
            names = {line.split(" ", 1)[1].split("=")[0] for line in log_of(device, "clear")}
            assert names == {"A", "PATH", "REMIT_SERVICE_RUN"}
            return log_of(device)

    lines = asyncio.run(main())
    assert lines == ["out yes//m", f"out {tmp_path}", "out 0077", "out 64", "out 128"]


@pytest.mark.needs_root
def test_a_process_runs_as_the_user_that_was_named(tmp_path: Path) -> None:
    """User, group, further groups and what the environment says of them are another's, for good."""

    async def main() -> None:
        async with supervisor(tmp_path / "s") as device:
            told = Told()
            what = {"argv": "id -u; id -g; id -G; echo $USER", "user": "nobody", "groups": ["daemon"]}
            await told.until(await started(device, told, what), "gone")
            assert log_of(device) == ["out 65534", "out 65534", "out 65534 1", "out nobody"]
            none = await started(device, told, {"argv": ["true"], "user": "remit-nobody-such"})
            assert "no user 'remit-nobody-such'" in (await told.until(none, "failed"))["error"]

    asyncio.run(main())


def test_a_program_is_looked_for_in_its_own_path(tmp_path: Path) -> None:
    """The path is that of its environment, relative places from its own directory; what cannot be executed is passed by."""
    for name, text in (("first", "echo first"), ("second", "echo second"), ("here/bin", "echo relative")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "remit-found").write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name / "remit-found").chmod(0o755 if name != "first" else 0o644)

    async def main() -> list[str]:
        async with supervisor(tmp_path / "s") as device:
            told = Told()
            for path in (f"{tmp_path}/first:{tmp_path}/second", "bin"):
                what = {"argv": ["remit-found"], "env": {"PATH": path}, "dir": str(tmp_path / "here")}
                await told.until(await started(device, told, what), "gone")
            return log_of(device)

    assert asyncio.run(main()) == ["out second", "out relative"]


@pytest.mark.needs_root
def test_a_program_that_its_user_may_not_run_is_passed_by(tmp_path: Path) -> None:
    """What the warden may run and the service's user may not is not the program that was meant."""
    with tempfile.TemporaryDirectory() as open_to_all:
        here = Path(open_to_all)
        here.chmod(0o755)
        for name, mode in (("first", 0o700), ("second", 0o755)):
            (here / name).mkdir()
            (here / name / "remit-found").write_text(f"#!/bin/sh\necho {name}\n")
            (here / name / "remit-found").chmod(mode)

        async def main() -> list[str]:
            async with supervisor(tmp_path / "s") as device:
                told = Told()
                what = {"argv": ["remit-found"], "env": {"PATH": f"{here}/first:{here}/second"}, "user": "nobody"}
                await told.until(await started(device, told, what), "gone")
                return log_of(device)

        assert asyncio.run(main()) == ["out second"]


def test_what_cannot_be_started_says_why(tmp_path: Path) -> None:
    """A program or directory that is not there is an error with its name, and the end of the run."""

    async def main() -> None:
        async with supervisor(tmp_path / "s") as device:
            told = Told()
            id = await started(device, told, ["remit-no-such-program"])
            assert await told.until(id, "failed") == {"error": "remit-no-such-program: No such file or directory"}
            await told.until(id, "gone")
            id = await started(device, told, {"argv": ["true"], "dir": "/remit/no/such"})
            assert (await told.until(id, "failed"))["error"] == "directory /remit/no/such: No such file or directory"
            await told.until(id, "gone")
            assert told.kinds(id) == ["failed", "gone"]

    asyncio.run(main())


def test_a_newline_on_the_descriptor_is_readiness(tmp_path: Path) -> None:
    """Ready is what the process has said itself, not that it was started."""

    async def main() -> None:
        async with supervisor(tmp_path / "s") as device:
            told = Told()
            fifo = tmp_path / "go"
            os.mkfifo(fifo)
            what = {"argv": f"read go <{fifo}; echo ready >&4; exec sleep 100", "ready": "fd", "ready-fd": 4}
            id = await started(device, told, what)
            await told.until(id, "started")
            assert "ready" not in told.kinds(id)
            await asyncio.to_thread(fifo.write_text, "go\n")
            await told.until(id, "ready")

    asyncio.run(main())


def test_that_a_process_runs_is_told_before_it_is_ready(tmp_path: Path) -> None:
    """However quick it is: many are started at once, and each is ready at its first word."""

    async def main() -> None:
        async with supervisor(tmp_path / "s") as device:
            told = Told()
            quick = {"argv": "echo >&3; exec sleep 100", "ready": "fd"}
            ids = [await started(device, told, quick) for _ in range(40)]
            for id in ids:
                await told.until(id, "ready")
                assert told.kinds(id) == ["started", "ready"]

    asyncio.run(main())


def test_sd_notify_tells_readiness_and_status(tmp_path: Path) -> None:
    """READY=1 and STATUS=… of sd_notify(3) are heard, from any directory and with a cleared environment."""

    async def main() -> None:
        async with supervisor(tmp_path / "s") as device:
            told = Told()
            script = NOTIFY + "say(b'STATUS=loading');say(b'READY=1\\nSTATUS=serving');import time;time.sleep(100)"
            id = await started(device, told, {"argv": [*PYTHON, script], "ready": "sd-notify", "clear-env": True})
            await told.until(id, "ready")
            await eventually(lambda: told.events[-1][2] == {"text": "serving"}, "the second status")
            assert [d["text"] for _, kind, d in told.events if kind == "status"] == ["loading", "serving"]

    asyncio.run(main())


def test_a_watchdog_that_is_not_fed_ends_the_process(tmp_path: Path) -> None:
    """Without WATCHDOG=1 in time a process is aborted, and its end says so."""

    async def main() -> None:
        async with supervisor(tmp_path / "s") as device:
            told = Told()
            script = NOTIFY + "say(b'READY=1');import time;time.sleep(100)"
            what = {"argv": [*PYTHON, script], "ready": "sd-notify", "watchdog": 0.3, "limits": {"core": 0}}
            id = await started(device, told, what)
            end = (await told.until(id, "exited"))["end"]
            assert end["signal"] == signal.SIGABRT and end["watchdog"] == 0.3

    asyncio.run(main())


def test_a_port_that_is_open_is_found(tmp_path: Path) -> None:
    """`reachable` waits for a TCP port or unix socket, and gives up in time."""

    async def main() -> None:
        async with supervisor(tmp_path / "s") as device:
            with socket.create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
                assert await device.reachable(f"tcp:127.0.0.1:{port}", 5)
            assert not await device.reachable(f"tcp:127.0.0.1:{port}", 0.05)
            path = tmp_path / "sock"
            looking = asyncio.ensure_future(device.reachable(f"unix:{path}", 10))
            await asyncio.sleep(0)
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(path))
                server.listen()
                assert await looking

    asyncio.run(main())


def test_stop_is_graceful_and_ends_the_whole_group(tmp_path: Path) -> None:
    """The stop signal reaches each process of the group; what a process does on it is done before its end is told."""

    async def main() -> None:
        async with supervisor(tmp_path / "s") as device:
            told = Told()
            script = "trap 'echo bye; exit 3' TERM; echo up; sleep 4321.1 & wait"
            id = await started(device, told, script)
            await eventually(lambda: log_of(device) == ["out up"], "the process runs")
            await device.stop(id)
            assert (await told.until(id, "gone"))["end"] == {"code": 3}
            assert log_of(device) == ["out up", "out bye"]
            assert alive("4321.1") == []

    asyncio.run(main())


def test_who_does_not_end_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    """After the time-out SIGKILL ends all: also who has left the group and the session."""

    async def main() -> None:
        async with supervisor(tmp_path / "s") as device:
            told = Told()
            script = "trap '' TERM; setsid sh -c \"trap '' TERM; sleep 4321.2 & wait; wait\" & while :; do sleep 4321.2; done"
            id = await started(device, told, {"argv": script, "stop-timeout": 0.3})
            await eventually(lambda: len(alive("sleep 4321.2")) >= 2, "both sleep")
            await device.stop(id)
            assert (await told.until(id, "gone"))["end"] == {"signal": signal.SIGKILL}
            assert alive("4321.2") == []

    asyncio.run(main())


def test_what_a_process_leaves_behind_ends_before_it_counts_as_gone(tmp_path: Path) -> None:
    """A one-shot that leaves something in the background is over when that is."""

    async def main() -> None:
        async with supervisor(tmp_path / "s") as device:
            told = Told()
            id = await started(device, told, {"argv": "setsid sleep 4321.3 & exit 5", "stop-timeout": 5})
            assert (await told.until(id, "exited"))["end"] == {"code": 5}
            await told.until(id, "gone")
            assert alive("4321.3") == []

    asyncio.run(main())


def test_logs_are_rotated_by_size_and_number(tmp_path: Path) -> None:
    """Files stay below their size, no more than were asked for are kept, and the newest lines are there."""

    async def main() -> None:
        async with supervisor(tmp_path / "s") as device:
            told = Told()
            what = {"argv": "seq 1 2000", "log-size": 4000, "log-files": 3}
            await told.until(await started(device, told, what), "gone")
            files = sorted((tmp_path / "s" / "logs").iterdir())
            assert [file.name for file in files] == ["it.log", "it.log.1", "it.log.2"]
            assert all(file.stat().st_size <= 4000 for file in files)
            lines = [line for file in reversed(files) for line in file.read_text().splitlines()]
            numbers = [int(line.split(" out ")[1]) for line in lines]
            assert numbers == list(range(numbers[0], 2001))

    asyncio.run(main())


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"argv": []}, "argv is a shell line or a list of words"),
        ({"argv": "x", "redy": "fd"}, "did you mean ready?"),
        ({"argv": "x", "ready": "tcp:here"}, "has no port"),
        ({"argv": "x", "limits": {"nofiles": 3}}, "there is no 'nofiles'"),
        ({"argv": "x", "stop-signal": "TREM"}, "no signal 'TREM'"),
        ({"argv": "x", "restart": "sometimes"}, "restart is one of"),
        ({"argv": "x", "env": {"A=B": "c"}}, "cannot be the name of a variable"),
        (17, "a process is a shell line"),
    ],
)
def test_a_wrong_description_names_its_field(what: Any, says: str) -> None:
    """What cannot be a process is refused before anything is started, with the field and what it may be."""
    with pytest.raises(BadArgument, match=r"web: ") as caught:
        process_config(what, name="web")
    assert says in str(caught.value)
