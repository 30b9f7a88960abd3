"""One server: a node with an id and roles, which the registry knows for as long as it runs, and which can be managed.

It is put on a node that is there already, a program's own (`serve`), the registry's, or a boss's; it ends with that.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, Any, Final

from remit.durable import write_secret_file
from remit.ensemble._certified import certified_way
from remit.ensemble._directory import Directory
from remit.ensemble._door import Door
from remit.ensemble._heeding import Heeding
from remit.ensemble._host import Host
from remit.ensemble._ids import check_role
from remit.ensemble._logbook import Logbook, LogFile, log_path
from remit.ensemble._part_logs import Tails
from remit.ensemble._registering import Registering
from remit.ensemble.admin import ADMIN, ITSELF, LOCAL, AuditLog, Guest, Steward, StewardFiles
from remit.ensemble.ca import Checker
from remit.errors import BadArgument, Conflict
from remit.lib import Timer
from remit.values import SturdyRef
from remit.vat import send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from remit.ensemble._home import Home
    from remit.ensemble._ids import ServerId
    from remit.net import Network, Node, SignedAddress
    from remit.vat import Ref, Vat

__all__ = ["Server"]

SWISS_BYTES: Final = 32


class Server:
    """A server of an ensemble. Made for a node that listens; `start` shows it to others, `close` (or the node's end) takes it away.

    `names` are its actors by name, `stopping` is set when it is told to shut down: whoever runs it ends it then. `info` is what it says of itself.
    `log_file`: a file in its directory in which its log is written, "-" for `server.log`.
    """

    def __init__(
        self,
        home: Home,
        id: ServerId,
        node: Node,
        network: Network,
        directory: Path,
        *,
        roles: Iterable[str] = (),
        announce: Iterable[str] = (),
        info: dict[str, Any] | None = None,
        log_file: str | None = None,
    ) -> None:
        self.home = home
        self.id = id
        self.node = node
        self.vat: Vat = node.vat
        self.network = network
        self.file_directory = directory
        self.roles = sorted({check_role(role) for role in roles})
        self.announce = list(announce)
        self.info = {"pid": os.getpid(), **(info or {})}
        self.since = time.time()
        self.names: dict[str, Ref[Any]] = {}
        self.own_parts: dict[str, Ref[Any]] = {}
        self.makers: dict[str, Callable[[str], Ref[Any]]] = {}
        self.sensitive: set[str] = set()
        self.device = Host(self)
        self.host: Ref[Any] = self.vat.device("server", self.device)
        self.steward = self._make_steward()
        self.stopping = self.device.stopping
        self.logbook = Logbook(None if log_file is None else LogFile(log_path(directory, log_file)))
        self._tails = Tails(self.logbook)
        self.vat.device("logs", self._tails)
        self.directory = Directory(
            network, home.cookie, home.domain, certified=lambda: certified_way(home, self._heeding.show())
        )
        self.registering = Registering(self)
        self._heeding = Heeding(self)
        self.closing: list[Callable[[], None]] = []  # what parts want called when the server ends
        self._ways: list[bytes] = []

    # --- what programs use ----------------------------------------------------------------------------------------

    def name(self, name: str, ref: Ref[Any]) -> None:
        """Give an object of this server's a name, for `remit server actors` and `ping ID ACTOR`. Raises `Conflict` for one that is taken."""
        check_role(name)
        if name in self.names:
            raise Conflict(f"server {self.id} has an actor {name!r} already")
        self.names[name] = ref

    def unname(self, name: str) -> None:
        """The object has this name no more; nothing else happens to it."""
        self.names.pop(name, None)

    def part(self, name: str, ref: Ref[Any], *, sensitive: bool = False) -> None:
        """Add a part to the control object, the application's own: `control.part(name)` leads to this object.

        A `sensitive` one needs an unlock where there is an administrators' key.
        """
        self._check_part(name)
        self.own_parts[name] = ref
        if sensitive:
            self.sensitive.add(name)

    def part_for(self, name: str, make: Callable[[str], Ref[Any]], *, sensitive: bool = False) -> None:
        """The same, with an object for each holder: `make(who)`, where who is an id, a key or "local", is called when it first asks for the part."""
        self._check_part(name)
        self.makers[name] = make
        if sensitive:
            self.sensitive.add(name)

    def _check_part(self, name: str) -> None:
        check_role(name)
        if name in self.device.names() or name == ADMIN:
            raise Conflict(f"server {self.id} has a part {name!r} already")

    @property
    def control(self) -> Ref[Guest]:
        """All that can be done with this server, for its own program."""
        return self._guest(ITSELF)

    def _guest(self, who: str) -> Ref[Guest]:
        return self.vat.spawn(Guest, self.steward, self.vat.devices["network"], None, who)

    def locate(self) -> SignedAddress:
        """Where this server is, signed: what is announced, or else where it listens."""
        return self.node.address()

    # --- from beginning to end --------------------------------------------------------------------------------------

    async def start(self, *, patience: float = 5.0) -> None:
        """Load again what was loaded before, open the door, write `control.ref`, and be known to the registry.

        Where the registry does not answer within `patience` seconds it goes on trying. Raises `Refused` where the id is another key's.
        """
        logging.getLogger().addHandler(self.logbook)
        if (self.file_directory / "code" / "versions.json").exists():
            from remit.ensemble.code import restore_code  # for those into which something was loaded

            restore_code(self)
        door = self.vat.spawn(Door, self.steward, self.vat.devices["network"])
        self.door = self._open(lambda peer: send(door, "admit", peer))
        control = self._guest(LOCAL)  # all of it, or with an administrators' key all but the sensitive parts
        local = self._open(lambda _: control)
        reference = SturdyRef(self.node.inner_locator, local.swiss)
        write_secret_file(self.file_directory / "control.ref", f"{reference.uri()}\n".encode(), replace=True)
        await self.registering.start(patience)
        self._heeding.start()

    async def close(self) -> None:
        """Be known no more. The node goes on; references to the control object break with it."""
        await self._heeding.close()
        await self.registering.close()
        for end in self.closing:
            end()
        for swiss in self._ways:
            self.node.known.pop(swiss, None)
        await self._tails.close()
        await self._audit.close()
        logging.getLogger().removeHandler(self.logbook)
        self.logbook.close()

    def _make_steward(self) -> Ref[Steward]:
        """Who may use which part of this server, by the grants that were kept."""
        device, files = self.vat.device, StewardFiles(self.home.path, self.file_directory)
        self._audit = AuditLog(self.file_directory, time.time)
        devices = (
            self.vat.devices["network"],
            device("server-timer", Timer(time.time, asyncio.sleep)),
            device("steward-files", files),
            device("audit", self._audit),
        )
        checker = device("certificates", Checker(self.home.path, time.time))
        return self.vat.spawn(Steward, self.node.key.public, self.host, *devices, files.grants(), checker)

    def _open(self, found: Callable[[bytes | None], Ref[Any]]) -> SturdyRef:
        """A swiss number of this run, which no store keeps: it ends with the server."""
        swiss = os.urandom(SWISS_BYTES)
        self.node.known[swiss] = found
        self._ways.append(swiss)
        return SturdyRef(self.node.locator, swiss)

    def __repr__(self) -> str:
        return f"<server {self.id}>"


def place(text: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[IPv6 address]:port`."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise BadArgument(f"{text[:80]!r} is no place: write host:port, such as 127.0.0.1:4433 or [::1]:0")
    return host, int(port)
