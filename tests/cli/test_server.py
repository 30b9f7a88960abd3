"""`remit registry` and `remit server`, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.kit import PATIENCE, Done, Invoke, command, environment, process
from tests.house.source import TOP

MAIN = "tests.ensemble.town_main"


@contextmanager
def running(home: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command as a process that says when it is up, and is ended at the end."""
    ours, theirs = os.pipe()
    env = environment(home, PYTHONPATH=f"{TOP / 'src'}:{TOP}")
    with (home / "processes.log").open("ab") as log:
        process = subprocess.Popen(
            command(*words[:2], "--ready-fd", str(theirs), *words[2:])
            if words[0] == "server"
            else command(*words, "--ready-fd", str(theirs)),
            env=env,
            stdout=log,
            stderr=log,
            cwd=home,
            pass_fds=[theirs],
        )
    os.close(theirs)
    try:
        with open(ours, "rb") as ready:
            assert ready.read(1) == b"\n", (home / "processes.log").read_text()
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


def soon(true: object) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_servers_are_run_found_asked_and_shut_down(home: Path, invoke: Invoke) -> None:
    """The commands of docs/ensembles.md, one after the other, on an ensemble of this host."""
    with (
        running(home, "registry") as registry,
        running(home, "server", "run", "-r", "httpd", "--log-file", "-", "web1", MAIN, "8080", "-x") as web1,
    ):
        assert invoke("server", "ping", "web1")[:2] == (0, "OK\n")
        assert process(home, "server", "ping", "web1", "greeter") == Done(0, "OK\n", "")  # the quick way
        assert "has no actor 'greter'; did you mean greeter?" in process(home, "server", "ping", "web1", "greter").err
        assert invoke("server", "ping", "web1", "greeter")[:2] == (0, "OK\n")
        names = [each["id"] for each in json.loads(invoke("server", "list", "--json").out)]
        assert names == ["registry@/", "web1@/"]
        found = json.loads(invoke("server", "lookup", "--role", "httpd", "--json").out)
        assert [(each["id"], each["roles"], list(each["addresses"])) for each in found] == [
            ("web1@/", ["httpd"], ["unix"])
        ]
        assert "web1    httpd  unix:" in invoke("server", "lookup", "web1").out
        missing = invoke("server", "lookup", "wed1")
        assert missing.code == 1
        assert "did you mean web1@/?" in missing.err
        assert invoke("server", "actors", "web1").out.split()[2:] == ["deaf", "test.deaf", "greeter", "test.greeter"]
        assert "registry@/" in invoke("server", "connections", "web1").out
        assert f"pid: {web1.pid}\n" in invoke("server", "env", "web1").out
        assert "await asyncio.Event().wait()" in invoke("server", "stack", "web1").out
        assert "town: main has 8080 -x" in invoke("server", "logs", "web1").out
        assert "main has" in (home / ".local/state/remit/ensemble/servers/web1/server.log").read_text()
        deaf = invoke("server", "shutdown", "web1", "deaf")
        assert (deaf.code, "left as it is" in deaf.err) == (1, True)
        assert invoke("server", "shutdown", "web1", "greeter").code == 0
        assert "greeter" not in invoke("server", "actors", "web1").out
        done = invoke("server", "shutdown", "-f")
        assert [line for line in done.err.splitlines() if "shutting" in line] == [
            "... shutting down web1",
            "... shutting down registry",
        ]
        assert (web1.wait(PATIENCE), registry.wait(PATIENCE)) == (0, 0)


def test_a_killed_server_is_gone_at_once_and_a_frozen_one_within_two_heartbeats(home: Path, invoke: Invoke) -> None:
    """E4, E9: nobody is listed who is not there: not after SIGKILL, and not while a process answers nothing."""

    def listed() -> list[str]:
        return [each["id"] for each in json.loads(invoke("server", "list", "--json").out)][1:]

    with running(home, "registry", "--heartbeat", "0.3"), running(home, "server", "run", "web1", MAIN) as web1:
        with running(home, "server", "run", "web2", MAIN) as web2:
            assert listed() == ["web1@/", "web2@/"]
            web2.kill()
            web2.wait(PATIENCE)
            soon(lambda: listed() == ["web1@/"])
        web1.send_signal(signal.SIGSTOP)
        soon(lambda: listed() == [])
        web1.send_signal(signal.SIGCONT)
        soon(lambda: listed() == ["web1@/"])


def test_a_server_is_reached_by_its_reference_without_a_registry(home: Path, invoke: Invoke) -> None:
    """`--server FILE` is all that the server's own user needs; without a cookie a server runs, unregistered."""
    with running(home, "server", "run", "alone", MAIN):
        reference = home / ".local/state/remit/ensemble/servers/alone/control.ref"
        assert invoke("server", "ping", "--server", str(reference)).out == "OK\n"
        assert invoke("server", "ping", "alone").out == "OK\n"
        assert invoke("server", "actors", "--server", f"@{reference}").code == 0
        told = invoke("server", "list")
        assert told.code == 1
        assert "remit admin cookie" in told.err
        both = invoke("server", "ping", "--server", str(reference), "alone")
        assert (both.code, "name one server" in both.err) == (2, True)
        reference.chmod(0o644)
        assert "chmod 600" in invoke("server", "ping", "--server", str(reference)).err


def test_the_domain_of_bare_names_is_shown_and_set(home: Path, invoke: Invoke) -> None:
    """`remit admin domain` takes a relative domain or an absolute one, and refuses what is none."""
    assert invoke("admin", "domain").out == "/\n"
    assert invoke("admin", "domain", "/shop").out == "/shop\n"
    assert invoke("admin", "domain", "eu").out == "/shop/eu\n"
    wrong = invoke("admin", "domain", "/../x")
    assert (wrong.code, "part of a domain" in wrong.err) == (1, True)
    assert invoke("admin", "domain").out == "/shop/eu\n"


@pytest.mark.parametrize(
    ("module", "words"),
    [("no_such_module_here", "there is no module"), ("tests.house.source", "has no function main")],
)
def test_what_cannot_be_run_is_said(home: Path, invoke: Invoke, module: str, words: str) -> None:
    """A module that is not there, or has no main, is wrong usage, and says so."""
    done = invoke("server", "run", "web1", module)
    assert (done.code, words in done.err) == (2, True), done.err
