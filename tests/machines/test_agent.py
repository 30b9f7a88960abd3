"""The agent's own work: what it is told, what it writes down, and what it does when the disk is full."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.durable import Loose, SqliteStore, write_secret_file
from remit.errors import BadArgument, Missing
from remit.machines import LocalMachine, run_agent
from remit.machines._agent import MOST_REPORTED, report_loose
from remit.machines._classes import classes_of
from remit.machines._config import UserData, drop_introduction, read_user_data
from remit.machines._household import where
from remit.machines._program import hob_file
from remit.testing import CrashStore
from tests.machines.stage import Stage, until
from tests.machines.town import Row, Table


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage with a boss that runs; nothing is left of it afterwards."""
    made = Stage(tmp_path)
    made.start_boss()
    try:
        yield made
    finally:
        made.tidy()


def told(directory: Path, **more: Any) -> None:
    """What a provider leaves."""
    data = {"version": 1, "machine": "db", "id": "db-1", "introduction": "ocapn://x.remit/s/c2VjcmV0", **more}
    write_secret_file(directory / "user-data", json.dumps(data).encode(), replace=True)


def test_the_introduction_is_deleted_after_use(tmp_path: Path) -> None:
    """What is left is who the machine is; a crash between writing and deleting is made good the next time."""
    tmp_path.chmod(0o700)
    told(tmp_path, agent={"classes": ["a"]})
    data = read_user_data(tmp_path)
    drop_introduction(tmp_path, data)
    assert "c2VjcmV0" not in "".join(file.read_text() for file in tmp_path.iterdir())
    told(tmp_path)
    again = read_user_data(tmp_path)
    assert (again.machine, again.introduction, again.agent.classes) == ("db", "", ["a"])
    drop_introduction(tmp_path, again)
    assert [file.name for file in tmp_path.iterdir()] == ["machine.json"]


def test_user_data_shows_no_secret(tmp_path: Path) -> None:
    """Neither its repr nor the error for a broken file holds the introduction."""
    tmp_path.chmod(0o700)
    told(tmp_path)
    assert "c2VjcmV0" not in repr(read_user_data(tmp_path))
    told(tmp_path, version="ocapn://x.remit/s/c2VjcmV0")
    with pytest.raises(BadArgument, match=r"\$\.version") as caught:
        read_user_data(tmp_path)
    assert "c2VjcmV0" not in str(caught.value)
    (tmp_path / "user-data").write_text("ocapn://x.remit/s/c2VjcmV0")
    with pytest.raises(BadArgument) as caught:
        read_user_data(tmp_path)
    assert "c2VjcmV0" not in str(caught.value)


def test_unknown_parts_of_user_data_are_for_later_versions(tmp_path: Path) -> None:
    """An older agent starts under a newer boss."""
    tmp_path.chmod(0o700)
    told(tmp_path, agent={"colour": "red"}, more=1)
    assert isinstance(read_user_data(tmp_path), UserData)


def test_classes_are_those_of_named_modules() -> None:
    """Every `@actor` class that a module has; a module that is not there is named, with where it was looked for."""
    found = classes_of(["tests.machines.town"])
    assert {Row, Table} <= set(found)
    with pytest.raises(BadArgument, match=r"no_such_module.*looked for in: /nowhere"):
        classes_of(["no_such_module"], ["/nowhere"])


@pytest.mark.parametrize(
    ("text", "place"),
    [("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:4433", ("::1", 4433)), ("example.org:1", ("example.org", 1))],
)
def test_places_to_listen(text: str, place: tuple[str, int]) -> None:
    """Host and port, with brackets around an IPv6 address."""
    assert where(text) == place


@pytest.mark.parametrize("text", ["", "1", ":1", "a:", "a:b", "a:99999"])
def test_what_is_no_place_to_listen(text: str) -> None:
    """The error names the form."""
    with pytest.raises(BadArgument, match="write host:port"):
        where(text)


def test_how_a_program_finds_its_hob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its argument, else by $REMIT_HOB: the machine's directory, or the file in it."""
    monkeypatch.delenv("REMIT_HOB", raising=False)
    with pytest.raises(Missing, match=r"\$REMIT_HOB"):
        hob_file(None)
    monkeypatch.setenv("REMIT_HOB", str(tmp_path))
    assert hob_file(None) == tmp_path / "hob.ref"
    assert hob_file(tmp_path / "other.ref") == tmp_path / "other.ref"


def test_what_is_given_out_and_not_kept_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """At each hello the agent looks; the log names kind and remedy once, and is not flooded."""
    caplog.set_level(logging.WARNING, logger="remit.machines")
    reported: set[tuple[str, str]] = set()
    rows = [Loose("test.row", ["peer-one"], "hold it"), Loose("test.row", ["peer-two"], "hold it")]
    report_loose(rows, reported)
    report_loose(rows, reported)
    (warning,) = caplog.messages
    assert "test.row" in warning and "hold it" in warning
    report_loose([Loose("test.row", ["peer"], f"object {number}") for number in range(1000)], reported)
    assert len(caplog.messages) == MOST_REPORTED


@pytest.mark.parametrize("writes", [25, 40])  # its very first commit, and a later one
def test_an_agent_with_a_full_disk_comes_back(writes: int, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that was not kept has left; while there is no room it is away, and it enrols when there is."""
    full: list[CrashStore] = []

    def store(path: Path) -> Any:
        if full:
            full[0].inner.close()  # which the crash left to us
            return SqliteStore(path)
        full.append(CrashStore(SqliteStore(path), writes, "full"))
        return full[0]

    monkeypatch.setattr("remit.machines._household.SqliteStore", store)
    monkeypatch.setattr("remit.machines._agent.LONGEST", 0.1)

    async def work() -> None:
        async with stage.admin() as boss:
            await boss.create_machine("db", "process", {})
            stage.kill_agent("db")
            directory = stage.directory("db")
            living = asyncio.ensure_future(run_agent(directory))

            async def answers() -> bool:
                async with LocalMachine(directory) as machine:
                    return await machine.bindings() == [] and (await boss.list_machines())[0]["state"] == "active"

            try:
                await until(answers)
                assert full[0].crashed
                assert not living.done()
            finally:
                living.cancel()
                await asyncio.gather(living, return_exceptions=True)
                (directory / "process").unlink()  # it names this very process, which is not to be tidied away

    asyncio.run(work())
