"""A server's directory `code/`: what was brought, by digest, and which versions of which modules there are.

blobs/SHA256            a file of a bundle, as it was put
trees/MANIFEST/         the files of one bundle where they belong, as links to blobs
trees/MANIFEST.manifest what it said of itself, signature included
versions.json           for each module that was loaded: its versions, oldest first, and which one runs
trying                  the module that is being executed; left behind by one that took the process with it
"""

from __future__ import annotations

import json
import os
import shutil
from errno import EDQUOT, EFBIG, ENOSPC
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from remit.durable import open_state_dir, write_secret_file
from remit.ensemble.code._manifest import SHORT, File, Manifest, checked, digest_of, files_of
from remit.errors import BadArgument, Missing, RemitError, StoreCorrupt, StoreError, StoreFull
from remit.values import DEFAULT_LIMITS, Limits, decode, encode

__all__ = ["KEPT", "Shelf"]

KEPT: Final = 10
"""Versions of a module that are kept; the one that runs is always among them."""
_FORMAT: Final = 1
_LIMITS: Final = Limits(frame=4 * DEFAULT_LIMITS.frame)


class Shelf:
    """The directory of one server. Owned by its `Code`; what is in it outlives both."""

    def __init__(self, directory: Path) -> None:
        self.directory = open_state_dir(directory)
        self._blobs = open_state_dir(directory / "blobs")
        self._trees = open_state_dir(directory / "trees")
        self._wanted: dict[bytes, int] = {}
        self._pieces: dict[bytes, bytearray] = {}
        self.modules: dict[str, dict[str, Any]] = self._read()

    # --- files ----------------------------------------------------------------------------------------------

    def has(self, file: File) -> bool:
        """Whether the contents of this file are here already."""
        try:
            return (self._blobs / file.digest.hex()).stat().st_size == file.size
        except OSError:
            return False

    def expect(self, files: list[File]) -> None:
        """These will be put; what was expected before, and has not come, is forgotten."""
        self._wanted = {file.digest: file.size for file in files}
        self._pieces = {}

    def put(self, digest: bytes, piece: bytes, at: int) -> None:
        """A piece of a file, from its beginning on. Raises `BadArgument` where it is not what was offered."""
        size = self._wanted.get(digest)
        if size is None:
            raise BadArgument("nothing of this digest was offered, or it is there already: offer the manifest first")
        came = self._pieces.setdefault(digest, bytearray())
        if at != len(came) or at + len(piece) > size:
            raise BadArgument(
                f"a file of {size} bytes of which {len(came)} have come cannot go on with {len(piece)} at {at}"
            )
        came += piece
        if len(came) < size:
            return
        del self._pieces[digest]
        if sha256(came).digest() != digest:
            raise BadArgument(
                f"what was put as {digest.hex()[:SHORT]} has another digest: the manifest is wrong, or the file was changed on its way"
            )
        del self._wanted[digest]
        self._keep(f"{self._blobs}/{digest.hex()}", came)

    def _keep(self, path: str, data: bytes | bytearray) -> None:
        """Not by way of a draft: what a crash leaves half has another digest, and is wanted again."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:
                file.write(data)
        except OSError as error:
            raise _unwritten(error, f"a file of a bundle cannot be written into {self._blobs}") from None

    def _write(self, path: Path, data: bytes) -> None:
        draft = path.with_name(f".{path.name}.new")
        try:
            draft.write_bytes(data)
            draft.rename(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise _unwritten(error, f"{path.name[:SHORT]} cannot be written into {path.parent}") from None

    def read(self, file: File) -> bytes:
        """The contents of a file, which are what its digest says. Raises `Missing`."""
        blob = self._blobs / file.digest.hex()
        try:
            data = blob.read_bytes()
        except OSError:
            data = b""
        if sha256(data).digest() != file.digest:
            blob.unlink(missing_ok=True)  # so that it is missing the next time it is offered
            raise Missing(
                f"{file.path} ({file.digest.hex()[:SHORT]}) was not put, or is damaged here: offer the manifest, and put what is missing"
            )
        return data

    # --- trees ------------------------------------------------------------------------------------------------

    def tree(self, manifest: Manifest, files: list[File]) -> Path:
        """The directory with these files of a bundle, each where it belongs; made where it is not there, or lacks something."""
        name = digest_of(manifest).hex()
        place = self._trees / name
        made: set[str] = set()
        try:
            for file in files:
                target = f"{place}/{file.path}"
                parent = target.rpartition("/")[0]
                if parent not in made:
                    os.makedirs(parent, mode=0o700, exist_ok=True)
                    made.add(parent)
                try:
                    os.link(f"{self._blobs}/{file.digest.hex()}", target)
                except FileExistsError:
                    self._renew(file, Path(target))
            self._write(self._trees / f"{name}.manifest", encode(manifest))
        except OSError as error:
            raise _unwritten(error, f"the files of {manifest.module} cannot be put into {place}") from None
        return place

    def _renew(self, file: File, target: Path) -> None:
        """Somebody may have changed what is there, or a crash may have left half of it."""
        blob = self._blobs / file.digest.hex()
        if not target.samefile(blob):
            target.unlink()
            os.link(blob, target)

    def manifest(self, digest: str) -> Manifest:
        """What a bundle said of itself when it was loaded. Raises `Missing` or `StoreCorrupt`."""
        try:
            manifest = checked(decode((self._trees / f"{digest}.manifest").read_bytes(), limits=_LIMITS))
        except OSError:
            raise Missing(f"the bundle {digest[:SHORT]} is not here any more") from None
        except RemitError as error:
            raise StoreCorrupt(f"the manifest {digest[:SHORT]} in {self._trees} is damaged: {error}") from None
        if digest_of(manifest).hex() != digest:
            raise StoreCorrupt(f"the manifest {digest[:SHORT]} in {self._trees} is that of another bundle")
        return manifest

    # --- versions -----------------------------------------------------------------------------------------------

    def _read(self) -> dict[str, dict[str, Any]]:
        path = self.directory / "versions.json"
        try:
            read = json.loads(path.read_bytes())
            modules: dict[str, dict[str, Any]] = read["modules"]
            if read["format"] != _FORMAT or any(not {"running", "versions"} <= set(each) for each in modules.values()):
                raise ValueError("another form")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreCorrupt(
                f"{path} cannot be read ({error}): move it away, and load again what is to be loaded"
            ) from None
        return modules

    def versions(self, module: str) -> list[dict[str, Any]]:
        """What was loaded under this name, oldest first; [] where nothing was."""
        return list(self.modules.get(module, {}).get("versions", ()))

    def running(self, module: str) -> str | None:
        """The digest of the version that runs, "" for one of the server's own path."""
        return self.modules.get(module, {}).get("running")

    def note(self, module: str, version: dict[str, Any]) -> None:
        """This version runs now, and is the newest, unless it was there before."""
        versions = [version if each["digest"] == version["digest"] else each for each in self.versions(module)]
        if version not in versions:
            versions.append(version)
        gone = [each for each in versions[:-KEPT] if each["digest"] != version["digest"]]
        versions = [each for each in versions if each not in gone]
        others = {name: each for name, each in self.modules.items() if name != module}
        self._save(
            {**others, module: {"running": version["digest"], "versions": versions}}
        )  # what was loaded last is loaded last again
        if gone:
            self._prune()

    def skip(self, module: str, why: str) -> None:
        """It is not executed when the server starts, until it is loaded or taken back to another version."""
        self._save({**self.modules, module: {**self.modules[module], "skip": why}})

    def skipped(self, module: str) -> str:
        """Why it is not executed when the server starts, "" where it is."""
        return str(self.modules.get(module, {}).get("skip", ""))

    def put_back(self, modules: dict[str, dict[str, Any]]) -> None:
        """What was noted before."""
        self._save(modules)

    def forget(self, module: str) -> None:
        """Its versions are gone; raises `Missing` where there are none."""
        if module not in self.modules:
            raise Missing(f"{module} was not loaded into this server; loaded are: {', '.join(self.modules) or 'none'}")
        self._save({name: each for name, each in self.modules.items() if name != module})
        self._prune()

    def _save(self, modules: dict[str, dict[str, Any]]) -> None:
        text = json.dumps({"format": _FORMAT, "modules": modules}, indent=1)
        write_secret_file(self.directory / "versions.json", text.encode() + b"\n", replace=True)
        self.modules = modules

    def _prune(self) -> None:
        """Remove trees and blobs that no version has."""
        kept = {each["digest"] for module in self.modules.values() for each in module["versions"]}
        for manifest in self._trees.glob("*.manifest"):
            if manifest.stem not in kept:
                manifest.unlink(missing_ok=True)
                shutil.rmtree(manifest.with_suffix(""), ignore_errors=True)
        blobs: set[str] = set()
        for digest in kept - {""}:
            try:
                blobs.update(file.digest.hex() for file in files_of(self.manifest(digest)))
            except (Missing, StoreCorrupt):
                return  # who knows what it needs
        for blob in self._blobs.iterdir():
            if blob.name not in blobs:
                blob.unlink(missing_ok=True)

    # --- what is being tried ------------------------------------------------------------------------------------

    def trying(self, module: str | None) -> None:
        """This module is being executed; None: no more."""
        path = self.directory / "trying"
        try:
            if module is None:
                path.unlink(missing_ok=True)
            else:
                path.write_text(module)
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror}") from None

    def tried(self) -> str:
        """The module that was being executed when the process ended, "" for none."""
        try:
            return (self.directory / "trying").read_text()
        except OSError:
            return ""


def _unwritten(error: OSError, what: str) -> StoreError:
    if error.errno in (ENOSPC, EDQUOT, EFBIG):
        return StoreFull(f"{what}: {error.strerror}: free some room there, then load it again")
    return StoreError(f"{what}: {error.strerror}")
