"""What a cloud does with the user data of a machine, on this host: its files in a directory, and an agent, or something that merely stays alive, in place of its boot."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

from remit.machines._process_table import Process, reap

IDLE = "import time; time.sleep(300)"


def boot(place: Path, document: str, *, real: bool) -> None:
    """As cloud-init and `remit-set-up` do: the user data where the agent finds it, what came beside it unpacked, and the agent started."""
    state = place / "state"
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if running(place):
        return
    if not (state / "machine.json").exists():
        head, _, rest = document.partition("\n")
        assert head == "#cloud-config"
        for file in json.loads(rest)["write_files"]:
            if file["path"].startswith("/root/.remit/"):
                _write(place, state, file)
    told = ["-m", "remit.machines", "--state", str(state)] if real else ["-c", IDLE, f"{place}/"]
    with (place / "agent.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, *told], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    noted = Process.of(child.pid)
    assert noted is not None
    (place / "process").write_text(noted.text())
    child.returncode = 0  # it outlives whoever started it


def _write(place: Path, state: Path, file: dict[str, Any]) -> None:
    data = b64decode(file["content"]) if file.get("encoding") == "b64" else file["content"].encode()
    name = file["path"].rpartition("/")[2]
    if name == "luggage.tar.gz":
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as tar:
            safe: dict[str, Any] = (
                {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            )  # not before Python 3.11.4
            tar.extractall(place / "luggage", **safe)
        return
    path = state / name
    path.touch(mode=0o600)
    path.write_bytes(data.replace(b"/opt/machine", str(place / "luggage").encode()))


def noted(place: Path) -> Process | None:
    try:
        return Process.parse((place / "process").read_text())
    except FileNotFoundError:
        return None


def running(place: Path) -> bool:
    found = noted(place)
    if found is not None:
        reap(found.pid)
    return found is not None and found.alive


def end(place: Path) -> None:
    """At once."""
    found = noted(place)
    if found is None:
        return
    found.send(signal.SIGKILL)
    deadline = time.monotonic() + 20.0
    while running(place):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def pids(place: Path) -> list[str]:
    """Processes of machines below this directory."""

    def words(pid: str) -> bytes:
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return b""

    return [each for each in os.listdir("/proc") if each.isdigit() and f"{place}/".encode() in words(each)]
