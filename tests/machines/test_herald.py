"""Alarms are told to whoever should look at them, until they were heard; also over a restart of the boss."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from remit.errors import BadArgument, Refused
from remit.machines._herald import Herald
from tests.machines.town import Town, in_town

ALARM = {"id": "a1", "machine": "db", "what": "introduction used by another key"}


class Hook(HTTPServer):
    """A web hook that answers with these, one after the other, and then with 204."""

    def __init__(self, answers: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), Taken)
        self.answers = answers
        self.taken: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/secret-path"


class Taken(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, self.headers["Content-Type"], json.loads(body)))
        answer = self.server.answers.pop(0) if self.server.answers else 204
        self.send_response(answer)
        if answer == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def hook(*answers: int) -> Iterator[Hook]:
    made = Hook(list(answers))
    thread = Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        thread.join()
        made.server_close()


class Naps:
    """Sleeps at once, and remembers how long it would have been."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def test_a_web_hook_gets_it_until_it_has_heard(caplog: pytest.LogCaptureFixture) -> None:
    """With growing pauses; a redirection is not followed; the URL, which may hold a secret, is in no log."""
    naps = Naps()
    with hook(500, 302, 404) as taken, caplog.at_level(logging.WARNING):
        asyncio.run(Herald(taken.url, sleep=naps).announce(ALARM))
    assert taken.taken == [("/secret-path", "application/json", {"version": 1, "alarm": ALARM})] * 4
    assert naps.taken == [1, 2, 4]
    assert "answered 500" in caplog.text and "secret-path" not in caplog.text


def test_its_url_may_stand_in_a_private_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One that others may read is not used: that is said, and looked at again."""
    file = tmp_path / "url"

    async def mended(_: float) -> None:
        file.chmod(0o600)

    with hook() as taken, caplog.at_level(logging.WARNING):
        file.write_text(f"{taken.url}\n")
        file.chmod(0o644)
        asyncio.run(Herald(f"@{file}", sleep=mended).announce(ALARM))
    assert len(taken.taken) == 1
    assert "chmod" in caplog.text and "secret-path" not in caplog.text
    with pytest.raises(BadArgument, match="http or https"):
        Herald("ftp://example.org/")


def test_a_command_gets_it_until_it_ends_well(tmp_path: Path) -> None:
    """On its standard input; another exit status, or a program that is not there, is no hearing."""
    script = tmp_path / "told"
    got = tmp_path / "got"
    naps = Naps()

    async def nap(seconds: float) -> None:
        await naps(seconds)
        script.write_text(f"#!/bin/sh\ncat >>{got}; echo >>{got}; [ $(wc -l <{got}) -gt 1 ]\n")
        script.chmod(0o755)

    asyncio.run(Herald(command=[str(script)], sleep=nap).announce(ALARM))
    assert [json.loads(line) for line in got.read_text().splitlines()] == [{"version": 1, "alarm": ALARM}] * 2
    assert naps.taken == [1, 2]


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """And tried again."""
    monkeypatch.setattr("remit.machines._herald.PATIENCE", 0.2)
    naps = Naps()
    herald = Herald(command=[sys.executable, "-c", "import time; time.sleep(1000)"], sleep=naps)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await herald.announce(ALARM)

    asyncio.run(main())
    assert naps.taken[:2] == [1, 2]


class Deaf:
    """A herald that is not heard until it is told to be."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.hears = asyncio.Event()

    async def announce(self, alarm: dict[str, Any]) -> None:
        self.told.append(alarm["id"])
        await self.hears.wait()


async def thief(town: Town) -> None:
    """Somebody uses the introduction of db with a key of his own."""
    other = await town.stranger("thief")
    with pytest.raises(Refused):
        await other.redeem(town.introduction("db"), town.network.key.public)


def test_what_was_not_heard_is_told_again_after_a_restart() -> None:
    """What was heard is not; an alarm that was cleared meanwhile is not told."""

    async def work(town: Town) -> None:
        herald = Deaf()
        town.vat.device("herald", herald)
        await town.machines("db")
        alarms = await town.boss.resume()  # it makes what it needs
        assert alarms is None and herald.told == []
        await thief(town)
        (alarm,) = (await town.boss.status())["alarms"]
        assert not alarm["told"]
        assert herald.told == [alarm["id"]]
        await town.boss.resume()  # as a boss does that has started again
        assert herald.told == [alarm["id"]] * 2
        herald.hears.set()
        async with asyncio.timeout(5):
            while not (await town.boss.status())["alarms"][0]["told"]:
                await asyncio.sleep(0)
        await town.boss.resume()
        assert herald.told == [alarm["id"]] * 2

    in_town(work)
