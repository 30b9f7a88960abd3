"""What happens to services when supervisor or warden are killed: no orphan, no second copy, no lost line."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from remit.services import Processes, process_config
from tests.services.stage import Told, alive, eventually, log_of, started, supervisor

COUNT = 3


def begin(directory: Path, mark: str, linger: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.services.supervise", str(directory), mark, str(COUNT), str(linger)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def until_all(process: subprocess.Popen[str]) -> int:
    """Wait until it says that all run; the warden's id."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("all "):
            return int(line.split()[1])
    raise AssertionError("the supervisor ended")


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def copies(mark: str) -> dict[int, int]:
    """How many first processes run of each service, by its number."""
    found = []
    for pid in alive(mark):
        with suppress(FileNotFoundError, ProcessLookupError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"while" in command and os.getpgid(pid) == pid:
                found.append(int(command.split(b"sleep 0.0")[1][:1]) - 1)
    return {number: found.count(number) for number in found}


def whole(log: Path) -> bool:
    """Whether no line of any process is missing up to the last one of it."""
    counts: dict[str, int] = {}
    for line in log.read_text().splitlines():
        pid, number = line.split()[2:]
        if int(number) != counts.get(pid, 0) + 1:
            return False
        counts[pid] = int(number)
    return bool(counts)


@pytest.mark.parametrize("seed", [1])
def test_a_supervisor_killed_at_any_moment_leaves_one_copy_of_each_service(tmp_path: Path, seed: int) -> None:
    """SIGKILL at random moments: the next one takes over what runs and starts the rest, once; no line of a log is lost."""
    mark = f"54321{seed}{os.getpid()}"
    draw = random.Random(seed)

    async def main() -> None:
        for _ in range(4):
            victim = begin(tmp_path, mark, 20)
            if draw.random() < 0.5:
                await asyncio.to_thread(until_all, victim)
            else:
                await asyncio.sleep(draw.uniform(0.05, 0.4))  # the moment at which it is killed
            kill(victim)
            assert all(number == 1 for number in copies(mark).values())
        last = begin(tmp_path, mark, 0.3)
        warden = await asyncio.to_thread(until_all, last)
        await eventually(lambda: copies(mark) == dict.fromkeys(range(COUNT), 1), "one copy of each")
        assert all(whole(tmp_path / "logs" / f"s{number}.log") for number in range(COUNT))
        os.kill(warden, signal.SIGTERM)  # its own end is that of all services
        await eventually(lambda: alive(mark) == [last.pid], "nothing of the services is left")
        kill(last)

    asyncio.run(main())


def test_services_end_when_no_supervisor_comes_back(tmp_path: Path) -> None:
    """A supervisor that was killed and is not started again leaves no process behind, its warden neither."""
    mark = f"54329{os.getpid()}"

    async def main() -> None:
        victim = begin(tmp_path, mark, 0.3)
        warden = await asyncio.to_thread(until_all, victim)
        kill(victim)
        await eventually(lambda: alive(mark) == [], "all processes have ended")
        await eventually(lambda: not Path(f"/proc/{warden}/cmdline").exists(), "the warden, too")

    asyncio.run(main())


def test_a_killed_warden_takes_all_with_it(tmp_path: Path) -> None:
    """Watchers hear that the warden is lost; first processes die with it, the next one ends the rest before it starts anything."""
    mark = f"54328{os.getpid()}"

    async def main() -> None:
        async with supervisor(tmp_path / "s") as device:
            told = Told()
            id = await started(device, told, f"setsid sleep {mark} & sleep {mark}")
            await eventually(lambda: len(alive(f"sleep {mark}")) >= 2, "both sleep")
            os.kill(device.warden, signal.SIGKILL)
            await told.until(id, "lost")
            again = await started(device, told, "echo again")
            await told.until(again, "gone")
            assert alive(mark) == []
            assert log_of(device)[-1] == "out again"

    asyncio.run(main())


def test_a_run_of_another_description_is_replaced(tmp_path: Path) -> None:
    """What an earlier supervisor started is taken over if it is the same in every word, else ended first; the unwanted, too."""
    mark = f"54327{os.getpid()}"

    async def main() -> None:
        async with supervisor(tmp_path / "s") as device:
            told = Told()
            for name in ("same", "other", "unwanted"):
                await told.until(await started(device, told, f"echo {name}; sleep {mark}", name), "started")
            await eventually(lambda: len(alive(f"sleep {mark}")) % 3 == 0, "all have begun")
            before = len(alive(f"sleep {mark}"))
            await device.close(keep=5.0)
            await device.open()

            def digest(what: Any, name: str) -> str:
                return str(process_config(what, device.log_path(name)).spec["digest"])

            kept = await device.adopt("same", digest(f"echo same; sleep {mark}", "same"), told)
            assert kept is not None and kept["state"] == "running"
            assert await device.adopt("other", digest("sleep 1", "other"), told) is None
            await device.settled()
            await eventually(lambda: len(alive(f"sleep {mark}")) == before // 3, "one of three is left")
            await device.stop(kept["id"])
            assert alive(mark) == []

    asyncio.run(main())


def test_a_one_shot_that_is_done_is_not_done_again_by_the_next_supervisor(tmp_path: Path) -> None:
    """What has ended well stays done while the warden lives; one that failed, or is asked for anew, runs again."""
    mark = tmp_path / "ran"

    async def run(device: Processes, told: Told, what: Any) -> dict[str, Any]:
        config = process_config(what, device.log_path("once"))
        return await device.run("once", config.spec, told, "none", None)

    async def main() -> None:
        async with supervisor(tmp_path / "s") as device:
            told = Told()
            good = {"argv": f"echo ran >>{mark}", "restart": "on-error"}
            first = await run(device, told, good)
            await told.until(first["id"], "gone")
            await device.close(keep=5.0)
            await device.open()
            again = await run(device, told, good)
            assert again["id"] == first["id"] and [kind for kind, _ in again["events"]] == ["gone"]
            assert mark.read_text() == "ran\n"
            anew = await run(device, told, good)
            await told.until(anew["id"], "gone")
            assert mark.read_text() == "ran\nran\n"
            bad = {"argv": f"echo ran >>{mark}; exit 1", "restart": "on-error"}
            await told.until((await run(device, told, bad))["id"], "gone")
            await device.close(keep=5.0)
            await device.open()
            await told.until((await run(device, told, bad))["id"], "gone")
            assert mark.read_text() == "ran\n" * 4

    asyncio.run(main())


def test_an_end_that_is_told_right_behind_the_hello_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends as the next supervisor arrives is not taken over as one that runs."""

    async def main() -> None:
        device = Processes(tmp_path)
        monkeypatch.setattr(device, "_send", lambda message: None)
        device._hello = asyncio.get_running_loop().create_future()
        run = {"id": "r", "key": "k", "state": "running", "stopping": False, "digest": "d", "ready": True}
        device._heard({"event": "hello", "pid": 1, "ending": False, "runs": [run]})
        device._heard({"event": "gone", "id": "r", "end": {"signal": 9}})
        device._line = object()  # type: ignore[assignment]  # it is open
        assert await device.adopt("k", "d", lambda *_: None) is None

    asyncio.run(main())
