"""The file of a listening unix socket: made in a private directory, taken over from a dead process, never from a live one."""

from __future__ import annotations

import fcntl
import os
import socket
import stat

from remit.errors import Conflict, Unreachable
from remit.net._address import cannot_listen
from remit.net._private import make_private, refuse_exposed

__all__ = ["SocketFile"]

_BACKLOG = 128


class SocketFile:
    """The place of one listening socket. `listen` makes it, `remove` takes it away if it is still ours."""

    __slots__ = ("_directory", "_name", "identity", "path")

    identity: os.stat_result
    """What the file is, under whatever path; there after `listen`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._directory, self._name = os.path.split(path)

    def listen(self) -> socket.socket:
        """A listening socket at the path.

        Raises `StoreExposed` where others may enter the directory, `Conflict` where a live process listens or where
        something else than a socket is in the way, `Refused` where this user may not make it.
        """
        make_private(self._directory)
        directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            refuse_exposed(os.fstat(directory), self._directory)
            fcntl.flock(directory, fcntl.LOCK_EX)  # of two that find a stale socket, one takes it and one is refused
            self._clear(directory)
            return self._bind(directory)
        finally:
            os.close(directory)

    def remove(self) -> None:
        """Take the file away, unless another process has put its own there."""
        try:
            found = os.lstat(self.path)
            if (found.st_dev, found.st_ino) == (self.identity.st_dev, self.identity.st_ino):
                os.unlink(self.path)
        except (FileNotFoundError, AttributeError):
            pass  # gone already, or never there

    def _bind(self, directory: int) -> socket.socket:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.setblocking(False)
            listening.bind(self._short(directory))
            listening.listen(_BACKLOG)
            self.identity = os.stat(self._name, dir_fd=directory, follow_symlinks=False)
        except OSError as error:
            listening.close()
            raise cannot_listen(f"unix {self.path}", error) from error
        return listening

    def _clear(self, directory: int) -> None:
        """Remove the socket that a dead process left."""
        try:
            found = os.stat(self._name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(found.st_mode):
            raise Conflict(f"cannot listen on unix {self.path}: there is something that is not a socket; move it away")
        if self._is_live(directory):
            raise Conflict(
                f"cannot listen on unix {self.path}: a live process listens there; end it, or choose another path"
            )
        os.unlink(self._name, dir_fd=directory)

    def _is_live(self, directory: int) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                probe.connect(self._short(directory))
            except BlockingIOError:
                return True  # its queue is full, so it has one
            except (ConnectionRefusedError, FileNotFoundError):
                return False
            except OSError as error:
                raise Unreachable(f"cannot tell whether unix {self.path} is in use: {error.strerror}") from error
            return True

    def _short(self, directory: int) -> str:
        """The socket's path through the directory's descriptor: the kernel takes at most 107 bytes."""
        return f"/proc/self/fd/{directory}/{self._name}"
