"""What is run on demand, and the dataspace of logs. (Synit: boot scripts; "Logging")"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from remit import Symbol, Tagged
from remit.dataspace import Observe, bind, pattern
from remit.errors import BadArgument, Missing
from remit.services import Exec, Interface, LogEntry, Services
from remit.services._exec import Execs
from remit.values import as_record
from remit.values.preserves import Map
from remit.vat import Ref, actor, field
from tests.services.stage import DEADLINE
from tests.services.world import Stage, on_stage


@actor(kind="test.log_reader")
class Reader:
    """Hears what is said in a dataspace of logs."""

    heard: list[Any] = field(list)

    def turn(self, events: list[Any]) -> None:
        self.heard += [event[1] for event in events if event[0] == "message"]

    def told(self) -> list[Any]:
        return list(self.heard)


async def begun(here: Stage) -> Ref[Any]:
    execs = here.vat.spawn(Execs, here.space, here.vat.devices["timer"])
    await execs.begin()
    return execs


def test_a_command_is_run_once_and_leaves_nothing() -> None:
    """`<exec argv>` runs until its end, good or bad; `<exec argv restart>` by its policy; then nothing of it is asserted."""

    async def work(here: Stage) -> None:
        await begun(here)
        before = await here.space.size()
        await here.party.turn(
            [["message", Tagged("exec", [["run", "one"]])], ["message", Exec(["run", "two"], Symbol("always"))]]
        )
        await here.quiet()
        assert here.processes.log == ["+one", "+two"]
        here.processes.exit("one", 3)
        here.processes.exit("two")
        await here.quiet(0.5)
        assert here.processes.log == ["+one", "+two", "-one", "-two", "+two"]
        here.processes.exit("two", 1)
        await here.quiet(30)
        assert here.processes.log[5:] == ["-two"]
        assert await here.space.size() == before

    on_stage(work)


def test_commands_that_cannot_be_run_or_are_too_many_wait_or_are_named(caplog: Any) -> None:
    """64 run at a time, in order; what is no command is logged, and holds nobody up."""

    async def work(here: Stage) -> None:
        await begun(here)
        before = await here.space.size()
        said = [["message", Tagged("exec", [["run", f"c{i}"]])] for i in range(70)]
        await here.party.turn([["message", Tagged("exec", [5])], ["message", Tagged("exec", [1, 2, 3])], *said])
        await here.quiet(1)
        assert here.processes.log == [f"+c{i}" for i in range(64)]
        here.processes.exit("c0")
        await here.quiet(1)
        assert here.processes.log[64:] == ["-c0", "+c64"]
        for i in range(1, 70):
            here.processes.exit(f"c{i}")
            await here.quiet(0.2)
        assert sorted(here.processes.log[66:]) == sorted(
            [*(f"-c{i}" for i in range(1, 70)), *(f"+c{i}" for i in range(65, 70))]
        )
        assert await here.space.size() == before
        assert "is no <exec argv> or <exec argv restart>" in caplog.text
        assert "<exec …> is not run: " in caplog.text

    on_stage(work)


def test_what_processes_write_is_said_while_somebody_listens_and_what_others_say_is_written_down(
    tmp_path: Path,
) -> None:
    """Lines come as `<log …>` with service, stream and process; entries of others are in the log of messages, ours are not in it twice."""

    async def main() -> None:
        async with Services(tmp_path / "s") as services, asyncio.timeout(DEADLINE):
            party, logs = await services.space.open(), await services.log_space.open()
            reader = services.vat.spawn(Reader)
            await party.turn([["message", Tagged("exec", ["echo unheard"])]])
            while not (tmp_path / "s/logs/%exec.log").exists() or "unheard" not in str(await services.log("exec")):
                await asyncio.sleep(0.01)
            watch = Observe(
                pattern(Tagged("log", [bind(), Map([(Symbol("line"), bind()), (Symbol("stream"), bind())])])), reader
            )
            await logs.turn([["assert", 1, watch]])
            await services.log_space.size()
            await party.turn([["message", Tagged("exec", ["echo heard; echo twice >&2"])]])
            while len(await reader.told()) < 2:
                await asyncio.sleep(0.01)
            assert sorted((line, stream.name) for _, line, stream in await reader.told()) == [
                ("heard", "stdout"),
                ("twice", "stderr"),
            ]
            entry = LogEntry("2026-11-25T12:00:00Z", Map([(Symbol("line"), "by hand\n")]))
            await logs.turn([["message", entry]])
            while not (tmp_path / "s/logs/%messages.log").exists():
                await asyncio.sleep(0.01)
            lines = await services.log()
            assert len(lines) == 1
            assert lines[0].endswith(r'Z said <log "2026-11-25T12:00:00Z" {line: "by hand\n"}>')
            assert as_record(entry, LogEntry) is entry
            await logs.turn([["retract", 1]])

    asyncio.run(main())


def test_what_has_no_log_or_cannot_be_restarted_says_so(tmp_path: Path) -> None:
    """A log that is not there, and the kernel's services, which nobody restarts."""

    async def main() -> None:
        async with Services(tmp_path / "s") as services, asyncio.timeout(DEADLINE):
            with pytest.raises(Missing, match="has no log"):
                await services.log()
            with pytest.raises(Missing, match="no service 'exec'"):
                await services.log("exec")
            await (await services.space.open()).turn([["assert", 1, Tagged("require-service", [Interface("lo")])]])
            with pytest.raises(BadArgument, match="kernel's"):
                await services.restart('<interface "lo">')

    asyncio.run(main())


def test_a_service_gets_a_signal_by_its_name(tmp_path: Path) -> None:
    """All its processes get it; one that does not run, and a service without processes, are named."""
    said = tmp_path / "said"
    script = f"trap 'echo again >>{said}' HUP; echo ready >{said}; while :; do sleep 0.05; done"

    async def main() -> None:
        async with Services(tmp_path / "s") as services, asyncio.timeout(DEADLINE):
            party = await services.space.open()
            await party.turn([["assert", 1, Tagged("daemon", [Symbol("web"), ["/bin/sh", "-c", script]])]])
            with pytest.raises(Missing, match="no process of service 'web'"):
                await services.signal("web", 1)
            await services.start("web")
            while not said.exists() or "ready" not in said.read_text():
                await asyncio.sleep(0.005)
            assert await services.signal("web", 1) == 1
            while "again" not in said.read_text():
                await asyncio.sleep(0.005)
            with pytest.raises(Missing, match="no service"):
                await services.signal("wob", 1)

    asyncio.run(main())
