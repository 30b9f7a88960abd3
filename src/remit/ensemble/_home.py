"""The home of an ensemble on this machine: one private directory.

HOME/               0700; `--home`, `$REMIT_ENSEMBLE`, `[ensemble] home` of remit.toml, else `$XDG_STATE_HOME/remit/ensemble`
    cookie          0600: the way to the registry, and into the ensemble; copied to other hosts
    registry/       the registry's own state
    domain          the domain of names that have none, "/" where there is no such file
    config.toml     roles, and how often servers are heard; `_settings.py`
    registry.uri    where the registry is, for nodes with a certificate and no cookie
    servers/[domain/]NAME/      a server's own: key.pem, control.ref, grants, code/, audit.jsonl, server.log

The sockets are elsewhere where they can be: `$XDG_RUNTIME_DIR/remit-…/`, which goes when the user logs out for good; else `run/` in the home.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Final

from remit.durable import open_state_dir, read_secret_file, write_secret_file
from remit.ensemble._ids import ROOT_DOMAIN, ServerId, domain_of
from remit.errors import Missing, Misuse, StoreCorrupt
from remit.values import Locator, SturdyRef

__all__ = ["REGISTRY", "Home"]

REGISTRY: Final = "registry"
"""The name of the registry among the servers, and the role that it has."""

_LONGEST: Final = 80
"""Bytes of a socket's name: the kernel takes 107 of a path, and a netlayer shortens the directory before it to about 20."""


class Home:
    """One ensemble as this host knows it. It holds nothing open; whoever can use the directory has the authority of its files.

    `path` is the directory, made (0700) by `make`; `sockets` is where its servers' sockets are.
    """

    __slots__ = ("_runtime", "path")

    def __init__(self, path: str | os.PathLike[str], runtime: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path).absolute()
        self._runtime = None if runtime is None else Path(runtime)

    @classmethod
    def find(cls, given: str | os.PathLike[str] | None = None) -> Home:
        """The home that is meant: `given`, else `$REMIT_ENSEMBLE`, else that of the machine that the process runs on (`$REMIT_HOB`), else the user's own."""
        named = given or os.environ.get("REMIT_ENSEMBLE") or _of_machine(os.environ.get("REMIT_HOB"))
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        path = Path(named).expanduser() if named else Path(state) / "remit" / "ensemble"
        return cls(path, os.environ.get("XDG_RUNTIME_DIR") or None)

    def make(self) -> Home:
        """The same, with its directory there and private. Raises `StoreExposed` where others may enter it."""
        open_state_dir(self.path)
        return self

    # --- names ------------------------------------------------------------------------------------------

    def domain(self) -> str:
        """The domain of names that have none."""
        try:
            return domain_of((self.path / "domain").read_text().strip() or ROOT_DOMAIN)
        except FileNotFoundError:
            return ROOT_DOMAIN

    def set_domain(self, domain: str) -> str:
        """Give names that have none another domain; servers that run keep theirs."""
        checked = domain_of(domain, self.domain())
        write_secret_file(self.make().path / "domain", f"{checked}\n".encode(), replace=True)
        return checked

    def id_of(self, text: str | ServerId) -> ServerId:
        """The id that is so written here."""
        return text if isinstance(text, ServerId) else ServerId.parse(text, self.domain())

    def machine(self) -> str:
        """The machine whose home it is, "" where it is no machine's."""
        try:
            return (self.path / "machine").read_text().strip()
        except FileNotFoundError:
            return ""

    # --- places -------------------------------------------------------------------------------------------

    def server(self, id: ServerId) -> Path:
        """A server's own directory; it need not be there."""
        return self.path.joinpath("servers", *_parts(id), id.name)

    def make_server(self, id: ServerId) -> Path:
        """The same, there and private, with all above it."""
        directory = self.make().path
        for part in ("servers", *_parts(id), id.name):
            directory = open_state_dir(directory / part)
        return directory

    def sockets(self) -> Path:
        """The directory of the sockets, there and private: whoever may enter it may knock at every server."""
        if self._runtime is not None and self._runtime.is_dir():
            mark = sha256(os.fsencode(self.path)).hexdigest()[:16]
            return open_state_dir(self._runtime / f"remit-{mark}")
        return open_state_dir(self.make().path / "run")

    def socket(self, id: ServerId) -> Path:
        """Where a server's socket is. Its directory is there; the path may be longer than the 108 bytes that the kernel takes: netlayers see to that."""
        name = id.name if id.domain == ROOT_DOMAIN else f"{id.name}@{'+'.join(_parts(id))}"
        if len(name) > _LONGEST:
            name = f"{id.name[:40]}@{sha256(id.text.encode()).hexdigest()[:32]}"
        return self.sockets() / f"{name}.sock"

    # --- ways -----------------------------------------------------------------------------------------------

    @property
    def registry(self) -> Path:
        """The registry's state directory."""
        return self.path / "registry"

    @property
    def cookie_file(self) -> Path:
        """Where the ensemble's cookie is."""
        return self.path / "cookie"

    def cookie(self) -> SturdyRef:
        """The way to the registry, by which a key becomes a member. Raises `Missing` where there is none yet."""
        try:
            return _reference(self.cookie_file)
        except Missing:
            raise Missing(
                f"there is no cookie of an ensemble at {self.cookie_file}: make one with: remit admin cookie, or start the registry "
                "with: remit registry. (Of an ensemble of other hosts, copy their cookie to this place, mode 600.)"
            ) from None

    def keep_cookie(self, cookie: SturdyRef) -> None:
        """From now on this is the way into the ensemble."""
        write_secret_file(self.make().cookie_file, f"{cookie.uri()}\n".encode(), replace=True)

    @property
    def registry_file(self) -> Path:
        """Where the registry's locator is, which is no secret: it and a certificate are a way in without a cookie."""
        return self.path / "registry.uri"

    def keep_registry(self, locator: Locator) -> None:
        """Write down where the registry is."""
        write_secret_file(self.make().registry_file, f"{locator.uri()}\n".encode(), replace=True)

    def registry_locator(self) -> Locator:
        """Where the registry is, and which key it has. Raises `Missing`."""
        try:
            return Locator.parse(read_secret_file(self.registry_file).decode(errors="replace").strip())
        except Misuse as error:
            raise StoreCorrupt(f"{self.registry_file} does not hold a locator: {error}; copy it again") from None

    def control(self, id: ServerId) -> SturdyRef:
        """The way to a server of this home for the user whose home it is. Raises `Missing` where the server has never run."""
        return _reference(self.server(id) / "control.ref")

    def __repr__(self) -> str:
        return f"<home of an ensemble, {self.path}>"


def _of_machine(hob: str | None) -> str | None:
    """The home of programs that run on a machine, whose state directory (or `hob.ref`) is `hob`."""
    if not hob:
        return None
    path = Path(hob).expanduser()
    return str((path if path.is_dir() else path.parent) / "ensemble")


def _parts(id: ServerId) -> list[str]:
    """The parts of a domain as directories; marked, so that none is taken for a server's."""
    return [f"+{part}" for part in id.domain.split("/") if part]


def _reference(file: Path) -> SturdyRef:
    try:
        return SturdyRef.parse(read_secret_file(file).decode(errors="replace").strip())
    except Misuse as error:
        raise StoreCorrupt(
            f"{file} does not hold a reference: {error}; copy it again, or start its server again"
        ) from None
