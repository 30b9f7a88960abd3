"""Servers and workers by role, with real processes: what runs, what stays down, and what is left when somebody is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from remit.errors import BadArgument, Conflict, Missing
from tests.ensemble.supervisor.stage import CONFIG, eventually, hosted


def test_a_server_is_started_stopped_and_started_by_its_role(tmp_path: Path) -> None:
    """It gets its id and its role's arguments; stopped it is down at once, and stays so; each order is in the audit log before it is done."""

    async def main() -> None:
        async with hosted(tmp_path) as host:
            row = await host.ask("start", "echo", "e1")
            assert row["state"] == "ready" and row["pid"] > 0 and row["role"] == "echo"
            await host.until_log("e1", "e1 echo e1")
            assert (await host.ask("start", "echo", "e1"))["pid"] == row["pid"], "the same again changes nothing"
            assert (await host.ask("stop", ["e1"]))[0]["state"] == "stopped"
            assert not Path(f"/proc/{row['pid']}").exists()
            assert (await host.ask("start", "echo", "e1"))["pid"] not in (0, row["pid"])
            assert [words.split()[0] for _, _, words in host.notes] == ["start", "start", "stop", "start"]
            assert host.notes[0] == ("ann", "exec", "start echo e1")

    asyncio.run(main())


def test_a_server_that_is_killed_is_started_again(tmp_path: Path) -> None:
    """E25: SIGKILL of the process: by its policy another one runs soon."""

    async def main() -> None:
        async with hosted(tmp_path) as host:
            pid = (await host.ask("start", "echo", "e1"))["pid"]
            os.kill(pid, signal.SIGKILL)

            async def again() -> bool:
                return (await host.pids())["e1"] not in (0, pid)

            await eventually(again, "another one runs")

    asyncio.run(main())


@pytest.mark.parametrize(("policy", "state"), [("never", "complete"), ("on-error", "complete"), ("always", "failed")])
def test_what_comes_after_an_end_is_the_role_s_policy(tmp_path: Path, policy: str, state: str) -> None:
    """E15: each of the policies is done, with real processes; one that gives up by its limit says so."""
    good = "0" if policy == "on-error" else "3"
    config = f'[roles.r]\nprogram = "/bin/sh"\narguments = ["-c", "echo once; exit {good}"]\nrestart = "{policy}"\nrestart-limit = [1, 60]\n'

    async def main() -> None:
        async with hosted(tmp_path, config) as host:
            await host.ask("start", "r", "s")

            async def gave_up() -> bool:
                row = (await host.ask("servers"))[0]
                return bool(row["state"] == state and (policy != "always" or "gave up after 1 restarts" in row["note"]))

            await eventually(gave_up, "it is over")
            await host.until_log("s", *["once"] * (2 if policy == "always" else 1))

    asyncio.run(main())


def test_a_group_is_scaled_up_and_down(tmp_path: Path) -> None:
    """PREFIX-0 to PREFIX-n: those that stay keep their processes, those that are too many are gone and not listed."""

    async def main() -> None:
        async with hosted(tmp_path) as host:
            await host.ask("workers", "echo", "w", 2)
            before = await host.pids()
            assert list(before) == ["w-0", "w-1"] and all(before.values())
            await host.ask("workers", "echo", "w", 4)
            more = await host.pids()
            assert sorted(more) == ["w-0", "w-1", "w-2", "w-3"] and all(more.values())
            await host.ask("workers", "", "w", 1)
            assert await host.pids() == {"w-0": before["w-0"]}
            assert not any(Path(f"/proc/{pid}").exists() for id, pid in more.items() if id != "w-0")
            with pytest.raises(Conflict, match="have the role 'echo'"):
                await host.ask("workers", "other", "w", 1)
            assert (await host.ask("workers", "echo", "w", 0)) == [] and await host.pids() == {}

    asyncio.run(main())


def test_groups_and_roles_are_stopped_and_restarted_as_one(tmp_path: Path) -> None:
    """By the prefix, or by the role; another role is left alone. A name that is not there is named with the nearest."""

    async def main() -> None:
        async with hosted(tmp_path, CONFIG + CONFIG.replace("roles.echo", "roles.other")) as host:
            await asyncio.gather(host.ask("workers", "echo", "w", 2), host.ask("start", "other", "o"))
            before = await host.pids()
            rows = await host.ask("restart", ["w"])
            assert {row["state"] for row in rows} == {"ready"}
            after = await host.pids()
            assert after["o"] == before["o"] and after["w-0"] != before["w-0"] and after["w-1"] != before["w-1"]
            await host.ask("stop", [], role="echo")
            assert await host.states() == {"w-0": "stopped", "w-1": "stopped", "o": "ready"}
            await host.ask("stop", ["w"], forget=True)
            assert list(await host.states()) == ["o"]
            with pytest.raises(Missing, match="there are: o"):
                await host.ask("stop", ["w"])

    asyncio.run(main())


def test_what_starts_by_itself_has_its_own_settings(tmp_path: Path) -> None:
    """E17: servers and groups that are preloaded run at once, each by its own table. One that is wrong is told of, and the others run."""
    config = CONFIG + (
        '[servers.e1]\nrole = "echo"\nstart = true\nenvironment = { REMIT_SERVER_ID = "mine" }\n'
        '[servers.e2]\nrole = "echo"\n[servers.bad]\nrole = "nobody"\nstart = true\n[workers.w]\nrole = "echo"\nnumber = 2\n'
        '[servers.w-1]\nenvironment = { REMIT_SERVER_ID = "second" }\n'
    )

    async def main() -> None:
        async with hosted(tmp_path, config) as host:
            assert sorted(await host.states()) == ["e1", "w-0", "w-1"]
            await host.until_log("e1", "mine echo e1")
            await host.until_log("w-0", "w-0 echo w-0")
            await host.until_log("w-1", "second echo w-1")
            assert len(host.troubles) == 1 and "no role 'nobody'" in host.troubles[0]
            await host.ask("stop", ["e1"])
        async with hosted(tmp_path, config) as host:
            assert (await host.states())["e1"] == "stopped", "what was stopped by command stays down"

    asyncio.run(main())


def test_what_runs_is_kept_over_restarts_of_the_supervisor(tmp_path: Path) -> None:
    """As was ordered: servers that were started run again, those that were stopped do not; a role that is gone meanwhile changes nothing of them."""

    async def main() -> None:
        async with hosted(tmp_path) as host:
            await host.ask("start", "echo", "e1")
            await host.ask("start", "echo", "e2")
            await host.ask("stop", ["e2"])
        async with hosted(tmp_path, "") as host:
            assert host.troubles == []

            async def back() -> bool:
                return await host.states() == {"e1": "ready", "e2": "stopped"}

            await eventually(back, "e1 is back")
            await host.until_log("e1", "e1 echo e1", "e1 echo e1")
            assert [row["current"] for row in [await self_config(host)]] == [False]

    async def self_config(host: object) -> dict[str, object]:
        try:
            return await host.ask("config", "e1")  # type: ignore[attr-defined,no-any-return]
        except Missing:
            return {"current": False}

    asyncio.run(main())


def test_a_changed_setting_is_taken_up_by_a_restart_and_not_by_a_crash(tmp_path: Path) -> None:
    """What a server was started with it has until somebody restarts it; `update` with `restart` does that at once."""

    async def main() -> None:
        async with hosted(tmp_path) as host:
            pid = (await host.ask("start", "echo", "e1"))["pid"]
            await host.ask("update", "roles", "echo", {"environment": {"REMIT_SERVER_ID": "new"}})
            assert (await host.ask("config", "e1"))["current"] is False
            with pytest.raises(Conflict, match="restart it"):
                await host.ask("start", "echo", "e1")
            os.kill(pid, signal.SIGKILL)
            await host.until_log("e1", "e1 echo e1", "e1 echo e1")
            await host.ask("restart", ["e1"])
            await host.until_log("e1", "e1 echo e1", "e1 echo e1", "new echo e1")
            assert (await host.ask("config", "e1"))["current"] is True
            answer = await host.ask(
                "update", "servers", "e1", {"environment": {"REMIT_SERVER_ID": "newer"}}, restart=True
            )
            assert answer["restarted"] == ["e1"]
            await host.until_log("e1", "e1 echo e1", "e1 echo e1", "new echo e1", "newer echo e1")
            shown = (await host.ask("config", "e1"))["settings"]
            assert shown["program"] == {"value": "/bin/sh", "from": "config.toml [roles.echo]"}
            assert shown["environment"]["from"] == "updates [roles.echo], updates [servers.e1]"
            assert "newer" not in str(host.notes), "values of variables are not in the audit log"

    asyncio.run(main())


def test_servers_start_in_the_order_of_what_they_need(tmp_path: Path) -> None:
    """`needs` waits for a server to be ready, a group as a whole included; it is no longer needed where the group is smaller."""
    config = (
        CONFIG
        + '[roles.late]\nprogram = "/bin/sh"\narguments = ["-c", "sleep 1000"]\nneeds = ["w"]\nstop-timeout = 1\n'
    )

    async def main() -> None:
        async with hosted(tmp_path, config) as host:
            await host.ask("workers", "echo", "w", 2)
            await host.ask("stop", ["w-1"])
            starting = asyncio.ensure_future(host.ask("start", "late", "l"))

            async def waits() -> bool:
                rows = {row["id"]: row for row in await host.ask("servers")}
                return "l" in rows and rows["l"]["state"] == "starting" and "w-1" in rows["l"]["note"]

            await eventually(waits, "it waits for the group")
            await host.ask("restart", ["w-1"])
            assert (await starting)["state"] == "ready"
            await host.ask("workers", "echo", "w", 1)
            assert (await host.states())["l"] == "ready"

    asyncio.run(main())


def test_an_order_with_wrong_arguments_is_refused_with_words(tmp_path: Path) -> None:
    """E24: an argument that is missing is named, nothing is done with half of them; unknown orders and settings, too."""

    async def main() -> None:
        async with hosted(tmp_path) as host:
            with pytest.raises(BadArgument, match="start: missing 1 required positional argument: 'id'"):
                await host.ask("start", "echo")
            with pytest.raises(BadArgument, match="run: missing 1 required positional argument: 'argv'"):
                await host.ask("run")
            with pytest.raises(BadArgument, match="there are: begin_upload"):
                await host.ask("close")
            with pytest.raises(BadArgument, match="no setting 'colour'"):
                await host.ask("start", "echo", "e1", {"colour": "red"})
            assert await host.states() == {}

    asyncio.run(main())


def test_an_order_that_cannot_be_written_down_is_not_done(tmp_path: Path) -> None:
    """The audit log is full: the order breaks with that, and nothing has happened."""

    async def main() -> None:
        async with hosted(tmp_path) as host:

            def full(*_: str) -> None:
                raise Missing("the log is full")

            host.desk._audit = full
            with pytest.raises(Missing, match="full"):
                await host.ask("start", "echo", "e1")
            assert await host.states() == {}

    asyncio.run(main())
