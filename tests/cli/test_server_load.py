"""`remit server load`, `versions`, `rollback` and `forget`, on a server of a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.kit import PATIENCE, Invoke, environment

SERVER = """
import asyncio, sys
from remit.ensemble import Home, run_registry, serve

async def main(home):
    async with run_registry(home), serve("web1", home=home):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main(Home(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a server that runs, and modules in `code`."""
    top = tmp_path_factory.mktemp("place")
    (top / "code").mkdir()
    command = [sys.executable, "-c", SERVER, str(top / "home")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment(top), stdin=pipe, stdout=pipe, text=True, cwd=top) as child:
        assert child.stdin is not None and child.stdout is not None
        try:
            assert child.stdout.readline() == "ready\n"
            yield top
        finally:
            child.stdin.close()
            child.wait(PATIENCE)


@pytest.fixture
def server(place: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """A command of the group, in the directory of the modules."""
    monkeypatch.chdir(place / "code")
    return lambda command, *words: invoke("server", command, "--home", str(place / "home"), *words)


def test_a_module_is_loaded_listed_taken_back_and_forgotten(place: Path, server: Invoke) -> None:
    """E20: The digest of what was loaded is all of stdout; people are told on stderr what was executed. What is there already is said to be."""
    code = place / "code"
    (code / "handler.py").write_text("import helper\nN = 1\n")
    (code / "helper.py").write_text("")
    first = server("load", "web1", "handler")
    assert first.code == 0, first.err
    assert len(first.out.strip()) == 64 and "... loaded handler\n... loaded helper\n" in first.err
    again = server("load", "web1", "handler")
    assert again.out == first.out and "there already" in again.err
    assert server("load", "web1", "handler.py").out == first.out
    alone = json.loads(server("load", "--force", "web1", "handler", "--json").out)
    assert alone["executed"] == ["handler"] and alone["digest"] != first.out.strip()
    listed = json.loads(server("versions", "web1", "handler", "--json").out)
    assert [each["running"] for each in listed] == [False, True] and listed[0]["who"] == "local"
    assert "running" in server("versions", "web1").out
    back = server("rollback", "web1", "handler")
    assert back.out == first.out, back.err
    assert "before the one that runs" in server("rollback", "web1", "handler").err
    ahead = server("rollback", "web1", "handler", "--to", alone["digest"][:8])
    assert ahead.out.strip() == alone["digest"]
    assert server("forget", "web1", "handler").code == 0
    assert json.loads(server("versions", "web1", "--json").out) == []


def test_a_module_of_the_servers_own_path_is_loaded(server: Invoke) -> None:
    """E20: Nothing is sent with --library; with --force it is executed anew."""
    loads = [
        server("load", *words, "web1", "colorsys", "--json")
        for words in (["--library"], ["--library"], ["--library", "-f"])
    ]
    assert [json.loads(each.out)["executed"] for each in loads] == [["colorsys"], [], ["colorsys"]]
    assert server("forget", "web1", "colorsys").code == 0


def test_what_is_wrong_is_said_in_one_line(place: Path, server: Invoke) -> None:
    """An unknown module, a syntax error, a module that raises, an unknown server, and words that are missing."""
    code = place / "code"
    (code / "broken.py").write_text("def f(:\n")
    (code / "raises.py").write_text("1 / 0\n")
    for words, status, told in (
        (["web1", "handlr_"], 1, "there is no module handlr_ here"),
        (["web1", "brokn"], 1, "did you mean broken?"),
        (["web1", "broken"], 1, "broken is no Python, line 1"),
        (["web1", "raises"], 1, "LoadFailed: raises raised ZeroDivisionError: division by zero (raises.py, line 1)"),
        (["--library", "web1", "jsonn"], 1, "did you mean json?"),
        (["web9", "raises"], 1, "web9"),
        (["web1"], 2, "this takes ID MODULE"),
    ):
        done = server("load", *words)
        assert (done.code, done.out) == (status, "") and told in done.err, (words, done)
        assert "Traceback" not in done.err
    assert json.loads(server("versions", "web1", "raises", "--json").out) == []
