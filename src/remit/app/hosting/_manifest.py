"""The directory of a persona: all that its process has to know, written by whoever deploys it.

DIRECTORY/            0700
    persona.json          id, name, where it listens, settings
    key.pem               its own key: the node that it is
    edges/FIELD.ref       0600: the sturdyref of what it holds under this name, which only its key may fetch
    grants/FILE.json      0600: one edge that leads to it: the digest of the swiss number, the key of the holder
    ready                 while it is ready: its version, $REMIT_DEPLOYED
    came-up               the version that was last ready
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from remit.durable import open_state_dir, read_secret_file, write_secret_file
from remit.errors import Missing, StoreCorrupt
from remit.net import NodeKey, public_of
from remit.values import Locator, SturdyRef

__all__ = ["Directory", "Grant", "Manifest", "read_manifest"]

VERSION = 1


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """`persona.json`. `program` is its file; `graph` the SHA-256 of the graph that it has to compute, "" for any. `listen`: {"unix": PATH} or {"tls": "HOST:PORT"}, relative to the directory;
    `hints`: where others find it, as hints of a locator. `settings` go to the component (`Host`); `data` is where it keeps what it keeps, "" for nowhere.
    """

    id: str
    name: str
    program: str
    target: str
    graph: str = ""
    listen: dict[str, str] = {}
    hints: dict[str, str] = {}
    settings: dict[str, Any] = {}
    data: str = ""
    version: int = VERSION


class Grant(msgspec.Struct, forbid_unknown_fields=True):
    """One edge, from its provider's side: `digest` is the SHA-256 of the swiss number, in hex; `holder` the designator of the only key that may fetch it."""

    edge: str
    digest: str
    holder: str

    @property
    def key(self) -> bytes:
        """The holder's raw key."""
        return public_of(self.holder)


class Directory:
    """One persona's directory. Made by whoever deploys, read by the process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    # --- who deploys -----------------------------------------------------------------------------------

    def make(self, manifest: Manifest) -> None:
        """Write the directory, or what has changed of it. Its key is made once and stays."""
        for each in (self.path, self.path / "edges", self.path / "grants"):
            open_state_dir(each)
        self.key()
        text = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2) + b"\n"
        _write(self.path / "persona.json", text)

    def key(self) -> NodeKey:
        """Its key, made where there is none."""
        return NodeKey.open(self.path / "key.pem")

    def hold(self, field: str, provider: Locator, swiss: bytes) -> None:
        """It holds something under this name."""
        _write(self.path / "edges" / f"{field}.ref", SturdyRef(provider, swiss).uri().encode() + b"\n")

    def let_go(self, field: str) -> None:
        """It holds nothing under this name any more."""
        (self.path / "edges" / f"{field}.ref").unlink(missing_ok=True)

    def swiss(self, field: str) -> bytes:
        """The swiss number of what it holds under this name; a fresh one where it holds nothing."""
        try:
            return self.held(field).swiss
        except Missing:
            return secrets.token_bytes(32)

    def grant(self, edge: str, swiss: bytes, holder: NodeKey) -> None:
        """It is held by way of this edge, with this key: a command that is held and run has two."""
        text = msgspec.json.encode(Grant(edge, hashlib.sha256(swiss).hexdigest(), holder.designator))
        _write(self.path / "grants" / f"{_mark(edge)}-{_mark(holder.designator)}.json", text + b"\n")

    def revoke(self, edge: str) -> None:
        """It is held by way of this edge no more."""
        for path in self.path.glob(f"grants/{_mark(edge)}-*.json"):
            path.unlink(missing_ok=True)

    def digest(self) -> str:
        """Of all that its process reads when it starts."""
        total = hashlib.sha256()
        for path in [
            self.path / "persona.json",
            *sorted(self.path.glob("edges/*.ref")),
            *sorted(self.path.glob("grants/*.json")),
        ]:
            total.update(f"{path.relative_to(self.path)}\n".encode() + path.read_bytes())
        return total.hexdigest()

    # --- its process -----------------------------------------------------------------------------------

    def held(self, field: str) -> SturdyRef:
        """What it holds under this name. Raises `Missing`."""
        return SturdyRef.parse(read_secret_file(self.path / "edges" / f"{field}.ref").decode().strip())

    def grants(self) -> Iterator[Grant]:
        """Who holds it."""
        for path in sorted(self.path.glob("grants/*.json")):
            try:
                yield msgspec.json.decode(read_secret_file(path), type=Grant)
            except msgspec.DecodeError as error:
                raise StoreCorrupt(f"{path} is no grant: {error}") from None


def read_manifest(path: Path) -> Manifest:
    """The manifest of a directory. Raises `Missing` where there is none, `StoreCorrupt` for one that cannot be read."""
    try:
        found = msgspec.json.decode((path / "persona.json").read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise Missing(f"{path} is no directory of a component: it has no persona.json") from None
    except msgspec.DecodeError as error:
        raise StoreCorrupt(f"{path}/persona.json cannot be read: {error}") from None
    if found.version != VERSION:
        raise StoreCorrupt(f"{path}/persona.json has version {found.version}, and this program knows {VERSION}")
    return found


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _write(path: Path, data: bytes) -> None:
    """Only where it changes, so that nothing is written twice."""
    try:
        if path.read_bytes() == data:
            return
    except FileNotFoundError:
        pass
    write_secret_file(path, data, replace=True)
