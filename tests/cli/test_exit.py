"""How commands end that do not get to a boss: exit codes, errors as people read them, and secrets that stay out."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from remit.cli import _connect, _exit
from remit.cli._main import Settings
from remit.errors import Broken, Conflict, NotAllowed, RemitError, StoreLocked
from remit.net import NodeKey
from remit.values import Locator, SturdyRef
from tests.cli.kit import PATIENCE, Invoke, command, environment, process
from tests.processes import open_files


def reference(tls: str = "127.0.0.1:9") -> str:
    """A reference to the boss of a node that is not there."""
    return SturdyRef(Locator("remit", NodeKey.generate().designator, {"tls": tls}), b"swiss-number-of-a-test").uri()


def admin(home: Path, text: str, mode: int = 0o600) -> Path:
    """The file that commands look for without any configuration."""
    directory = home / ".local" / "state" / "remit" / "boss"
    directory.mkdir(parents=True, mode=0o700)
    path = directory / "admin.ref"
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture
def silent() -> Iterator[str]:
    """A place that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


# --- no boss ------------------------------------------------------------------------------------------


def test_without_a_boss_the_error_says_how_to_start_one(home: Path, invoke: Invoke) -> None:
    """And where its reference was looked for."""
    done = invoke("status")
    assert (done.code, done.out) == (_exit.FAILED, "")
    assert f"no boss's reference at {home}/.local/state/remit/boss/admin.ref" in done.err
    assert "remit boss run" in done.err and "--boss" in done.err and "$REMIT_BOSS" in done.err


def test_a_reference_that_others_can_read_is_refused(home: Path, invoke: Invoke) -> None:
    """With the command that mends it, and nothing of what is in it."""
    path = admin(home, reference(), 0o640)
    done = invoke("status")
    assert done.code == _exit.FAILED
    assert f"chmod 600 '{path}'" in done.err
    assert "/s/" not in done.err


@pytest.mark.parametrize("text", ["", "nonsense", "ocapn://only.remit?tls=a:1", "\xff\xfe", "ocapn://a.remit/s/!!"])
def test_a_file_without_a_reference_is_said(home: Path, invoke: Invoke, text: str) -> None:
    """It may have been cut short, or be another file; what it holds is not repeated."""
    path = admin(home, text)
    done = invoke("status")
    assert done.code == _exit.FAILED
    assert f"{path} does not hold a boss's reference" in done.err
    assert not text or text not in done.err


def test_a_boss_that_does_not_run_is_said(home: Path, invoke: Invoke) -> None:
    """With what to do, and the ways that were tried."""
    admin(home, reference())
    done = invoke("status")
    assert done.code == _exit.FAILED
    assert "does not answer; is it running? Start it with: remit boss run" in done.err
    assert "127.0.0.1" in done.err
    assert "swiss" not in done.err and "Traceback" not in done.err


def test_a_boss_that_says_nothing_is_waited_for_until_the_time_is_over(home: Path, invoke: Invoke, silent: str) -> None:
    """`--timeout` bounds it; an exit code of its own."""
    admin(home, reference(silent))
    done = invoke("--timeout", "0.3", "status")
    assert (done.code, done.out) == (_exit.TIMED_OUT, "")
    assert "no answer within 0.3 s" in done.err and "--timeout" in done.err


def test_waiting_for_a_boss_ends_with_the_time(home: Path, invoke: Invoke, silent: str) -> None:
    """Whether there is no reference, nobody at its address, or somebody who says nothing."""
    assert invoke("--timeout", "0.3", "boss", "wait").code == _exit.TIMED_OUT
    path = admin(home, reference())
    assert invoke("--timeout", "0.3", "boss", "wait").code == _exit.TIMED_OUT
    path.write_text(reference(silent))
    done = invoke("--timeout", "0.3", "boss", "wait")
    assert done.code == _exit.TIMED_OUT
    assert "no boss has answered within 0.3 s; start one with: remit boss run" in done.err


def test_waiting_for_a_boss_does_not_wait_for_a_broken_file(home: Path, invoke: Invoke) -> None:
    """It would not get better."""
    admin(home, "nonsense")
    assert invoke("--timeout", "40", "boss", "wait").code == _exit.FAILED


@pytest.mark.parametrize("seconds", ["0", "-1", "soon"])
def test_a_time_to_wait_is_more_than_nothing(invoke: Invoke, seconds: str) -> None:
    """Anything else is wrong usage."""
    done = invoke("--timeout", seconds, "status")
    assert done.code == _exit.USAGE and "--timeout" in done.err


# --- which boss ----------------------------------------------------------------------------------------


def test_the_boss_is_named_by_option_environment_or_configuration(
    home: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this order; `@` before a file is allowed."""
    (home / "remit.toml").write_text('[boss]\nstate = "configured"\n')
    assert f"at {home}/configured/admin.ref" in invoke("status").err
    monkeypatch.setenv("REMIT_BOSS", str(home / "of-environment"))
    assert f"at {home}/of-environment" in invoke("status").err
    assert "at given" in invoke("--boss", "given", "status").err
    assert "at given" in invoke("--boss", "@given", "status").err


def test_the_reference_may_come_by_standard_input_or_a_descriptor(
    home: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For who keeps it elsewhere than in a file."""
    monkeypatch.setattr("sys.stdin", io.StringIO(reference() + "\n"))
    assert "the boss of standard input does not answer" in invoke("--boss", "-", "status").err
    read, write = os.pipe()
    os.write(write, reference().encode())
    os.close(write)
    assert f"the boss of fd:{read} does not answer" in invoke("--boss", f"fd:{read}", "status").err


@pytest.mark.parametrize("given", ["fd:", "fd:x", "fd:987"])
def test_a_descriptor_that_is_not_open_is_wrong_usage(home: Path, invoke: Invoke, given: str) -> None:
    """With the form that is meant."""
    done = invoke("--boss", given, "status")
    assert done.code == _exit.USAGE and "write fd:3" in done.err


# --- secrets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["call", "boss", "status", "{}"],
        ["--boss", "{}", "status"],
        ["--boss={}", "status"],
        ["{}"],
        ["bind", "a.b", "{}"],
        ["call", "a.b", "take", '{{"ref": "{}"}}'],
    ],
)
def test_a_sturdyref_in_argv_is_refused_and_not_repeated(invoke: Invoke, words: list[str]) -> None:
    """Other users can read command lines; wherever it stands, before anything else is done."""
    secret = reference()
    for spelt in (secret, secret.replace("ocapn", "OCAPN")):
        done = invoke(*(word.format(spelt) for word in words))
        assert (done.code, done.out) == (_exit.USAGE, "")
        assert "is a sturdyref: a secret" in done.err and "@FILE" in done.err
        assert spelt.partition("/s/")[2].partition("?")[0] not in done.err


def test_a_locator_is_no_secret(home: Path, invoke: Invoke) -> None:
    """An address alone gives nothing."""
    done = invoke("call", "boss", "learn", Locator("remit", "abc", {"tls": "a:1"}).uri())
    assert "sturdyref" not in done.err


# --- errors --------------------------------------------------------------------------------------------


def fails(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Have every question to the boss end in this error."""

    def ask(settings: Settings, question: object) -> None:
        raise error

    from remit.cli import _status

    monkeypatch.setattr(_connect, "ask_boss", ask)
    monkeypatch.setattr(_status, "ask_boss", ask)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Conflict("it is there", id="boss.7"), _exit.FAILED, "Error: Conflict: it is there [boss.7]"),
        (NotAllowed("not this"), _exit.REFUSED, "Error: NotAllowed: not this"),
        (Broken("off", kind="ValueError"), _exit.FAILED, "Error: ValueError: off"),
        (StoreLocked("by 17"), _exit.FAILED, "Error: StoreLocked: by 17"),
        (RemitError("odd"), _exit.FAILED, "Error: RemitError: odd"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_one_line_with_its_kind_and_id(
    error: RemitError, code: int, said: str, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback; missing authority has an exit code of its own."""
    fails(monkeypatch, error)
    assert invoke("status") == (code, "", said + "\n")


def test_notes_of_an_error_are_told(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was known further up, a line each."""
    error = Conflict("it is there")
    error.add_note("on machine db")
    fails(monkeypatch, error)
    assert invoke("status").err == "Error: Conflict: it is there\n  on machine db\n"


def test_debug_shows_the_traceback_and_keeps_the_exit_code(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """For who asks for it."""
    fails(monkeypatch, NotAllowed("not this"))
    done = invoke("--debug", "status")
    assert done.code == _exit.REFUSED
    assert "Traceback" in done.err and done.err.endswith("Error: NotAllowed: not this\n")


def test_a_fault_of_ours_is_told_without_a_traceback(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """As such, and with the way to see more."""
    fails(monkeypatch, KeyError("edge"))
    done = invoke("status")
    assert (done.code, done.out) == (_exit.FAILED, "")
    assert "KeyError: 'edge'" in done.err and "fault in Remit itself" in done.err and "--debug" in done.err
    assert "Traceback" not in done.err


def test_an_interrupted_command_says_so(home: Path, silent: str) -> None:
    """By ctrl-C: exit code 130, and no traceback."""
    admin(home, reference(silent))
    with subprocess.Popen(
        command("status"),
        env=environment(home),
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as child:
        wait_until_dialling(child.pid)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, out, err.strip()) == (_exit.INTERRUPTED, "", "interrupted")


def wait_until_dialling(pid: int) -> None:
    """Until the process has a socket open: then it is under way."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if any("socket:" in name for name in open_files(pid)):
            return
        time.sleep(0.01)
    raise AssertionError("it never dialled")


# --- asking --------------------------------------------------------------------------------------------


def test_destroying_asks_a_person_and_wants_yes_of_a_script(home: Path) -> None:
    """Where nobody can be asked, nothing is destroyed."""
    done = process(home, "machine", "destroy", "db")
    assert done.code == _exit.USAGE
    assert "--yes" in done.err


def test_only_needs_a_method(invoke: Invoke) -> None:
    """`--only ''` would narrow to nothing, or, read carelessly, not at all."""
    for given in ("", ",", " , "):
        done = invoke("bind", "a.b", "c.d", "--only", given)
        assert done.code == _exit.USAGE and "name at least one method" in done.err


def test_a_call_needs_a_binding_or_the_boss(invoke: Invoke) -> None:
    """A machine alone cannot be called."""
    done = invoke("call", "db", "names")
    assert done.code == _exit.USAGE and "neither MACHINE.NAME nor boss" in done.err


def test_a_wrong_configuration_is_wrong_usage(home: Path, invoke: Invoke) -> None:
    """Something to mend, as a wrong option is."""
    (home / "remit.toml").write_text("[boss]\nlisen = 1\n")
    done = invoke("status")
    assert done.code == _exit.USAGE
    assert "Error: " in done.err and "did you mean `listen`?" in done.err
