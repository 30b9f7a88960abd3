"""Start-up: what it may not do, and how a start-up that differs is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from remit.app import (
    App,
    Worker,
    assert_build,
    assert_not_startup,
    assert_runtime,
    assert_startup,
    graph_of,
    load_program,
)
from remit.errors import BadArgument, Conflict, Missing, Misuse

HEAD = """
from remit.app import App, Worker
app = App("shop")
class Idle(Worker):
    note: str = ""
    async def run(self) -> None: ...
"""


def program(directory: Path, text: str) -> Path:
    path = directory / "app.py"
    path.write_text(HEAD + text)
    return path


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("open('/etc/hostname').read()", r"open\('/etc/hostname'\)"),
        ("import pathlib; pathlib.Path('/etc/hostname').read_text()", r"open"),
        ("import os; os.listdir('.')", r"os.listdir"),
        ("import os; os.environ['HOME']", r"os.environ"),
        ("import os; os.getenv('HOME')", r"os.environ"),
        ("import os; os.getpid()", r"os.getpid"),
        ("import time; time.time()", r"time.time"),
        ("from time import monotonic as m; m()", r"time.monotonic"),
        ("import datetime; datetime.datetime.now()", r"datetime.datetime.now"),
        ("import datetime; datetime.date.today()", r"datetime.date.today"),
        ("import random; random.random()", r"random.random"),
        ("import random; random.choice([1, 2])", r"random.getrandbits"),
        ("import uuid; uuid.uuid4()", r"os.urandom"),
        ("import secrets; secrets.token_hex()", r"os.urandom"),
        ("import socket; socket.gethostname()", r"socket.gethostname"),
        ("import socket; socket.socket()", r"socket"),
        ("import subprocess; subprocess.run(['true'])", r"subprocess.Popen"),
    ],
)
def test_start_up_that_looks_outside_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """I/O, environment, clock and randomness at start-up: the error names the call, and the program's line that made it (A1)."""
    path = program(tmp_path, text)
    with pytest.raises(Misuse, match=f"{told}.* was called at start-up, at {path}:7"):
        load_program(path)


def test_libraries_may_do_what_they_like_while_they_are_imported(tmp_path: Path) -> None:
    """Only the program's own code is watched: an import reads files, and a seeded generator is no randomness."""
    path = program(tmp_path, "import decimal, json, sqlite3, random\nIdle(app / str(random.Random(3).randint(1, 9)))\n")
    assert len(load_program(path).declarations) == 1


def test_helpers_of_the_program_are_watched_too(tmp_path: Path) -> None:
    """A module beside the program is its own code: what it does while it is imported is start-up."""
    (tmp_path / "helper_that_looks.py").write_text("import time\nSTARTED = time.time()\n")
    with pytest.raises(Misuse, match=r"time.time\(\) was called at start-up, at .*helper_that_looks.py:2"):
        load_program(program(tmp_path, "import helper_that_looks\n"))


def test_a_graph_that_differs_is_shown_as_a_diff(tmp_path: Path) -> None:
    """A start-up whose order of a set, or anything else, differs from process to process is found before anything is done (A1)."""
    path = program(tmp_path, "for name in sorted(map(hash, {'a', 'b'})): Idle(app / str(abs(name)))\n")
    with pytest.raises(Conflict, match="not deterministic") as caught:
        graph_of(path)
    assert "-      " in caught.value.message and "+      " in caught.value.message


def test_a_function_that_makes_another_graph_each_time_is_found() -> None:
    """The same for applications that a function makes."""
    made: list[App] = []

    class Idle(Worker):
        """Nothing."""

    def changing() -> None:
        app = App("shop")
        made.append(app)
        Idle(app / f"worker-{len(made)}")

    with pytest.raises(Conflict, match=r'-      "id": "shop/worker-1"'):
        graph_of(changing)


def test_graphs_are_the_same_to_the_byte(tmp_path: Path) -> None:
    """The JSON of one program is the same bytes each time, and reads back as the same graph."""
    path = program(tmp_path, "Idle(app / 'b', note='x')\nIdle(app / 'a')\n")
    first, second = graph_of(path), graph_of(path)
    assert first.canonical() == second.canonical()
    assert type(first).of(first.canonical()) == first


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("1 / 0", BadArgument, r"app.py:7: 1 / 0: ZeroDivisionError"),
        ("if:", BadArgument, r"app.py:7: invalid syntax"),
        ("App('other')", BadArgument, "makes 2 applications"),
        ("Idle(app / 'a', nte='')", BadArgument, "has no field 'nte'"),
    ],
)
def test_a_program_that_cannot_be_read_says_where(tmp_path: Path, text: str, error: type[Exception], told: str) -> None:
    """What is wrong with a program is told with its file and line."""
    with pytest.raises(error, match=told):
        load_program(program(tmp_path, text))


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """No file, and a file without an application, are told apart."""
    with pytest.raises(Missing, match="there is no program"):
        load_program(tmp_path / "no.py")
    (tmp_path / "none.py").write_text("")
    with pytest.raises(BadArgument, match="makes no application"):
        load_program(tmp_path / "none.py")


def test_assertions_say_which_epoch_it_is() -> None:
    """Users' assertions pass in their epoch and name the other one (A2)."""
    from remit.app._epoch import BUILD, RUNTIME, in_epoch

    assert_startup()
    for wrong in (assert_not_startup, assert_runtime, assert_build):
        with pytest.raises(Misuse, match="start-up"):
            wrong("connect()")
    with in_epoch(RUNTIME, "shop/a"):
        assert_runtime()
        assert_not_startup()
        with pytest.raises(Misuse, match="it is run time, in shop/a"):
            assert_startup("Worker()")
    with in_epoch(BUILD):
        assert_build()
        with pytest.raises(Misuse, match="it is the build"):
            assert_runtime()


def test_what_a_program_prints_is_no_part_of_its_graph(tmp_path: Path) -> None:
    """A start-up may print: the graph is the same."""
    assert graph_of(program(tmp_path, "print('hello')\nIdle(app / 'a')\n")).by_id.keys() == {"shop/a"}
