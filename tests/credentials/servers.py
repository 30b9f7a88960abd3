"""Real servers for tests: PostgreSQL and Redis of the system's packages, in a directory of their own, on a unix socket and a loopback port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 20.0
OWNER_PASSWORD = "the-owners-own-password"  # of a server that lives as long as a test


def free_port() -> int:
    """A port that nobody listens on now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(*names: str) -> str:
    """The path of an installed program, or the test is skipped and says why."""
    for name in names:
        found = shutil.which(name)
        if found:
            return found
        for place in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True):
            return str(place)
    pytest.skip(f"{names[0]} is not installed here (Debian: postgresql, redis-server)")


def client(module: str) -> Any:
    """A client library, or the test is skipped."""
    return pytest.importorskip(module, reason=f"the package {module} is not installed (remit[postgres], remit[redis])")


def ordinary() -> dict[str, Any]:
    """How to run what refuses to run as root: the arguments for subprocess."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextmanager
def place() -> Iterator[Path]:
    """A short directory (sockets have short paths) that the server's user owns."""
    directory = Path(tempfile.mkdtemp(prefix="remit-server-"))
    try:
        if who := ordinary():
            os.chown(directory, who["user"], who["group"])
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class Server:
    """One running server."""

    def __init__(self, directory: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.directory = directory
        self.port = port
        self.process = process

    def log(self) -> str:
        """What it has written."""
        return "".join(path.read_text(errors="replace") for path in self.directory.glob("*.log"))

    def wait(self, ready: str) -> None:
        """Until it listens, and says that it is ready."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log()
            if ready in self.log():
                return
            time.sleep(0.01)
        raise AssertionError(f"the server does not listen:\n{self.log()}")

    def stop(self) -> None:
        """End it at once: nothing of it is kept."""
        self.process.kill()
        self.process.wait(PATIENCE)


@contextmanager
def postgres() -> Iterator[Server]:
    """A PostgreSQL server whose superuser is `boss`; every statement is logged."""
    client("psycopg")
    initdb, server = program("initdb"), str(Path(os.path.realpath(program("initdb"))).with_name("postgres"))
    with place() as directory:
        data, password = directory / "data", directory / "password"
        password.write_text(OWNER_PASSWORD)
        if who := ordinary():
            os.chown(password, who["user"], who["group"])
        words = [
            initdb,
            "-D",
            str(data),
            "-U",
            "boss",
            f"--pwfile={password}",
            "-A",
            "scram-sha-256",
            "-N",
            "--locale=C",
            "-E",
            "UTF8",
        ]
        done = subprocess.run(words, capture_output=True, text=True, cwd="/", timeout=60, check=False, **ordinary())
        assert done.returncode == 0, done.stderr
        port = free_port()
        settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": directory, "fsync": "off"}
        settings |= {
            "log_statement": "all",
            "log_min_duration_statement": "0",
            "max_connections": "60",
            "shared_buffers": "16MB",
        }
        words = [server, "-D", str(data), *(f"-c{name}={value}" for name, value in settings.items())]
        with (directory / "postgres.log").open("wb") as log:
            running = Server(directory, port, subprocess.Popen(words, stdout=log, stderr=log, cwd="/", **ordinary()))
        try:
            running.wait("ready to accept connections")
            yield running
        finally:
            running.process.send_signal(signal.SIGQUIT)  # its sessions end as well, at once
            running.process.wait(PATIENCE)


@contextmanager
def redis() -> Iterator[Server]:
    """A Redis server with an ACL file, whose owner is `boss`."""
    client("redis")
    server = program("redis-server")
    with place() as directory:
        acl, port = directory / "users.acl", free_port()
        acl.write_text(f"user default off\nuser boss on >{OWNER_PASSWORD} ~* &* +@all\n")
        if who := ordinary():
            os.chown(acl, who["user"], who["group"])
        words = [server, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--aclfile", str(acl)]
        words += ["--save", "", "--appendonly", "no", "--unixsocket", str(directory / "redis.sock")]
        with (directory / "redis.log").open("wb") as log:
            running = Server(directory, port, subprocess.Popen(words, stdout=log, stderr=log, cwd="/", **ordinary()))
        try:
            running.wait("Ready to accept connections")
            yield running
        finally:
            running.stop()
