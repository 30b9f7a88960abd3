"""How a machine elsewhere comes by its agent: the archive that it fetches, the files that go along, and the way to its boss."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import json
import subprocess
import tarfile
import threading
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.errors import ProviderError
from remit.machines._far import FarOptions, far_document, read_far_option
from remit.net import NodeKey
from remit.values import Locator, SturdyRef

PRESENT = FarOptions(present=True)


def told(places: str = "", **agent: Any) -> dict[str, Any]:
    hints = {"tls": places} if places else {}
    introduction = SturdyRef(Locator("remit", NodeKey.generate().designator, hints), b"x" * 32).uri()
    return {"version": 1, "machine": "db", "id": "db-1", "introduction": introduction, "agent": agent}


def files(document: bytes) -> dict[str, bytes]:
    """What cloud-init writes, by path."""
    written = json.loads(document.partition(b"\n")[2])["write_files"]
    return {
        each["path"]: b64decode(each["content"]) if "encoding" in each else each["content"].encode() for each in written
    }


def section(document: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files(document)["/root/.remit/user-data"])["agent"]
    return found


def run_install(document: bytes, top: Path) -> subprocess.CompletedProcess[str]:
    """What the set-up script does before it starts the agent, with its directories below `top`."""
    script = files(document)["/usr/local/sbin/remit-set-up"].decode()
    install = script.partition("(\n")[2].partition("\n)\n")[0]
    for place in ("/opt/", "/root/"):
        install = install.replace(place, f"{top}{place}")
    return subprocess.run(["sh", "-eu", "-c", install], capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A server with an archive: its URL and digest."""
    place = tmp_path / "served"
    place.mkdir()
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        entry = tarfile.TarInfo("bin/remit-agent")
        entry.size, entry.mode = 5, 0o755
        tar.addfile(entry, io.BytesIO(b"agent"))
    (place / "agent.tar.gz").write_bytes(made.getvalue())

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(place)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/agent.tar.gz"
        yield url, hashlib.sha256(made.getvalue()).hexdigest()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_archive_is_fetched_compared_and_unpacked(tmp_path: Path, archive: tuple[str, str]) -> None:
    """With Python alone, which cloud-init brings; the agent is then where the unit starts it."""
    url, digest = archive
    options = FarOptions(parcel=read_far_option("parcel", f"{url}#sha256={digest}"))
    document = far_document(told("192.0.2.7:4433"), options)
    done = run_install(document, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "opt/remit/bin/remit-agent").read_text() == "agent"
    assert b"ExecStart=/opt/remit/bin/remit-agent --state" in files(document)["/etc/systemd/system/remit-agent.service"]


def test_another_archive_is_not_unpacked(tmp_path: Path, archive: tuple[str, str]) -> None:
    """Whatever the server gives: the digest in the configuration says which it is."""
    options = FarOptions(parcel=f"{archive[0]}#sha256={'0' * 64}")
    done = run_install(far_document(told("192.0.2.7:4433"), options), tmp_path)
    assert done.returncode != 0
    assert f"has the SHA-256 {archive[1]}" in done.stderr
    assert not (tmp_path / "opt/remit/bin").exists()


def test_small_files_go_along(tmp_path: Path) -> None:
    """Modules and services that the agent is told to load: packed, unpacked beside the agent, and named as they are there."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "notes.py").write_text("x = 1\n")
    document = far_document(told("192.0.2.7:4433", path=[str(code)], classes=["notes"]), PRESENT)
    assert section(document)["path"] == ["/opt/machine/path-0"]
    staged = tmp_path / "root/.remit"
    staged.mkdir(parents=True)
    (staged / "luggage.tar.gz").write_bytes(files(document)["/root/.remit/luggage.tar.gz"])
    done = run_install(document, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "opt/machine/path-0/notes.py").read_text() == "x = 1\n"


def test_more_than_there_is_room_for_is_refused(tmp_path: Path) -> None:
    """With the numbers, and what to do; nothing of what was in it is said."""
    code = tmp_path / "code"
    code.mkdir()
    noise = "".join(hashlib.sha256(str(each).encode()).hexdigest() for each in range(600))
    (code / "large.py").write_text(f"x = '{noise}'\n")
    user_data = told("192.0.2.7:4433", path=[str(code)])
    with pytest.raises(ProviderError, match=r"there is room for 16384: tell its agent less") as caught:
        far_document(user_data, PRESENT)
    assert "/s/" not in str(caught.value)


@pytest.mark.parametrize(
    ("places", "agent", "expected"),
    [
        ("198.51.100.4:4433", {}, {"listen": "0.0.0.0:0", "facing": "198.51.100.4"}),
        ("boss.example.org:4433", {}, {"listen": "0.0.0.0:0", "facing": "192.0.2.1"}),
        ("127.0.0.1:1,198.51.100.4:2", {}, {"listen": "0.0.0.0:0", "facing": "198.51.100.4"}),
        ("198.51.100.4:4433", {"published": "m.example.org"}, {"published": "m.example.org"}),
        ("127.0.0.1:4433", {"listen": "127.0.0.1:0"}, {"listen": "127.0.0.1:0"}),
    ],
)
def test_a_machine_says_the_address_that_it_has_on_the_way_to_its_boss(
    places: str, agent: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Unless the configuration says where others reach it."""
    assert section(far_document(told(places, **agent), PRESENT)) == expected


@pytest.mark.parametrize("places", ["127.0.0.1:4433", "[::1]:4433", "localhost:4433"])
def test_a_boss_on_loopback_is_refused(places: str) -> None:
    """No machine elsewhere could ever reach it."""
    with pytest.raises(ProviderError, match="loopback address only"):
        far_document(told(places), PRESENT)
