"""Programs that are run by command: their output, their end, and what is left when the supervisor is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from remit.ensemble.supervisor import Exec, Follower, tail
from remit.errors import BadArgument, Missing, Revoked
from remit.lib import membrane
from remit.vat import Vat, actor, call
from remit.warden import Log
from tests.ensemble.supervisor.stage import Operator, eventually, hosted


async def words(host: Operator, process: str) -> list[str]:
    return [line.split(" ", 1)[1] for line in await host.ask("output", process)]


def test_a_program_is_run_with_its_arguments_and_what_it_writes_is_kept(tmp_path: Path) -> None:
    """Exit code, output and errors, environment; who ran it is written down before it runs, the values of its variables are not."""

    async def main() -> None:
        async with hosted(tmp_path) as host:
            row = await host.ask(
                "run", ["sh", "-c", "echo $1 $A; echo bad >&2; exit 3", "x", "one"], {"environment": {"A": "secret"}}
            )
            assert row["who"] == "ann"
            over = await host.ask("wait", row["process"])
            assert (over["state"], over["code"], over["end"]) == ("ended", 3, "exit status 3")
            assert sorted(await words(host, row["process"])) == ["err bad", "out one secret"]
            assert host.notes[0][1] == "exec" and "echo $1" in host.notes[0][2] and "secret" not in host.notes[0][2]
            assert [each["process"] for each in await host.ask("programs")] == [row["process"]]

    asyncio.run(main())


def test_a_program_is_signalled_ended_and_run_again(tmp_path: Path) -> None:
    """By its number here; one that is over gets no signal, and says how it has ended."""

    async def main() -> None:
        async with hosted(tmp_path) as host:
            id = (await host.ask("run", ["sh", "-c", "trap 'echo usr' USR1; echo up; while :; do sleep 0.05; done"]))[
                "process"
            ]

            async def up() -> bool:
                return await words(host, id) == ["out up"]

            await eventually(up, "it is up")
            await host.ask("signal", id, int(signal.SIGUSR1))

            async def heard() -> bool:
                return "out usr" in await words(host, id)

            await eventually(heard, "it has heard the signal")
            assert (await host.ask("end", id))["end"] == "ended by signal 15"
            with pytest.raises(Missing, match="ended by signal 15"):
                await host.ask("signal", id, 1)
            assert (await host.ask("rerun", id))["state"] == "running", "it does not end by itself"
            with pytest.raises(BadArgument, match="no signal 99"):
                await host.ask("signal", id, 99)
            with pytest.raises(Missing, match="no program 'nope'"):
                await host.ask("signal", "nope", 1)

    asyncio.run(main())


def test_a_program_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    """What was to be run is named; nothing is left running."""

    async def main() -> None:
        async with hosted(tmp_path) as host:
            row = await host.ask("run", ["/does/not/exist"])
            over = await host.ask("wait", row["process"])
            assert over["state"] == "ended" and "could not be started" in over["end"]
            for wrong in ([], ["a", 3], "ls", ["a\0b"]):
                with pytest.raises(BadArgument, match="list of words"):
                    await host.ask("run", wrong)
            with pytest.raises(BadArgument, match="no 'colour'"):
                await host.ask("run", ["ls"], {"colour": 1})

    asyncio.run(main())


def test_output_without_end_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more than two files of it the newest is kept; the disk holds no more."""
    monkeypatch.setattr("remit.ensemble.supervisor._programs.OUTPUT", 1 << 16)

    async def main() -> None:
        async with hosted(tmp_path) as host:
            id = (
                await host.ask("run", ["sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo line $i; done"])
            )["process"]
            await host.ask("wait", id)
            files = list((tmp_path / "services" / "logs").glob(f"exec.{id}.log*"))
            assert len(files) == 2 and sum(path.stat().st_size for path in files) <= 2 << 16
            assert (await words(host, id))[-1] == "out line 20000"

    asyncio.run(main())


@actor(kind="tests.exec.sink")
class Sink:
    """Hears lines."""

    heard: list[Any]

    def __call__(self, lines: list[str] | None) -> None:
        self.heard.append(lines)


def test_output_is_followed_to_its_end_by_a_part_that_ends_with_its_grant(tmp_path: Path) -> None:
    """A program's output is told as it comes, and that it is over; what is followed through a grant ends when that is taken back."""

    async def main() -> None:
        async with hosted(tmp_path) as host, Vat("operators") as vat:
            os.mkfifo(tmp_path / "fifo")
            part = vat.spawn(Exec, vat.device("desk", host.desk), "bob")
            granted = membrane_of(vat, part)
            sink, other = vat.spawn(Sink, []), vat.spawn(Sink, [])
            id = (await part.run(["sh", "-c", "echo a; read x < fifo; echo b"], {"dir": str(tmp_path)}))["process"]
            assert host.notes[-1][0] == "bob"
            await part.follow("output", id, sink)
            await part.start("echo", "e1")
            following = await (await granted.root()).follow("log", "e1", other)
            await eventually(
                lambda: _texts(sink._at.heard) == ["a"] and len(_texts(other._at.heard)) == 1, "both are told"
            )
            await granted.revoke("no more")
            await asyncio.to_thread((tmp_path / "fifo").write_text, "go\n")
            await eventually(lambda: sink._at.heard[-1] is None, "the end is told")
            assert _texts(sink._at.heard) == ["a", "b"]
            with pytest.raises(Revoked):
                await following.stop()
            await part.restart(["e1"])
            await host.until_log("e1", "e1 echo e1", "e1 echo e1")
            await eventually(lambda: not host.desk._following, "nothing is followed any more")
            assert len(_texts(other._at.heard)) == 1

    asyncio.run(main())


def membrane_of(vat: Vat, ref: Any) -> Any:
    return vat.spawn(Keeper, ref)


@actor(kind="tests.exec.keeper")
class Keeper:
    """Holds the membrane of a grant."""

    target: Any
    border: Any = None

    def root(self) -> Any:
        self.border = membrane(self.target)
        return call(self.border).root()

    def revoke(self, why: str) -> None:
        call(self.border).revoke(why)


def _texts(heard: list[Any]) -> list[str]:
    return [line.split(" ", 2)[2] for lines in heard if lines for line in lines]


def test_a_follower_misses_nothing_where_the_log_is_turned(tmp_path: Path) -> None:
    """Lines come once and in order, over files that are renamed while they are read, several at a time; first the last ones."""
    path = tmp_path / "x.log"

    async def main() -> None:
        log = Log(str(path), size=2000, files=20)
        heard: list[str] = []

        async def hear(lines: list[str]) -> None:
            heard.extend(line.split()[-1] for line in lines)

        for number in range(5):
            log.write("out", [f"{number}".encode()])
        over = False
        task = asyncio.ensure_future(Follower(path, hear, lambda: over).run(2))
        await eventually(lambda: heard == ["3", "4"], "the last two are told")
        for number in range(5, 600):
            log.write("out", [f"{number}".encode()])
            if number % 100 == 0:
                await eventually(lambda number=number: heard[-1] == f"{number}", "it has come so far")
        over = True
        await task
        assert heard == [f"{number}" for number in range(3, 600)]
        assert [line.split()[-1] for line in tail(path, 300)] == heard[-300:]
        log.close()

    asyncio.run(main())


def test_a_log_that_is_not_there_yet_is_followed_from_its_beginning(tmp_path: Path) -> None:
    """No line of it is missed; wrong numbers of lines are refused."""

    async def main() -> None:
        heard: list[str] = []

        async def hear(lines: list[str]) -> None:
            heard.extend(lines)

        task = asyncio.ensure_future(Follower(tmp_path / "x.log", hear).run(5))
        await asyncio.sleep(0)
        (tmp_path / "x.log").write_bytes(b"a\nb")
        await eventually(lambda: heard == ["a"], "the whole line is told")
        with (tmp_path / "x.log").open("ab") as log:
            log.write(b"c\n")
        await eventually(lambda: heard == ["a", "bc"], "the other one when it is whole")
        task.cancel()
        with pytest.raises(BadArgument, match="0 to 10000"):
            tail(tmp_path / "x.log", -1)

    asyncio.run(main())


def test_a_supervisor_that_is_killed_finds_its_servers_and_programs_again(tmp_path: Path) -> None:
    """SIGKILL of the supervisor: the next one takes over the same processes, with what they write; those that have ended meanwhile are said to have."""

    async def main() -> None:
        victim = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.ensemble.supervisor.life", str(tmp_path)), stdout=subprocess.PIPE
        )
        assert victim.stdout is not None
        server, program, short = (await victim.stdout.readline()).split()
        victim.kill()
        await victim.wait()
        victim._transport.close()  # type: ignore[attr-defined]
        os.kill(int(short), signal.SIGKILL)
        async with hosted(tmp_path) as host:

            async def back() -> bool:
                return (await host.pids())["e1"] == int(server)

            await eventually(back, "it has taken over the server")

            async def ended() -> bool:
                return [row["state"] for row in await host.ask("programs")] == ["running", "ended"]

            await eventually(ended, "it has heard of the other end")
            rows = await host.ask("programs")
            assert rows[0]["pid"] == int(program) and rows[1]["end"] in (
                "ended by signal 9",
                "ended while the supervisor was away",
            )
            assert (await host.ask("end", rows[0]["process"]))["end"] == "ended by signal 15"

    asyncio.run(main())
