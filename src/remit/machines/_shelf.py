"""One directory of laid-out bindings, for the programs of one user.

ROOT/                   0700 of the agent's user; for another user's programs 0750 of root and that user's group, so that it cannot put anything there
    NAME -> .NAME.x     one symbolic link for each binding, turned over to a new directory in one step when the credential changes
    .NAME.x/            as ROOT, with a file (0600 of the programs' user) for each entry: type, host, port, username, password, uri, …
    .NAME.socket        where the service is reached by a tunnel: what listens (0600), which is `socket` in each directory of the binding

The form is that of the *Service Binding Specification for Kubernetes*, section "Workload Projection". Whose binding it is, and of which
generation, stands in a file that no entry can be named as.
"""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from remit.durable import open_state_dir, write_secret_file
from remit.errors import BadArgument

__all__ = ["MARK", "SOCKET", "Shelf", "User", "user_of_name"]

MARK: Final = ".remit"  # "edge generation [socket|port:NUMBER]"; entries begin with letters or digits
PENDING: Final = ".reload"  # there while the programs have not been told of what was written
SOCKET: Final = "socket"


class User:
    """A user of this host other than the agent's."""

    __slots__ = ("gid", "name", "uid")

    def __init__(self, name: str, uid: int, gid: int) -> None:
        self.name = name
        self.uid = uid
        self.gid = gid


def user_of_name(name: str) -> User | None:
    """The user with this name or number; None for the agent's own. Raises `BadArgument` where there is none, or the agent may not act for it."""
    try:
        found = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except (KeyError, OverflowError):
        raise BadArgument(f"there is no user {name!r} on this machine") from None
    if found.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise BadArgument(
            f"bindings for programs of user {name!r} are laid out by an agent that runs as root, and this one does not"
        )
    return User(found.pw_name, found.pw_uid, found.pw_gid)


class Shelf:
    """Owned by the machine's layout. `user` is None for the agent's own."""

    def __init__(self, root: Path, user: User | None = None) -> None:
        self.root = root
        self.user = user

    def open(self) -> None:
        """Make the directory, where it is not there."""
        self._directory(self.root)

    def _directory(self, path: Path) -> None:
        if self.user is None:
            open_state_dir(path)
            return
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, -1, self.user.gid)
        path.chmod(0o750)

    def turn_over(self, name: str, files: dict[str, str], listening: Path | None) -> None:
        """Lay out these files under a name, in one step."""
        made = self.root / f".{name}.{os.urandom(6).hex()}"
        self._directory(made)
        for entry, text in files.items():
            self.write(made / entry, text.encode())
        if listening is not None:
            os.link(listening, made / SOCKET)
        link = self.root / f".{name}.link"
        link.unlink(missing_ok=True)
        link.symlink_to(made.name)
        link.replace(self.root / name)
        self._clear(name, made.name)

    def write(self, path: Path, data: bytes) -> None:
        """A file that only the programs' user can read."""
        write_secret_file(path, data, replace=True)
        self.own(path)

    def own(self, path: Path) -> None:
        """Give a file or socket to the programs' user."""
        if self.user is not None:
            os.chown(path, self.user.uid, self.user.gid, follow_symlinks=False)

    def hang_in(self, name: str, listening: Path) -> None:
        """Put a fresh listening socket where the old one was."""
        fresh = self.root / name / f".{SOCKET}"
        fresh.unlink(missing_ok=True)
        os.link(listening, fresh)
        fresh.replace(self.root / name / SOCKET)

    def remove(self, name: str) -> None:
        """Remove what is laid out under a name."""
        (self.root / name).unlink(missing_ok=True)
        (self.root / f".{name}.{SOCKET}").unlink(missing_ok=True)
        self._clear(name, "")

    def told(self, name: str, *, yes: bool) -> None:
        """Whether the programs have heard of what is laid out; kept until they have."""
        path = self.root / name / PENDING
        if yes:
            path.unlink(missing_ok=True)
        else:
            path.touch(mode=0o600)

    def untold(self, name: str) -> bool:
        """Whether they still have to be told."""
        return (self.root / name / PENDING).exists()

    def held(self) -> dict[str, str]:
        """The edges that are laid out, by name."""
        return {name: edge for name in self._names() if (edge := self.edge(name))}

    def edge(self, name: str) -> str:
        """The edge that is laid out under a name, or ""."""
        return self.mark(name).partition(" ")[0]

    def mark(self, name: str) -> str:
        """What is written down of it."""
        try:
            return (self.root / name / MARK).read_text()
        except OSError:
            return ""

    def texts(self, name: str) -> dict[str, str]:
        """The entries that are laid out under a name."""
        files = [
            path for path in (self.root / name).iterdir() if not path.name.startswith(".") and not path.is_socket()
        ]
        return {path.name: path.read_text() for path in files}

    def exposed(self, name: str) -> set[str]:
        """The entries under a name that others than the programs' user can read."""
        files = [
            path for path in (self.root / name).iterdir() if not path.name.startswith(".") and not path.is_socket()
        ]
        return {path.name for path in files if path.stat().st_mode & 0o077}

    def _names(self) -> Iterator[str]:
        if self.root.is_dir():
            yield from (
                path.name for path in self.root.iterdir() if path.is_symlink() and not path.name.startswith(".")
            )

    def _clear(self, name: str, but: str) -> None:
        """Remove directories of this name that nothing leads to."""
        for path in self.root.glob(f".{name}.*"):
            if path.is_dir() and not path.is_symlink() and path.name != but:
                shutil.rmtree(path, ignore_errors=True)
