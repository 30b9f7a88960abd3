"""Where programs of a machine find credentials: the directories that `$SERVICE_BINDING_ROOT` names.

STATE/bindings/         for programs of the agent's own user
USERS/ID/UID/bindings/  for those of another one, where the agent runs as root; beside it `hob.ref`, by which they find this machine

`_shelf.py` says what is in them. What a binding's laying asks for besides (templates, a command, a signal) is done by `_reload.py`, after the files are
there.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from remit.credentials import TUNNEL, TUNNEL_HOST, TUNNEL_PORT, Credential, Secret, check_credential
from remit.durable import read_secret_file
from remit.errors import BadArgument, Missing, NotAllowed
from remit.machines._entrances import LONGEST_PATH, Entrance, Entrances
from remit.machines._laying import PLAIN, Laying, check_laying
from remit.machines._names import check_name, missing
from remit.machines._program import hob_file
from remit.machines._reload import Reload
from remit.machines._shelf import MARK, SOCKET, Shelf, User, user_of_name

__all__ = ["Layout", "binding_root", "read_binding"]

USERS: Final = Path("/run/remit")


class Layout:
    """The device `layout` of a machine's vat, on the directory `root`. `entrances` listens for those that are reached by a tunnel; `users` is
    where bindings for programs of other users are; `reload` tells programs. `hooks`: whether this machine runs commands and writes files of
    templates that others than its own operator choose.
    """

    def __init__(
        self,
        root: Path,
        entrances: Entrances | None = None,
        *,
        users: Path = USERS,
        reload: Reload | None = None,
        hooks: bool = False,
    ) -> None:
        self.root = root
        self.users = users / root.parent.name
        self.entrances = entrances or Entrances()
        self.reload = reload or Reload()
        self.hooks = hooks
        self._alone = asyncio.Lock()  # one change at a time: what listens is made in several steps

    def check(self, laying: Laying) -> None:
        """Raise what stands in the way of a laying on this machine."""
        check_laying(laying)
        if (laying.reload or laying.templates) and not self.hooks:
            raise NotAllowed(
                "this machine's agent was not told to run commands or write files of templates that its boss names: set hooks = true in "
                "[providers.NAME.agent] before the machine is created, or use --signal"
            )
        if laying.user:
            user_of_name(laying.user)

    # --- laying out ---------------------------------------------------------------------------------

    async def write(self, name: str, edge: str, credential: Credential, ref: Any = None, laying: Laying = PLAIN) -> str:
        """Lay out a credential under a name; what went wrong when programs were told of it, "" if nothing. `ref` is the binding, by which a tunnel is led.

        The same again changes nothing; programs that could not be told are told again.
        """
        check_name("binding", name)
        check_credential(credential)
        async with self._alone:
            shelf = self._shelf(laying.user)
            before = shelf.edge(name)
            if await self._write(shelf, name, edge, credential, ref, laying):
                for other in self._shelves():
                    if other.root != shelf.root and other.edge(name) == edge:
                        other.remove(name)
                if before == edge or laying.templates:
                    shelf.told(name, yes=False)
            if not laying.acts or not shelf.untold(name):
                return ""
            trouble = await self.reload.tell(shelf, name, laying, again=before == edge)
            shelf.told(name, yes=not trouble)
            return trouble

    async def _write(
        self, shelf: Shelf, name: str, edge: str, credential: Credential, ref: Any, laying: Laying
    ) -> bool:
        shelf.open()
        mark = f"{edge} {credential.generation}"
        entrance: Entrance | None = None
        if TUNNEL in credential.entries:
            entrance = await self._entrance(shelf, name, edge, ref, laying.local or credential.entries[TUNNEL])
            credential = led(credential, shelf.root / name, entrance)
            mark += f" {f'port:{entrance.port}' if entrance.port else SOCKET}"
        if shelf.mark(name) == mark and shelf.texts(name) == credential.texts() and not shelf.exposed(name):
            return False
        shelf.turn_over(name, {**credential.texts(), MARK: mark}, entrance.path if entrance is not None else None)
        return True

    def differs(self, name: str, edge: str, credential: Credential) -> str:
        """How what is laid out differs from a credential, for people, without any secret; "" if it does not. Nothing is changed."""
        check_credential(credential)
        shelf = next((each for each in self._shelves() if each.edge(name) == edge), None)
        if shelf is None:
            return "is not laid out"
        if shelf.mark(name).split(" ")[1:2] != [str(credential.generation)]:
            return "is of another generation"
        if TUNNEL in credential.entries:
            entrance = self.entrances.find(name, edge)
            if entrance is None:
                return "nobody listens at its tunnel"
            credential = led(credential, shelf.root / name, entrance)
        wanted, there = credential.texts(), shelf.texts(name)
        found = {
            "lacks": wanted.keys() - there.keys(),
            "has besides": there.keys() - wanted.keys(),
            "can be read by others": shelf.exposed(name),
            "has been changed": {entry for entry in wanted.keys() & there.keys() if wanted[entry] != there[entry]},
        }
        return "; ".join(f"{what}: {', '.join(sorted(entries))}" for what, entries in found.items() if entries)

    async def _entrance(self, shelf: Shelf, name: str, edge: str, ref: Any, local: str) -> Entrance:
        users = frozenset() if shelf.user is None else frozenset({shelf.user.uid})
        if local != SOCKET:
            port = shelf.mark(name).partition("port:")[2] if shelf.edge(name) == edge else ""
            return await self.entrances.open(name, edge, ref, int(port) if port.isdigit() else 0, users)
        path = shelf.root / name / SOCKET
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise BadArgument(
                f"{path} is longer than the {LONGEST_PATH} bytes that the kernel takes for a socket: bind it with a port, or give the machine a "
                "state directory with a shorter path"
            )
        entrance = await self.entrances.open(name, edge, ref, shelf.root / f".{name}.{SOCKET}", users)
        shelf.own(shelf.root / f".{name}.{SOCKET}")
        return entrance

    def fill(self, name: str, edge: str, credential: Credential) -> Credential:
        """The credential with the place of its tunnel on this machine. `Missing` where there is none (yet)."""
        check_credential(credential)
        if TUNNEL not in credential.entries:
            return credential
        entrance = self.entrances.find(name, edge)
        if entrance is None:
            raise Missing(f"the tunnel of binding {name!r} is not there: it is being made, or was taken back")
        root = next((shelf.root for shelf in self._shelves() if shelf.edge(name) == edge), self.root)
        return led(credential, root / name, entrance)

    async def reopen(self, name: str, edge: str, ref: Any) -> None:
        """After a start of the agent: listen again for a tunnel that is laid out, without asking its provider."""
        async with self._alone:
            for shelf in self._shelves():
                kind = shelf.mark(name).partition(" ")[2].partition(" ")[2]
                if kind and shelf.edge(name) == edge and self.entrances.find(name, edge) is None:
                    entrance = await self._entrance(shelf, name, edge, ref, SOCKET if kind == SOCKET else "port")
                    if entrance.path is not None:
                        shelf.hang_in(name, entrance.path)
                    elif f"port:{entrance.port}" != kind:  # somebody else has taken the port meanwhile
                        shelf.write(shelf.root / name / MARK, edge.encode())  # laid out anew once the provider is asked

    async def remove(self, name: str, edge: str) -> None:
        """Remove what is laid out under a name, if it is of this edge."""
        check_name("binding", name)
        async with self._alone:
            if self.entrances.find(name, edge) is not None:
                self.entrances.close(name)
            for shelf in self._shelves():
                if shelf.edge(name) == edge:
                    shelf.remove(name)

    async def release(self, name: str, edge: str) -> None:
        """Leave what is laid out under a name, and look after it no longer. A tunnel to it is closed."""
        check_name("binding", name)
        async with self._alone:
            if self.entrances.find(name, edge) is not None:
                self.entrances.close(name)
            for shelf in self._shelves():
                if shelf.edge(name) == edge:
                    (shelf.root / name / MARK).unlink(missing_ok=True)

    def held(self) -> dict[str, str]:
        """The edges that are laid out, by name."""
        return {name: edge for shelf in self._shelves() for name, edge in shelf.held().items()}

    # --- users --------------------------------------------------------------------------------------

    def door(self, user: str, uri: str) -> None:
        """Write down for programs of another user how they find this machine: a sturdyref, which only they can read; or ("") take it away."""
        shelf = self._shelf(user)
        if shelf.user is None:
            return
        path = shelf.root.parent / "hob.ref"
        if uri:
            shelf.open()
            shelf.write(path, f"{uri}\n".encode())
        else:
            path.unlink(missing_ok=True)

    def _shelf(self, name: str) -> Shelf:
        user = user_of_name(name) if name else None
        if user is None:
            return Shelf(self.root)
        return Shelf(self._home(user) / "bindings", user)

    def _home(self, user: User) -> Path:
        """The directory for one user's programs: root's, so that nobody can put another thing there."""
        for path, mode in ((self.users.parent, 0o755), (self.users, 0o711)):
            path.mkdir(mode=mode, parents=True, exist_ok=True)
            if path.stat().st_uid != 0 or path.is_symlink():
                raise BadArgument(
                    f"{path} is not root's own directory: bindings for other users are not laid out there"
                )
        home = self.users / str(user.uid)
        home.mkdir(mode=0o700, exist_ok=True)
        os.chown(home, 0, user.gid)
        home.chmod(0o750)
        return home

    def _shelves(self) -> Iterator[Shelf]:
        yield Shelf(self.root)
        if os.geteuid() == 0 and self.users.is_dir():
            for home in self.users.iterdir():
                if home.name.isdecimal():
                    uid = int(home.name)
                    yield Shelf(home / "bindings", User(home.name, uid, home.stat().st_gid))


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
        entries = {
            name: text for name, text in credential.entries.items() if TUNNEL_PORT not in text and name != TUNNEL
        }
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
        raise missing("credential laid out for binding", name, Shelf(root).held())
    try:
        files = [path for path in directory.iterdir() if not path.name.startswith(".") and not path.is_socket()]
        return {path.name: read_secret_file(path).decode() for path in files}
    except FileNotFoundError:
        raise Missing(f"the credential of {name!r} is being replaced: try again") from None
