"""Where programs of a machine find credentials: the directory that `$SERVICE_BINDING_ROOT` names.

STATE/bindings/         0700
    NAME -> .NAME.x     one symbolic link for each binding, turned over to a new directory in one step when the credential changes
    .NAME.x/            0700, with a file (0600) for each entry of the credential: type, host, port, username, password, uri, …
    .NAME.socket        where the service is reached by a tunnel: what listens (0600), which is `socket` in each directory of the binding

The form is that of the *Service Binding Specification for Kubernetes*, section "Workload Projection". Whose binding it is, and of which
generation, stands in a file that no entry can be named as. A binding for programs of another user is laid out as that user's: see `_foreign.py`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from remit.credentials import TUNNEL, TUNNEL_HOST, TUNNEL_PORT, Credential, Secret, check_credential
from remit.durable import open_state_dir, read_secret_file, write_secret_file
from remit.errors import BadArgument, Missing
from remit.machines._entrances import LONGEST_PATH, Entrance, Entrances
from remit.machines._laying import PLAIN, Laying
from remit.machines._names import check_name, missing
from remit.machines._program import hob_file

__all__ = ["Layout", "binding_root", "read_binding"]

MARK: Final = ".remit"  # "edge generation [socket|port:NUMBER]"; entries begin with letters or digits
SOCKET: Final = "socket"


class Layout:
    """The device `layout` of a machine's vat, on the directory `root`. `entrances` listens for those that are reached by a tunnel."""

    def __init__(self, root: Path, entrances: Entrances | None = None) -> None:
        self.root = root
        self.entrances = entrances or Entrances()
        self._alone = asyncio.Lock()  # one change at a time: what listens is made in several steps

    async def write(
        self, name: str, edge: str, credential: Credential, ref: Any = None, laying: Laying = PLAIN
    ) -> bool:
        """Lay out a credential under a name; whether anything has changed. `ref` is the binding, by which a tunnel is led."""
        check_name("binding", name)
        check_credential(credential)
        async with self._alone:
            return await self._write(name, edge, credential, ref, laying)

    async def _write(self, name: str, edge: str, credential: Credential, ref: Any, laying: Laying) -> bool:
        open_state_dir(self.root)
        mark = f"{edge} {credential.generation}"
        entrance: Entrance | None = None
        if TUNNEL in credential.entries:
            entrance = await self._entrance(name, edge, ref, laying.local or credential.entries[TUNNEL])
            credential = led(credential, self.root / name, entrance)
            mark += f" {f'port:{entrance.port}' if entrance.port else SOCKET}"
        if self._mark(name) == mark and self._same(name, credential):
            return False
        self._turn_over(name, {**credential.texts(), MARK: mark}, entrance)
        return True

    async def _entrance(self, name: str, edge: str, ref: Any, local: str) -> Entrance:
        if local == SOCKET:
            self._check_length(self.root / name / SOCKET)
            return await self.entrances.open(name, edge, ref, self.root / f".{name}.{SOCKET}")
        port = self._mark(name).partition("port:")[2] if self._edge(name) == edge else ""
        return await self.entrances.open(name, edge, ref, int(port) if port.isdigit() else 0)

    def _check_length(self, path: Path) -> None:
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise BadArgument(
                f"{path} is longer than the {LONGEST_PATH} bytes that the kernel takes for a socket: bind it with a port, or give the machine a "
                "state directory with a shorter path"
            )

    def _turn_over(self, name: str, files: dict[str, str], entrance: Entrance | None) -> None:
        made = self.root / f".{name}.{os.urandom(6).hex()}"
        open_state_dir(made)
        for entry, text in files.items():
            write_secret_file(made / entry, text.encode())
        if entrance is not None and entrance.path is not None:
            os.link(entrance.path, made / SOCKET)
        link = self.root / f".{name}.link"
        link.unlink(missing_ok=True)
        link.symlink_to(made.name)
        link.replace(self.root / name)
        self._clear(name, made.name)

    async def reopen(self, name: str, edge: str, ref: Any) -> None:
        """After a start of the agent: listen again for a tunnel that is laid out, without asking its provider."""
        async with self._alone:
            await self._reopen(name, edge, ref)

    async def _reopen(self, name: str, edge: str, ref: Any) -> None:
        kind = self._mark(name).partition(" ")[2].partition(" ")[2]
        if not kind or self._edge(name) != edge or self.entrances.find(name, edge) is not None:
            return
        entrance = await self._entrance(name, edge, ref, SOCKET if kind == SOCKET else "port")
        if entrance.path is not None:
            fresh = self.root / name / f".{SOCKET}"
            fresh.unlink(missing_ok=True)
            os.link(entrance.path, fresh)
            fresh.replace(self.root / name / SOCKET)
        elif f"port:{entrance.port}" != kind:  # somebody else has taken the port meanwhile
            (self.root / name / MARK).unlink()  # so that it is written anew, once the provider is asked

    async def remove(self, name: str, edge: str) -> None:
        """Remove what is laid out under a name, if it is of this edge."""
        check_name("binding", name)
        async with self._alone:
            self._remove(name, edge)

    def _remove(self, name: str, edge: str) -> None:
        if self.entrances.find(name, edge) is not None:
            self.entrances.close(name)
        if self._edge(name) == edge:
            (self.root / name).unlink(missing_ok=True)
            (self.root / f".{name}.{SOCKET}").unlink(missing_ok=True)
            self._clear(name, "")

    def held(self) -> dict[str, str]:
        """The edges that are laid out, by name."""
        return {name: edge for name in self._names() if (edge := self._edge(name))}

    def _names(self) -> Iterator[str]:
        if self.root.is_dir():
            yield from (
                path.name for path in self.root.iterdir() if path.is_symlink() and not path.name.startswith(".")
            )

    def _edge(self, name: str) -> str:
        return self._mark(name).partition(" ")[0]

    def _mark(self, name: str) -> str:
        try:
            return (self.root / name / MARK).read_text()
        except OSError:
            return ""

    def _same(self, name: str, credential: Credential) -> bool:
        there = {path.name for path in (self.root / name).iterdir() if not path.is_socket()} - {MARK}
        texts = credential.texts()
        return there == texts.keys() and all(
            (self.root / name / entry).read_text() == text for entry, text in texts.items()
        )

    def _clear(self, name: str, but: str) -> None:
        """Remove directories of this name that nothing leads to."""
        for path in self.root.glob(f".{name}.*"):
            if path.is_dir() and not path.is_symlink() and path.name != but:
                shutil.rmtree(path, ignore_errors=True)


def led(credential: Credential, directory: Path, entrance: Entrance) -> Credential:
    """The credential with the place of its tunnel on this machine filled in."""
    host, port = ("127.0.0.1", str(entrance.port)) if entrance.port else (str(directory), "")

    def filled(text: str) -> str:
        return text.replace(TUNNEL_HOST, host).replace(TUNNEL_PORT, port)

    entries = {name: filled(text) for name, text in credential.entries.items() if name != TUNNEL}
    secrets = {name: Secret(filled(secret.text)) for name, secret in credential.secrets.items()}
    if entrance.port:
        entries |= {"host": host, "port": port}
    else:
        entries |= {"path": str(directory / SOCKET)}
    if "uri" not in {*entries, *secrets}:
        entries["uri"] = f"tcp://{host}:{port}" if entrance.port else f"unix:{directory / SOCKET}"
    return Credential(credential.type, entries, secrets, credential.generation, credential.until)


def binding_root(hob: str | os.PathLike[str] | None = None) -> Path:
    """The directory of a machine's credentials, which `$SERVICE_BINDING_ROOT` names; `hob` as for `remit.machine`."""
    return hob_file(hob).parent / "bindings"


def read_binding(root: Path, name: str) -> dict[str, str]:
    """The entries that are laid out under a name, secrets included. `Missing` names the nearest ones."""
    directory = root / check_name("binding", name)
    if not directory.is_dir():
        layout = Layout(root)
        raise missing("credential laid out for binding", name, layout.held())
    try:
        files = [path for path in directory.iterdir() if path.name != MARK and not path.is_socket()]
        return {path.name: read_secret_file(path).decode() for path in files}
    except FileNotFoundError:
        raise Missing(f"the credential of {name!r} is being replaced: try again") from None
