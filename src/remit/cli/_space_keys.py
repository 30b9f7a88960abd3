"""The keys of a dataspace's sturdyrefs: one for each name, so that what was minted under one can be taken back alone.

STATE/                  0700
    keys                names and keys, 0600, as Preserves text: {"dataspace": #x"…"}
    lock                held by the server
    keys.lock           held while keys are changed
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from remit.dataspace.syndicate import SturdyRef
from remit.durable import FileLock, open_state_dir, read_secret_file, write_secret_file
from remit.errors import BadArgument, DecodeError, Missing, StoreCorrupt
from remit.values import preserves

__all__ = ["MAIN", "TRACE", "Keys"]

MAIN: Final = "dataspace"
"""The name of the reference that the server itself writes."""
TRACE: Final = "trace"
"""The name of the references by which one follows the dataspace's turns."""
KEY: Final = 16
"""Bytes of a fresh key (Syndicate Protocol, Sturdy references)."""


class Keys:
    """The key file of one state directory, read anew each time: the server follows what commands change."""

    def __init__(self, state: Path) -> None:
        self.directory = open_state_dir(state)
        self.path = self.directory / "keys"

    def read(self) -> dict[str, bytes]:
        """Names and keys. Raises `StoreCorrupt` where the file is damaged."""
        try:
            found = preserves.parse(read_secret_file(self.path).decode())
        except Missing:
            return {}
        except (DecodeError, UnicodeDecodeError):
            found = None
        if type(found) is not dict or not all(type(key) is bytes for key in found.values()):
            raise StoreCorrupt(
                f"{self.path} does not hold keys: restore it, or remove it, which takes back all sturdyrefs"
            )
        return found

    def mint(self, name: str, caveats: list[Any]) -> SturdyRef:
        """A sturdyref by the key of this name, which is made where there is none."""
        with FileLock(self.directory / "keys.lock", f"{self.path}"):
            keys = self.read()
            if name not in keys:
                keys[name] = os.urandom(KEY)
                self._write(keys)
        return SturdyRef.mint(name, keys[name], *caveats)

    def revoke(self, name: str) -> None:
        """Forget the key of this name: all that was minted by it is worth nothing from now on."""
        with FileLock(self.directory / "keys.lock", f"{self.path}"):
            keys = self.read()
            if name not in keys:
                raise BadArgument(f"there is no key named {name!r}; there are: {', '.join(sorted(keys)) or 'none'}")
            del keys[name]
            self._write(keys)

    def stamp(self) -> tuple[int, int]:
        """What differs when the file has changed."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return (0, 0)
        return (status.st_mtime_ns, status.st_ino)

    def _write(self, keys: dict[str, bytes]) -> None:
        write_secret_file(self.path, (preserves.text(keys) + "\n").encode(), replace=True)
