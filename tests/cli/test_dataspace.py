"""`remit dataspace …` against a server that is a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import ssl
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.kit import PATIENCE, Done, Invoke, command, environment
from tests.shell.kit import bash

STATE = Path(".local/state/remit/dataspace")


@contextmanager
def started(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command as a process, which is ended with SIGTERM."""
    process = subprocess.Popen(
        command(*words),
        env=environment(home),
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(PATIENCE)


@contextmanager
def serving(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A server that others can reach."""
    ours, theirs = os.pipe()
    process = subprocess.Popen(
        command("dataspace", "serve", "--ready-fd", str(theirs), *words),
        env=environment(home),
        cwd=home,
        pass_fds=[theirs],
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    with process, os.fdopen(ours) as ready:
        try:
            assert ready.readline() == "\n", process.communicate(timeout=PATIENCE)
            yield process
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of somebody who has a server, with a TCP port and CapTP; one for these tests."""
    home = tmp_path_factory.mktemp("house")
    with serving(home, "--listen", "tcp://127.0.0.1:0", "--captp", "127.0.0.1:0"):
        yield home


@pytest.fixture
def served(house: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That home is ours."""
    monkeypatch.setenv("HOME", str(house))
    monkeypatch.chdir(house)
    return house


def captures(done: Done) -> list[dict[str, object]]:
    """What a query with --json has found."""
    assert done.code == 0, done
    return [row["captures"] for row in json.loads(done.out)]


@pytest.mark.parametrize("way", ["space.route", "space.captp"])
def test_an_assertion_is_there_for_as_long_as_its_holder(served: Path, invoke: Invoke, way: str) -> None:
    """By both protocols: what `assert` says is seen by `query` and `watch`, and gone when its process is killed."""
    at = ("--space", str(served / STATE / way))
    with started(served, "dataspace", "watch", *at, "--json", "<present ?who>") as watching:
        assert watching.stdout is not None
        with started(served, "dataspace", "assert", *at, '<present "ada">') as holding:
            assert holding.stderr is not None
            assert holding.stderr.readline() == 'asserted <present "ada">\n'
            line = {"event": "asserted", "captures": {"who": "ada"}}
            assert json.loads(watching.stdout.readline()) == line
            assert captures(invoke("dataspace", "query", *at, "--json", "<present ?who>")) == [{"who": "ada"}]
            assert invoke("dataspace", "query", *at, "<present _>").out == '<present "ada">\n'
            holding.send_signal(signal.SIGKILL)
        assert json.loads(watching.stdout.readline()) == {**line, "event": "retracted"}
        assert invoke("dataspace", "send", *at, '<present [1 2.5 #t "x\\u001b"]>').code == 0
        said = json.loads(watching.stdout.readline())
        assert said == {"event": "message", "captures": {"who": [1, 2.5, True, "x\x1b"]}}
        watching.send_signal(signal.SIGINT)
        assert watching.wait(PATIENCE) == 0


def test_what_others_say_tells_the_terminal_nothing(served: Path, invoke: Invoke) -> None:
    """Control characters of theirs are spelled out, and `watch --once` ends after the first event."""
    with started(served, "dataspace", "assert", '<note "a\\u001b[31m\\nb" 1>') as holding:
        assert holding.stderr is not None and holding.stderr.readline()
        done = invoke("dataspace", "watch", "--once", "<note ?what ?number>")
    assert (done.code, "\x1b" in done.out) == (0, False)
    assert done.out == '+ "a\\u001b[31m\\nb" 1\n'


@pytest.mark.parametrize("way", ["space.trace", "space.captp"])
def test_turns_are_followed_with_their_causes(served: Path, invoke: Invoke, way: str) -> None:
    """`trace`: who said what, and who was told what, turn by turn; by the file that the server writes for it, and by CapTP."""
    with started(served, "dataspace", "trace", "--json", "--space", str(served / STATE / way)) as tracing:
        assert tracing.stdout is not None and tracing.stderr is not None
        assert "following" in tracing.stderr.readline()
        assert invoke("dataspace", "send", "<said 1>").code == 0
        turn = json.loads(tracing.stdout.readline())
        while not any(action["event"] == "message" and action["party"] for action in turn["actions"]):
            turn = json.loads(tracing.stdout.readline())
        (action,) = [action for action in turn["actions"] if action["party"] and action["event"] == "message"]
        assert action["value"] == {"record": "said", "fields": [1]} and not action["told"]
        assert (turn["cause"], "process" in turn["cause"]) == (action["party"], True)


def test_waiting_for_what_does_not_come_ends_in_time(served: Path, invoke: Invoke) -> None:
    """`watch --once` with a timeout: exit code 5. A query of what is not there is empty, and no failure."""
    assert invoke("--timeout", "0.3", "dataspace", "watch", "--once", "<nothing>").code == 5
    done = invoke("dataspace", "query", "<nothing>")
    assert (done.code, done.out) == (0, "")
    assert json.loads(invoke("dataspace", "query", "--json", "<nothing>").out) == []


def private(path: Path) -> bool:
    return stat.S_IMODE(path.stat().st_mode) == 0o600


def test_references_are_made_narrowed_and_taken_back(served: Path, invoke: Invoke) -> None:
    """`ref mint`, `attenuate`, `show`, `list` and `revoke`: each holder does what its file says, until it is taken back."""
    assert all(
        private(served / STATE / name) for name in ("keys", "space.ref", "space.route", "space.trace", "space.captp")
    )
    assert invoke("dataspace", "ref", "mint", "bob", "--only", "note", "--out", "bob.route").code == 0
    assert private(served / "bob.route")
    narrow = ("--reject", '<rec note [<lit "eve">]>', "--out", "less.route")
    assert invoke("dataspace", "ref", "attenuate", "bob.route", *narrow).code == 0
    shown = json.loads(invoke("dataspace", "ref", "show", "less.route", "--json").out)
    assert (shown["name"], len(shown["caveats"])) == ('"bob"', 2)
    assert "sig" not in json.dumps(shown)
    with started(served, "dataspace", "watch", "--space", "less.route", "<note _>") as watching:
        assert watching.stdout is not None
        with started(served, "dataspace", "assert", "<note 1>") as first:
            assert watching.stdout.readline() == "+ <note 1>\n"
            for value in ("<other 2>", '<note "eve">', "<note 3>"):
                assert invoke("dataspace", "send", "--space", "less.route", value).code == 0
            assert watching.stdout.readline() == "! <note 3>\n"
            assert json.loads(invoke("dataspace", "ref", "list", "--json").out) == ["bob", "dataspace", "trace"]
            assert invoke("dataspace", "ref", "revoke", "bob").code == 0
            assert watching.stdout.readline() == "- <note 1>\n"  # for this holder; it is there still
            assert first.poll() is None
        assert watching.stderr is not None and "withdrawn its answer" in watching.stderr.readline()
    done = invoke("--timeout", "0.3", "dataspace", "send", "--space", "less.route", "<note 4>")
    assert (done.code, "less.route" in done.err) == (1, True)
    assert invoke("dataspace", "ref", "revoke", "bob").code == 1


def test_references_stay_good_over_a_restart(home: Path, invoke: Invoke) -> None:
    """The keys are kept, so a file that was given away works again; a client that was connected comes back by itself."""
    with serving(home):
        before = (home / STATE / "space.ref").read_text()
        holding = started(home, "dataspace", "assert", "<present 1>")
        held = holding.__enter__()
        assert held.stderr is not None and held.stderr.readline()
    try:
        with serving(home):
            assert (home / STATE / "space.ref").read_text() == before
            assert invoke("dataspace", "watch", "--once", "<present ?>").out == "+ 1\n"
    finally:
        holding.__exit__(None, None, None)


def test_the_main_reference_is_renewed_by_taking_it_back(home: Path, invoke: Invoke) -> None:
    """A thief's copy is worth nothing, and the server's own files have another one."""
    with serving(home):
        old = (home / STATE / "space.route").read_text()
        (home / "stolen").write_text(old)
        (home / "stolen").chmod(0o600)
        with started(home, "dataspace", "assert", "--space", "stolen", "<spy>") as spying:
            assert spying.stderr is not None and spying.stderr.readline()
            assert invoke("dataspace", "ref", "revoke", "dataspace").code == 0
            assert "lost" in spying.stderr.readline()
        assert (home / STATE / "space.route").read_text() != old
        assert invoke("dataspace", "query", "<spy>").out == ""
        assert invoke("--timeout", "0.3", "dataspace", "query", "--space", "stolen", "_").code == 4


def test_websockets_and_the_newer_dialect_lead_there(home: Path, invoke: Invoke) -> None:
    """`--at ws://…` goes to the TCP port by a WebSocket; with `--dialect ok` our clients, the one in bash included, come in as well."""
    with serving(home, "--dialect", "ok", "--listen", "tcp://127.0.0.1:0"):
        addresses = json.loads(invoke("dataspace", "ref", "show", str(STATE / "space.route"), "--json").out)[
            "addresses"
        ]
        (tcp,) = [address.removeprefix("tcp://") for address in addresses if address.startswith("tcp:")]
        with started(home, "dataspace", "assert", "<present 1>") as holding:
            assert holding.stderr is not None and holding.stderr.readline()
            assert invoke("dataspace", "query", "--at", f"ws://{tcp}/", "<present ?>").out == "1\n"
            script = 'syndicate_connect "$1"; syndicate_resolve "$(<"$2")"; syndicate_sync; echo there'
            assert bash(script, f"tcp:{tcp}", str(STATE / "space.ref")) == b"there\n"


def test_a_deleted_reference_to_captp_is_worth_nothing_after_a_restart(home: Path, invoke: Invoke) -> None:
    """Each start takes the swiss number from the file; without one there is a new number, and the old one is refused."""
    with serving(home, "--captp", "127.0.0.1:0"):
        (home / STATE / "space.captp").rename(home / "old.captp")
    with serving(home, "--captp", "127.0.0.1:0"):
        assert invoke("dataspace", "query", "--space", str(STATE / "space.captp"), "_").code == 0
        assert invoke("dataspace", "query", "--space", "old.captp", "_").code == 4


def test_a_literal_sturdyref_is_refused(invoke: Invoke) -> None:
    """Other users can read command lines; the words that were given are not repeated."""
    secret = '<ref {oid: "dataspace" sig: #x"00112233445566778899aabbccddeeff"}>'
    for words in (("dataspace", "ref", "show", secret), ("dataspace", "query", "--space", f"x {secret}", "_")):
        done = invoke(*words)
        assert (done.code, "0011" in done.err + done.out) == (2, False)
        assert "command line" in done.err


def test_references_come_from_standard_input_and_descriptors(
    home: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`-` and `fd:N`, as for the boss; a file that others can read is refused, and so is one that holds something else."""
    text = '<ref {oid: "x" sig: #x"00112233445566778899aabbccddeeff"}>'
    ours, theirs = os.pipe()
    os.write(theirs, text.encode())
    os.close(theirs)
    assert json.loads(invoke("dataspace", "ref", "show", f"fd:{ours}", "--json").out)["name"] == '"x"'
    (home / "open.ref").write_text(text)
    done = invoke("dataspace", "ref", "show", "open.ref")
    assert (done.code, "chmod 600" in done.err) == (1, True)
    (home / "open.ref").write_text("[nothing]")
    (home / "open.ref").chmod(0o600)
    assert "neither a route nor a sturdyref" in invoke("dataspace", "ref", "show", "open.ref").err
    done = invoke("dataspace", "query", "_")
    assert (done.code, "remit dataspace serve" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("query", "<a"), "no Preserves text"),
        (("query", "#{1}"), "set cannot be matched"),
        (("query", "<?x 1 2>"), "has 2 of them"),
        (("send", "@missing.pr"), "cannot read missing.pr"),
        (("quer", "_"), "Did you mean 'query'?"),
        (("ref", "attenuate", "x"), "--only"),
        (("serve", "--listen", "tls://127.0.0.1:0", "--key", "x"), "--cert"),
    ],
)
@pytest.mark.usefixtures("home")
def test_wrong_words_are_explained(invoke: Invoke, words: tuple[str, ...], said: str) -> None:
    """Wrong usage ends with code 2 and says what to write."""
    done = invoke("dataspace", *words)
    assert (done.code, said in done.err) == (2, True), done


def test_one_server_has_a_state_directory(home: Path, invoke: Invoke) -> None:
    """A second one is told which process has it, and a stopped one leaves no socket."""
    with serving(home) as server:
        done = invoke("dataspace", "serve")
        assert (done.code, str(server.pid) in done.err) == (1, True)
    assert not (home / STATE / "space.sock").exists()


@pytest.mark.parametrize("way", ["space.trace", "space.captp"])
def test_who_takes_part_and_observes_is_shown(served: Path, invoke: Invoke, way: str) -> None:
    """`parties`, `observers`, `debts` and `metrics`: for people, as JSON and for Prometheus; by the server's own file, and by CapTP."""
    at = ("--space", str(served / STATE / way))

    def read(what: str) -> Any:
        return json.loads(invoke("dataspace", what, *at, "--json").out)

    with started(served, "dataspace", "assert", "<watched 1>") as holding:
        assert holding.stderr is not None and holding.stderr.readline()
        with started(served, "dataspace", "watch", "--json", "<watched ?what>") as watching:
            assert watching.stdout is not None and watching.stdout.readline()
            mine, *_ = [each for each in read("observers") if "watched" in each["pattern"]["text"]]
            assert mine["matches"] == 1 and mine["parties"][0] in {each["name"] for each in read("parties")}
            heading, *rows = invoke("dataspace", "observers", *at).out.splitlines()
            assert heading.split() == ["PARTY", "MATCHES", "POLICY", "SENT", "WAITING", "DROPPED", "PATTERN"]
            assert any("watched" in row for row in rows)
            assert invoke("dataspace", "parties", *at).out.startswith("PARTY")
            assert read("debts").keys() == {"debts", "peers"}
            assert invoke("dataspace", "debts", *at).err == "nothing waits for slow observers\n"
            said = invoke("dataspace", "metrics", *at).out
            assert "# TYPE remit_dataspace_assertions gauge\n" in said and "\nremit_dataspace_debt_bytes 0\n" in said
            assert ("remit_dataspace_connections " in said) == (way == "space.trace")
    done = invoke("--timeout", "0.3", "dataspace", "parties", "--space", str(served / STATE / "space.route"))
    assert done.code == 5 and "space.trace" in done.err


def test_without_a_certificate_the_server_makes_its_own(home: Path, invoke: Invoke) -> None:
    """It is kept, its key is for nobody else, its fingerprint is told, and whoever has a copy of it trusts it and no other."""
    state, digests = home / STATE, []
    for _ in range(2):
        with serving(home, "--listen", "tls://127.0.0.1:0") as process:
            assert process.stderr is not None
            said = process.stderr.readline()
            digests.append(said.rpartition(" ")[2].strip())
            assert f"{state / 'tls.pem'} (for --cafile), SHA-256 " in said
            text = (state / "space.route").read_text()
            (home / "far.route").write_text(text[: text.index("<unix")] + text[text.index("<tls") :])
            (home / "far.route").chmod(0o600)
            far = ("--space", str(home / "far.route"))
            assert invoke("dataspace", "query", *far, "--cafile", str(state / "tls.pem"), "_").code == 0
            done = invoke("--timeout", "2", "dataspace", "query", *far, "_")
            assert done.code != 0 and "certificate" in done.err
    assert digests[0] == digests[1]
    assert digests[0] == ssl_digest(state / "tls.pem") and len(digests[0]) == 95
    assert (state / "tls-key.pem").stat().st_mode & 0o777 == 0o600
    with serving(home, "--listen", "tls://127.0.0.1:0", "--published", "space.example") as process:
        assert process.stderr is not None and digests[0] not in process.stderr.readline()


def ssl_digest(path: Path) -> str:
    """The fingerprint of a certificate, by other means than ours."""
    raw = ssl.PEM_cert_to_DER_cert(path.read_text())
    return ":".join(f"{byte:02X}" for byte in hashlib.sha256(raw).digest())
