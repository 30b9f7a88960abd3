"""What is printed where: tables and JSON to stdout, talk to stderr, colours and progress for terminals only."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from remit.cli import _exit, _show
from remit.cli._machine import machine_table
from remit.errors import Broken
from remit.vat import Vat
from tests.captp.objects import Counter
from tests.cli.kit import PATIENCE, environment, on_terminal

TABLE = """
from remit.cli._show import progress, table
with progress() as show:
    show("half of it")
table(("NAME", "STATE"), [("a", "active"), ("long-name", "pending")])
"""


def test_a_table_has_a_column_for_each_heading(capsys: pytest.CaptureFixture[str]) -> None:
    """As wide as the widest cell; no line ends in blanks."""
    _show.table(("NAME", "STATE", "NOTE"), [("a", "active", ""), ("long-name", "pending", "late")])
    assert capsys.readouterr().out.splitlines() == [
        "NAME       STATE    NOTE",
        "a          active",
        "long-name  pending  late",
    ]


def test_a_table_without_rows_is_no_data(capsys: pytest.CaptureFixture[str]) -> None:
    """What to do instead is said on stderr."""
    _show.table(("NAME",), [], "there is nothing; make something")
    assert capsys.readouterr() == ("", "there is nothing; make something\n")


def test_json_is_one_document_in_a_fixed_order(capsys: pytest.CaptureFixture[str]) -> None:
    """So that two outputs can be compared as text."""
    _show.show_json({"b": [1, None], "a": "ä"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"a": "ä", "b": [1, None]}
    assert out.index('"a"') < out.index('"b"')


def test_json_of_what_json_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes are marked as such; a reference is shown by its repr, which has no secret."""
    _show.show_json({"key": b"\x01\xff", "ref": Vat("v").spawn(Counter)})
    shown = json.loads(capsys.readouterr().out)
    assert shown["key"] == {"bytes": "01ff"}
    assert shown["ref"].startswith("<ref ")


def test_a_terminal_gets_colours_and_progress(home: Path) -> None:
    """States are coloured; the line that says how far something is goes away again."""
    written = on_terminal(home, TABLE)
    assert "\x1b[32mactive\x1b[0m" in written
    assert "\r\x1b[Khalf of it\r\x1b[K" in written


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_a_terminals_user_can_do_without_colours(home: Path, more: dict[str, str]) -> None:
    """$NO_COLOR, and terminals that have none."""
    assert "\x1b[3" not in on_terminal(home, TABLE, **more)


def test_an_empty_no_color_means_nothing(home: Path) -> None:
    """no-color.org: present and not an empty string."""
    assert "\x1b[32mactive" in on_terminal(home, TABLE, NO_COLOR="")


def test_a_pipe_gets_neither(home: Path) -> None:
    """What a script reads has no escape sequences and no progress."""
    done = subprocess.run(
        [sys.executable, "-c", TABLE], env=environment(home), capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.splitlines() == ["NAME       STATE", "a          active", "long-name  pending"]
    assert done.stderr == ""


def test_a_reader_that_goes_away_is_no_fault(home: Path) -> None:
    """`remit … | head -1` ends without a traceback."""
    script = "from remit.cli._main import run\nimport sys\nsys.exit(run(['--help']))"
    with subprocess.Popen(
        [sys.executable, "-c", script], env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        child.stdout.close()
        assert b"Traceback" not in child.stderr.read()
        child.wait(PATIENCE)


def test_a_machine_that_is_silent_for_minutes_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    """Its agent says hello each minute: without one for longer, the table says what to try."""
    machine = {"name": "db", "state": "active", "provider": "process", "created": 1.0, "alarms": [], "error": ""}
    machine_table([{**machine, "seen": time.time() - 200}])
    assert "silent; try: remit machine start db" in capsys.readouterr().out
    machine_table([{**machine, "seen": time.time() - 30}])
    assert "silent" not in capsys.readouterr().out


def test_what_a_machine_says_tells_the_terminal_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Descriptions and errors may hold anything: escapes are spelled out in tables, in talk and in errors, JSON escapes them."""
    evil = "fine\x1b[2J\u202e\nALARM settled"
    _show.table(("NAME",), [(evil,)])
    _show.say(evil)
    _show.tell(evil)
    _show.show_json({"it": evil})
    told = _exit.told(Broken(evil))
    out, err = capsys.readouterr()
    for shown in (out, err, told):
        assert "\x1b" not in shown and "\u202e" not in shown
        assert "fine\\x1b[2J\\u202e" in shown or '"it"' in shown
    assert len([line for line in out.splitlines() if line.startswith("ALARM")]) == 0


def test_an_error_that_fills_the_screen_is_cut() -> None:
    """A peer may send a text of a megabyte."""
    assert len(_exit.told(Broken("x" * 1_000_000))) < 4100


def test_text_that_is_called_for_is_printed_as_it_is_where_no_terminal_reads_it(home: Path) -> None:
    """`remit call` into a file keeps every byte; on a terminal it is spelled out."""
    script = "import sys\nfrom unittest import mock\nfrom remit.cli import _call, _main\n"
    script += "with mock.patch.object(_call, 'ask_boss', lambda *_: 'a\\x1b[2Jb'):\n    sys.exit(_main.run(['call', 'a.b', 'c']))"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(home), capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "a\x1b[2Jb\n"
    assert "a\\x1b[2Jb" in on_terminal(home, script)


def test_commands_print_by_way_of_what_spells_out() -> None:
    """`tell`, `say`, `table` and `show_json`: no command writes others' words to a terminal by itself."""
    own = {"_show.py", "_main.py", "_call.py"}  # where it is done, and seen to
    for path in sorted(Path(_show.__file__).parent.glob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        direct = [
            call.lineno
            for call in calls
            if ast.unparse(call.func) in ("click.echo", "click.secho", "print")
            and not all(isinstance(each, ast.Constant) for each in call.args)
        ]
        assert path.name in own or not [
            line for line in direct if "echo()" not in path.read_text().splitlines()[line - 1]
        ]
