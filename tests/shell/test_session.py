"""The shell library against a server of ours, over everything that can carry its bytes."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from remit.dataspace.syndicate import Route
from tests.cli.test_dataspace import serving
from tests.shell.kit import LIBRARY, PATIENCE, plain_environment

WAYS = ["tcp", "unix by nc", "unix by socat", "tls by openssl"]
PLAIN = ("bash", "cat", "sleep")  # what the scripts need besides

TALK = """
told() { local IFS='|'; echo "$*"; }
syndicate_observe '<group <rec seat> {0: <bind <_>> 1: <bind <_>>}>' told
syndicate_quote "$3"; name=$REPLY
syndicate_assert "<seat $name 1>"; handle=$REPLY
syndicate_sync
syndicate_replace "$handle" "<seat $name 2>"; handle=$REPLY
syndicate_message "<seat $name [x \\"y\\"]>"
syndicate_sync
syndicate_retract "$handle"
syndicate_sync
syndicate_close
! syndicate_message '<seat 1 1>' 2>/dev/null && echo over
"""


class Place(NamedTuple):
    """A server: its process, where it listens, and its files."""

    process: subprocess.Popen[str]
    home: Path
    addresses: dict[str, str]

    def run(self, script: str, way: str, *words: str, ref: str = "") -> subprocess.Popen[bytes]:
        """A script that has connected, in its own directory of programs; skips the test where one of them is missing."""
        kind, _, by = way.partition(" by ")
        programs = self.home / f"programs for {way}"
        programs.mkdir(exist_ok=True)
        for program in (*PLAIN, *([by] if by else [])):
            found = shutil.which(program)
            if found is None:
                pytest.skip(f"{program} is not installed")
            if not (programs / program).exists():
                (programs / program).symlink_to(found)
        if by == "nc" and "-U" not in subprocess.run(["nc", "-h"], capture_output=True, text=True, check=False).stderr:
            pytest.skip("this netcat knows no unix sockets")
        begin = 'set -eu; . "$0"; syndicate_connect "$1"; syndicate_resolve "$(<"$2")"; '
        env = plain_environment(PATH=str(programs), SYNDICATE_CAFILE=str(self.home / "cert.pem"))
        command = ["bash", "-c", begin + script, str(LIBRARY), self.addresses[kind], ref or str(self.ref), *words]
        return subprocess.Popen(command, env=env, cwd=self.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    @property
    def ref(self) -> Path:
        """The file with the sturdyref."""
        return self.home / "room" / "space.ref"


def certificate(home: Path) -> None:
    """A certificate for this host, and its key, in PEM."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, None)
    )
    (home / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (home / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One server for these tests, on all transports; its socket's path has what programs take for something else."""
    home = tmp_path_factory.mktemp("shell")
    certificate(home)
    (home / 'so, "ck').mkdir(mode=0o700)
    where = ("tcp://127.0.0.1:0", "tls://127.0.0.1:0", f'<unix "{home}/so, \\"ck/et:1">')
    words = [word for address in where for word in ("--listen", address)]
    tls = ("--cert", str(home / "cert.pem"), "--key", str(home / "key.pem"))
    with serving(home, "--state", "room", *words, *tls) as process:
        found = Route.of((home / "room" / "space.route").read_text()).transports
        addresses = {each.kind: f"{each.kind}:{each.place}" + (f":{each.port}" if each.port else "") for each in found}
        yield Place(process, home, addresses)


@pytest.mark.parametrize("way", WAYS)
def test_a_script_takes_part(place: Place, way: str) -> None:
    """Assert, replace without a gap, send, retract, observe, sync, close: by each program that can carry it."""
    name = 'a "b" | $(c)'
    with place.run(TALK, way, name) as script:
        out, err = script.communicate(timeout=PATIENCE)
    quoted = '"a \\"b\\" | $(c)"'
    assert (out.decode().splitlines(), err, script.returncode) == (
        [
            f"add|{quoted}|1",
            *(f"add|{quoted}|2", f"remove|{quoted}|1"),
            f'message|{quoted}|[x "y"]',
            f"remove|{quoted}|2",
            "over",
        ],
        b"",
        0,
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_killed_script_leaves_nothing(place: Place, way: str) -> None:
    """Its assertions go, and the program that carried its bytes ends by itself."""
    told = (
        'told() { echo "$@"; }; syndicate_observe "<group <rec dying> {0: <bind <_>>}>" told; echo ready; syndicate_run'
    )
    dying = 'syndicate_assert "<dying 1>"; echo "${SYNDICATE_PID:-none}"; syndicate_run'
    with place.run(told, "tcp") as watching, place.run(dying, way) as script:
        try:
            assert watching.stdout is not None and script.stdout is not None
            pid = script.stdout.readline().strip().decode()
            lines = {watching.stdout.readline() for _ in range(2)}
            assert lines == {b"ready\n", b"add 1\n"}
            script.send_signal(signal.SIGKILL)
            assert watching.stdout.readline() == b"remove 1\n"
            end = time.monotonic() + PATIENCE
            while pid != "none" and running(int(pid)):
                assert time.monotonic() < end, f"the helper {pid} is left"
                time.sleep(0.01)
        finally:
            watching.kill()
            script.kill()


def running(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_a_reference_that_is_refused_is_said(place: Place, tmp_path: Path) -> None:
    """With the server's reason; the script goes on or ends, as it likes."""
    (tmp_path / "wrong.ref").write_text('<ref {oid: "dataspace" sig: #x"00112233445566778899aabbccddeeff"}>')
    with place.run("", "tcp", ref=str(tmp_path / "wrong.ref")) as script:
        _, err = script.communicate(timeout=PATIENCE)
    assert (script.returncode, b"the server refuses this reference" in err, b"0011" in err) == (1, True, False)


def test_a_server_that_is_not_there_is_said(place: Place) -> None:
    """Both for what bash does itself and for what another program does."""
    gone = place._replace(addresses={"tcp": "tcp:127.0.0.1:1", "unix": "unix:/nowhere", "tls": "x"})
    for way, said in (("tcp", b"nobody answers at tcp:127.0.0.1:1"), ("unix by socat", b"the link is over")):
        with gone.run("", way) as script:
            _, err = script.communicate(timeout=PATIENCE)
        assert (script.returncode != 0, said in err) == (True, True), err


def test_when_the_link_ends_what_was_told_is_taken_back(tmp_path: Path) -> None:
    """A script hears `remove` for all that it was told, and then that the link is over."""
    observe = 'told() { echo "$@"; }; syndicate_observe "<group <rec here> {0: <bind <_>>}>" told; syndicate_assert "<here 1>"'
    script = f'{observe}; syndicate_run; syndicate_step || echo "over $?"'
    with serving(tmp_path, "--state", "room", "--listen", "tcp://127.0.0.1:0") as process:
        found = Route.of((tmp_path / "room" / "space.route").read_text()).transports
        tcp = next(each for each in found if each.kind == "tcp")
        place = Place(process, tmp_path, {"tcp": f"tcp:{tcp.place}:{tcp.port}"})
        listening = place.run(script, "tcp")
        assert listening.stdout is not None and listening.stdout.readline() == b"add 1\n"
    with listening:
        out, _ = listening.communicate(timeout=PATIENCE)
    assert out.splitlines() == [b"remove 1", b"over 2"]
