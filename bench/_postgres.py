"""A PostgreSQL server of the system's packages, for as long as an experiment lasts. It will not run as root: then it runs as nobody."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def programs() -> Path | None:
    """Where the server's programs are; None where it is not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(os.path.realpath(found)).parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


def ordinary() -> dict[str, Any]:
    """The arguments of subprocess by which it does not run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a fresh server on a unix socket."""
    bin = programs()
    assert bin is not None
    directory = Path(tempfile.mkdtemp(prefix="bench-pg-"))
    try:
        if who := ordinary():
            os.chown(directory, who["user"], who["group"])
        words = [
            str(bin / "initdb"),
            "-D",
            str(directory / "data"),
            "-U",
            "bench",
            "-A",
            "trust",
            "-N",
            "--locale=C",
            "-E",
            "UTF8",
        ]
        subprocess.run(words, capture_output=True, cwd="/", check=True, **ordinary())
        words = [
            str(bin / "postgres"),
            "-D",
            str(directory / "data"),
            f"-cunix_socket_directories={directory}",
            "-clisten_addresses=",
            "-cfsync=off",
        ]
        with (directory / "log").open("wb") as log:
            server = subprocess.Popen(words, stdout=log, stderr=log, cwd="/", **ordinary())
        try:
            deadline = time.monotonic() + 20
            while b"ready to accept connections" not in (directory / "log").read_bytes():
                assert server.poll() is None and time.monotonic() < deadline, "PostgreSQL does not start"
                time.sleep(0.02)
            yield f"postgresql://bench@/postgres?host={directory}"
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait(20)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
