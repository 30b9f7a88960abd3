"""The chat's clients as processes: what they are told is typed, and what they print is waited for."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from remit.dataspace.syndicate import Address, Route
from tests.cli.kit import PATIENCE, environment
from tests.dataspace.syndicate.peers import SYNDICATE_PY, python_with
from tests.house.source import TOP

__all__ = ["KINDS", "Guest", "Room"]

CHAT = TOP / "examples" / "chat"
KINDS = ("bash", "bash over a unix socket", "python", "syndicate-py", "captp")


class Room:
    """Where a server's files say that the room is."""

    def __init__(self, state: Path) -> None:
        self.state = state
        addresses = Route.of((state / "space.route").read_text()).transports
        self.unix = next(address for address in addresses if address.kind == "unix")
        self.tcp = next(address for address in addresses if address.kind == "tcp")

    def command(self, kind: str, name: str) -> list[str]:
        """How a client of this kind is started; skips the test where what it needs is not there."""
        ref, tcp = str(self.state / "space.ref"), f"tcp:{self.tcp.place}:{self.tcp.port}"
        if kind == "bash":
            return ["bash", str(CHAT / "chat.sh"), tcp, ref, name]
        if kind == "bash over a unix socket":
            if not (shutil.which("socat") or _netcat()):
                pytest.skip("neither socat nor a netcat that knows unix sockets is installed")
            return ["bash", str(CHAT / "chat.sh"), f"unix:{self.unix.place}", ref, name]
        if kind == "python":
            return [sys.executable, str(CHAT / "chat.py"), str(self.state / "space.route"), name]
        if kind == "captp":
            return [sys.executable, str(CHAT / "chat_captp.py"), str(self.state / "space.captp"), name]
        python = str(python_with(SYNDICATE_PY))
        return [python, str(CHAT / "chat_syndicate_py.py"), _record(self.tcp), ref, name]


def _record(address: Address) -> str:
    return f'<tcp "{address.place}" {address.port}>'


def _netcat() -> bool:
    if shutil.which("nc") is None:
        return False
    done = subprocess.run(["nc", "-h"], capture_output=True, text=True, check=False)
    return "-U" in done.stdout + done.stderr


class Guest:
    """One process in the room."""

    def __init__(self, room: Room, home: Path, kind: str, name: str) -> None:
        command = self.start(room, kind, name)
        self.kind = kind
        self.name = name
        self.errors = (home / f"{name}.err").open("w+b")
        path = {} if kind == "syndicate-py" else {"PYTHONPATH": environment(home)["PYTHONPATH"]}
        env = {name: value for name, value in environment(home).items() if name != "PYTHONPATH"} | path
        self.process = subprocess.Popen(
            command, env=env, cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            start_new_session=True,
        )  # fmt: skip
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def start(self, room: Room, kind: str, name: str) -> list[str]:
        """How it is started."""
        return room.command(kind, name)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.decode().rstrip("\n"))
                self._changed.notify_all()

    def types(self, text: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def sees(self, *lines: str) -> None:
        """Wait until all of these were printed."""
        end = time.monotonic() + PATIENCE
        with self._changed:
            while not all(line in self.lines for line in lines):
                assert self._changed.wait(end - time.monotonic()), self.story(lines)

    def story(self, wanted: Any) -> str:
        """For a failure: what was wanted, and what was there."""
        self.errors.seek(0)
        return f"{self.name} ({self.kind}) wanted {wanted}, saw {self.lines}; {self.errors.read().decode()}"

    def kill(self) -> None:
        """SIGKILL, to the one process that we have started."""
        os.kill(self.process.pid, signal.SIGKILL)

    def leaves(self) -> None:
        """The end of input."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0, self.story("to leave well")

    def end(self) -> None:
        """Whatever became of it, nothing of it is left."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.errors.close()
