"""Help: there for every command, quick, and of use when a command is misspelt."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import remit
from remit.cli import _exit
from remit.cli._main import COMMANDS, cli
from tests.cli.kit import Invoke, environment, process
from tests.house.source import TOP


def every(group: click.Group = cli, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command, groups included."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*before, name)
        if isinstance(command, click.Group):
            yield from every(command, (*before, name))


@pytest.mark.parametrize("words", list(every()), ids=" ".join)
def test_every_command_has_help(words: tuple[str, ...], invoke: Invoke) -> None:
    """With its usage, a sentence that says what it does, and a word on each option."""
    done = invoke(*words, "--help")
    assert (done.code, done.err) == (0, "")
    usage, sentence = [line for line in done.out.splitlines() if line.strip()][:2]
    assert usage.startswith(f"Usage: remit {' '.join(words)} [OPTIONS]")
    assert len(sentence.split()) > 2
    assert [line for line in done.out.splitlines() if line.startswith("  --") and len(line.split()) < 2] == []


def test_the_list_of_commands_says_what_the_commands_say() -> None:
    """The sentence in the list is kept apart from the command, for speed; both are there, and the command is the one meant."""
    context = click.Context(cli)
    for name, (_, _, sentence) in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None and command.name == name
        assert sentence.endswith(".") and len(sentence) < 60


def test_help_imports_no_command() -> None:
    """`remit --help` lists the commands without loading any of them."""
    script = (
        "import sys, json, io, contextlib\n"
        "from remit.cli._main import run\n"
        "with contextlib.redirect_stdout(io.StringIO()) as said:\n"
        "    assert run(['--help']) == 0\n"
        "assert 'who-can' in said.getvalue()\n"
        "print(json.dumps([name for name in sys.modules if name.startswith('remit.')]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    loaded = {name.removeprefix("remit.cli.") for name in json.loads(done.stdout) if name.startswith("remit.cli.")}
    assert loaded == {"_main", "_exit"}
    assert not {"remit.net", "remit.captp", "remit.durable", "remit.machines"} & set(json.loads(done.stdout))


def test_a_command_loads_no_other_ones_weight(home: Path) -> None:
    """Asking the boss loads neither the store nor what only the boss's process needs."""
    script = (
        "import sys, json\n"
        "from remit.cli._main import run\n"
        "assert run(['status']) == 1\n"
        "print(json.dumps([name for name in sys.modules if name.startswith('remit.') or name == 'sqlite3']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env=environment(home),
        cwd=home,
    )
    assert not {"remit.machines", "sqlite3"} & set(json.loads(done.stdout))


@pytest.mark.parametrize("words", [["-h"], ["machine", "-h"], ["machine", "create", "-h"]])
def test_help_has_a_short_form(words: list[str], invoke: Invoke) -> None:
    """`-h` is `--help`."""
    assert invoke(*words).out.startswith("Usage: remit")


def test_without_a_command_help_goes_to_stderr(invoke: Invoke) -> None:
    """It is no data, and nothing was done: wrong usage."""
    done = invoke()
    assert done.code == _exit.USAGE
    assert done.out == ""
    assert "Commands:" in done.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["statsu"], "No such command 'statsu'. Did you mean 'status'?"),
        (["machine", "crate"], "No such command 'crate'. Did you mean 'create'?"),
        (["alarm", "clera"], "No such command 'clera'. Did you mean 'clear'?"),
        (["alarm", "zzz"], "No such command 'zzz'. There are: clear, list."),
        (["machine", "create", "--opton", "a=b", "x"], "--option"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_nearest(words: list[str], hint: str, invoke: Invoke) -> None:
    """Commands of groups and options, too; and the exit code says that it was wrong usage."""
    done = invoke(*words)
    assert (done.code, done.out) == (_exit.USAGE, "")
    assert hint in done.err


def test_the_version_is_said(invoke: Invoke) -> None:
    """Installed or not; and of an installed one, whether it is compiled, and on which loop boss and agents run."""
    done = invoke("--version")
    assert done.code == 0 and done.out.startswith("remit")
    build = "(compiled, " if remit.compiled else "(pure Python, "
    assert "not installed" in done.out or (build in done.out and done.out.endswith(("asyncio)\n", "uvloop)\n")))


def test_exit_codes_are_documented(invoke: Invoke) -> None:
    """In the help, and in the manual's table."""
    codes = [_exit.FAILED, _exit.USAGE, _exit.PARTLY, _exit.REFUSED, _exit.TIMED_OUT, _exit.INTERRUPTED]
    assert codes == [1, 2, 3, 4, 5, 130]
    said = " ".join(invoke("--help").out.split())
    assert f"Exit codes: {_exit.CODES}." in said
    manual = (TOP / "docs" / "machines.md").read_text()
    assert all(f"| {code} | " in manual for code in (0, *codes))


def test_the_module_is_the_command(home: Path) -> None:
    """`python -m remit.cli` is `remit`, and says so."""
    done = process(home, "--help")
    assert done.code == 0 and done.out.startswith("Usage: remit [OPTIONS]")
