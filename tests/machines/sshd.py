"""A real sshd for tests: Debian's, with a configuration of its own, on a high port of the loopback address."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.credentials.servers import free_port, program

PATIENCE = 20.0
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {place}/host_key
AuthorizedKeysFile {place}/authorized_keys
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin yes
MaxStartups 100
SetEnv HOME={home}
Subsystem sftp internal-sftp
"""


class Sshd:
    """One that runs. `home` is the home directory of whoever logs in; `identity` the private key that it takes."""

    def __init__(self, place: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.place = place
        self.port = port
        self.process = process
        self.home = place / "home"
        self.identity = place / "identity"

    @property
    def host(self) -> str:
        """As the option `host` names it."""
        return f"{pwd.getpwuid(os.geteuid()).pw_name}@127.0.0.1:{self.port}"


def keygen(path: Path) -> None:
    """A key pair without a passphrase, in place of one that is there."""
    path.unlink(missing_ok=True)
    words = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(words, check=True, capture_output=True, timeout=PATIENCE)


def lacks() -> str:
    """Why no sshd can be had here, "" if one can."""
    if importlib.util.find_spec("asyncssh") is None:
        return "the package asyncssh is not installed (remit[ssh])"
    me = pwd.getpwuid(os.geteuid())
    if os.path.basename(me.pw_shell) in ("nologin", "false", ""):
        return f"nobody can log in as {me.pw_name}, who runs the tests (its shell is {me.pw_shell})"
    server = shutil.which("sshd") or "/usr/sbin/sshd"
    return "" if os.access(server, os.X_OK) else "sshd is not installed here (Debian: openssh-server)"


@contextmanager
def sshd(place: Path) -> Iterator[Sshd]:
    """An sshd as the user that runs the tests. Skips where there is none."""
    if why := lacks():
        pytest.skip(why)
    server = shutil.which("sshd") or "/usr/sbin/sshd"
    (place / "home").mkdir()
    keygen(place / "host_key")
    keygen(place / "identity")
    shutil.copy(place / "identity.pub", place / "authorized_keys")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it separates its privileges
    port = free_port()
    (place / "sshd_config").write_text(CONFIG.format(port=port, place=place, home=place / "home"))
    with (place / "sshd.log").open("wb") as log:
        words = [server, "-D", "-e", "-f", str(place / "sshd_config")]
        made = Sshd(place, port, subprocess.Popen(words, stdout=log, stderr=log, cwd="/"))
    try:
        deadline = time.monotonic() + PATIENCE
        while "Server listening" not in (text := (place / "sshd.log").read_text()):
            assert made.process.poll() is None and time.monotonic() < deadline, text
            time.sleep(0.01)
        yield made
    finally:
        made.process.send_signal(signal.SIGTERM)
        made.process.wait(PATIENCE)
