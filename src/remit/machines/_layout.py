"""Where programs of a machine find credentials: the directory that `$SERVICE_BINDING_ROOT` names.

STATE/bindings/         0700
    NAME -> .NAME.x     one symbolic link for each binding, turned over to a new directory in one step when the credential changes
    .NAME.x/            0700, with a file (0600) for each entry of the credential: type, host, port, username, password, uri, …

The form is that of the *Service Binding Specification for Kubernetes*, section "Workload Projection". Whose binding it is, and of which
generation, stands in a file that no entry can be named as.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from remit.credentials import Credential, check_credential
from remit.durable import open_state_dir, read_secret_file, write_secret_file
from remit.errors import Missing
from remit.machines._names import check_name, missing
from remit.machines._program import hob_file

__all__ = ["Layout", "binding_root", "read_binding"]

MARK: Final = ".remit"  # "edge generation"; entries begin with letters or digits


class Layout:
    """The device `layout` of a machine's vat, on the directory `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, edge: str, credential: Credential) -> None:
        """Lay out a credential under a name. The same again changes nothing."""
        check_name("binding", name)
        check_credential(credential)
        mark = f"{edge} {credential.generation}"
        if self._mark(name) == mark and self._same(name, credential):
            return
        root = open_state_dir(self.root)
        made = root / f".{name}.{os.urandom(6).hex()}"
        open_state_dir(made)
        for entry, text in {**credential.texts(), MARK: mark}.items():
            write_secret_file(made / entry, text.encode())
        link = root / f".{name}.link"
        link.unlink(missing_ok=True)
        link.symlink_to(made.name)
        link.replace(root / name)
        self._clear(name, made.name)

    def remove(self, name: str, edge: str) -> None:
        """Remove what is laid out under a name, if it is of this edge."""
        check_name("binding", name)
        if self._edge(name) == edge:
            (self.root / name).unlink(missing_ok=True)
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
        there = {path.name for path in (self.root / name).iterdir()} - {MARK}
        texts = credential.texts()
        return there == texts.keys() and all(
            (self.root / name / entry).read_text() == text for entry, text in texts.items()
        )

    def _clear(self, name: str, but: str) -> None:
        """Remove directories of this name that nothing leads to."""
        for path in self.root.glob(f".{name}.*"):
            if path.is_dir() and not path.is_symlink() and path.name != but:
                shutil.rmtree(path, ignore_errors=True)


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
        return {path.name: read_secret_file(path).decode() for path in directory.iterdir() if path.name != MARK}
    except FileNotFoundError:
        raise Missing(f"the credential of {name!r} is being replaced: try again") from None
