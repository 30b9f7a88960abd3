"""What is said to a Docker Engine, and what is made of its answers: against a socket that plays one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from remit.errors import ProviderError
from remit.machines.docker._engine import Engine, EngineError

OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def talk(place: Path, answers: dict[str, str], work: Callable[[Engine], Awaitable[Any]]) -> tuple[Any, list[str]]:
    """What comes of some work with an Engine that answers so, by the beginning of the request; and what it was asked."""
    asked: list[str] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.clear()
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        size = next(int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length"))
        body = (await reader.readexactly(size)).decode(errors="replace")
        asked.append(head.splitlines()[0] + (f" {body}" if body else ""))
        if "/events" in head:  # it thinks about that one
            await reader.read()
        writer.write(next((text for begin, text in answers.items() if head.startswith(begin)), OK).encode())
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        ended.set()

    async def main() -> Any:
        async with asyncio.timeout(20), await asyncio.start_unix_server(serve, place / "engine.sock"):
            try:
                return await work(Engine(str(place / "engine.sock")))
            finally:
                await ended.wait()

    return asyncio.run(main()), asked


def ping(version: str) -> dict[str, str]:
    """An Engine that speaks this version of the API."""
    return {"GET /_ping": f"HTTP/1.1 200 OK\r\nApi-Version: {version}\r\nContent-Length: 2\r\n\r\nOK"}


@pytest.mark.parametrize(("theirs", "spoken"), [("1.41", "1.41"), ("1.44", "1.44"), ("1.99", "1.51"), ("2.0", "1.51")])
def test_the_version_is_theirs_up_to_the_newest_that_is_known(tmp_path: Path, theirs: str, spoken: str) -> None:
    """Asked for once; newer Engines go on speaking older versions."""

    async def twice(engine: Engine) -> None:
        await engine.get("/version")
        await engine.get("/images/remit:latest/json")

    _, asked = talk(tmp_path, ping(theirs), twice)
    assert [line.split()[1] for line in asked] == [
        "/_ping",
        f"/v{spoken}/version",
        f"/v{spoken}/images/remit%3Alatest/json",
    ]


@pytest.mark.parametrize("theirs", ["1.40", "0.9", "", "podman"])
def test_an_engine_that_is_too_old_is_refused(tmp_path: Path, theirs: str) -> None:
    """Before anything is asked of it."""
    with pytest.raises(EngineError, match="no Docker Engine of 20.10 or later"):
        talk(tmp_path, ping(theirs), lambda engine: engine.get("/version"))


def test_what_it_refuses_is_said_in_its_own_words(tmp_path: Path) -> None:
    """With the request, and the status for whoever can go on."""
    body = '{"message":"conflict: in use"}'
    refused = {"DELETE": f"HTTP/1.1 409 Conflict\r\nContent-Length: {len(body)}\r\n\r\n{body}"}
    with pytest.raises(EngineError, match="refused DELETE /volumes/x: conflict: in use") as caught:
        talk(tmp_path, {**ping("1.41"), **refused}, lambda engine: engine.delete("/volumes/x"))
    assert caught.value.status == 409


def test_what_is_not_there_is_none_and_removing_it_is_nothing(tmp_path: Path) -> None:
    """404 is an answer, too."""
    gone = "HTTP/1.1 404 Not Found\r\nContent-Length: 19\r\n\r\n" + '{"message":"none"}\n'

    async def work(engine: Engine) -> Any:
        await engine.delete("/volumes/x")
        return await engine.find("/volumes/x"), await engine.holds("x", "/etc")

    found, _ = talk(
        tmp_path, {**ping("1.41"), "DELETE": gone, "GET /v": gone, "HEAD": "HTTP/1.1 404 Not Found\r\n\r\n"}, work
    )
    assert found == (None, False)


def test_answers_in_chunks_and_progress_are_read_to_their_end(tmp_path: Path) -> None:
    """An error in the midst of progress is raised, though the status was good."""
    lines = ['{"status":"one"}\n{"sta', 'tus":"two"}\n', '{"error":"no room"}\n']
    chunks = "".join(f"{len(line):x}\r\n{line}\r\n" for line in lines) + "0\r\n\r\n"
    said: list[str] = []
    file = tmp_path / "root.tar"
    file.write_bytes(b"x" * 300_000)
    answers = {**ping("1.41"), "POST": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"}
    with pytest.raises(EngineError, match="could not do POST /images/create: no room"):
        talk(tmp_path, answers, lambda engine: engine.load("/images/create", file, said.append, fromSrc="-"))
    assert said == ["one", "two"]


def test_an_engine_that_hangs_up_or_is_not_there_is_said(tmp_path: Path) -> None:
    """With what to do; and one that says nothing is not waited for without end."""
    with pytest.raises(EngineError, match="hung up"):
        talk(
            tmp_path,
            {**ping("1.41"), "GET /v": "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"},
            lambda engine: engine.get("/version"),
        )
    with pytest.raises(EngineError, match=r"no Docker Engine answers at .*nowhere.*start it, or name its socket"):
        asyncio.run(Engine(str(tmp_path / "nowhere")).get("/version"))

    async def impatient(engine: Engine) -> None:
        await engine.get("/version")
        await engine.ask("GET", "/events", {}, seconds=0.1)

    with pytest.raises(EngineError, match="did not answer GET /events within 0.1 s"):
        talk(tmp_path, ping("1.41"), impatient)


def test_without_its_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider is configured, and what it needs is not installed."""
    monkeypatch.setitem(sys.modules, "h11", None)
    with pytest.raises(ProviderError, match=r"pip install 'remit\[docker\]'"):
        asyncio.run(Engine(str(tmp_path / "nowhere")).get("/version"))
