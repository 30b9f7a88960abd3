"""The part `load` of a server's control object, and how a bundle is sent to one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from remit.durable import check_private
from remit.ensemble.code._bundle import Bundle
from remit.ensemble.code._code import Code
from remit.ensemble.code._manifest import SHORT, Manifest, digest_of
from remit.ensemble.code._records import Loaded
from remit.errors import BadArgument, StoreError
from remit.net import designator_of, public_of
from remit.vat import Ref, actor

if TYPE_CHECKING:
    from remit.ensemble._server import Server

__all__ = ["Loading", "make_load", "restore_code", "send_bundle", "send_library"]

_LOG: Final = logging.getLogger("remit.ensemble.code")
PIECE: Final = 256 << 10
"""Bytes of one message when files are put."""


def make_load(server: Server, who: str) -> Ref[Any]:
    """The object of the part for one holder."""
    ref: Ref[Any] = server.vat.spawn(Loading, _device(server), server.vat.devices["audit"], who)
    return ref


def restore_code(server: Server) -> list[str]:
    """Load again what was loaded into this server before it was started; the modules that could not be."""
    try:
        device: Any = _device(server)
        code: Code = device._link.obj
        return code.restore()
    except StoreError:  # the server starts all the same: it has to be reached to be mended
        _LOG.exception("what was loaded into %s is not loaded again", server.id)
        return []


def _device(server: Server) -> Ref[Any]:
    """The device `code` of a server, made when it is first wanted."""
    from remit.ensemble._program import being  # which imports this module

    known = server.vat.devices.get("code")
    if known is not None:
        return known
    directory, file = server.file_directory / "code", server.home.path / "signers"
    code = Code(directory, server.vat, time.time, signers=lambda: read_signers(file), inside=lambda: being(server))
    return server.vat.device("code", code)


def read_signers(file: Path) -> list[bytes]:
    """The keys that a file names, a designator a line, `#` before a remark; none where there is no such file. Raises `StoreError` for anything else."""
    check_private(file)
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise StoreError(f"{file}, which names those whose code is taken, cannot be read: {error}") from None
    try:
        found = [public_of(word) for line in lines if (word := line.partition("#")[0].strip())]
    except BadArgument as error:
        raise StoreError(f"{file}: {error.message}; no code is taken meanwhile") from None
    if not found:
        raise StoreError(f"{file} names nobody, so code is taken from nobody: name keys, or remove the file")
    return found


@actor(kind="remit.server.load", passing=True)
class Loading:
    """The part `load`: what is brought is signed, and each load is noted, with who asked for it, before it is done."""

    code: Ref[Any]
    audit: Ref[Any]
    who: str

    async def offer(self, manifest: Any, force: bool = False) -> Any:
        return await self.code.offer(manifest, force)

    async def put(self, pieces: list[Any]) -> None:
        await self.code.put(pieces)

    async def load(self, manifest: Any, force: bool = False, library: bool = False) -> Any:
        await self.audit.note(self.who, "load", _what(manifest, force, library))
        return await self.code.load(manifest, force, library, self.who)

    async def versions(self, module: str = "") -> Any:
        return await self.code.versions(module)

    async def rollback(self, module: str, digest: str = "") -> Any:
        await self.audit.note(self.who, "load", f"rollback {module} {digest[:SHORT]}".strip())
        return await self.code.rollback(module, digest, self.who)

    async def forget(self, module: str) -> None:
        await self.audit.note(self.who, "load", f"forget {module}")
        await self.code.forget(module)


def _what(manifest: Any, force: bool, library: bool) -> str:
    """A load in a few words: which module, which digest, whose signature, and how."""
    if not isinstance(manifest, Manifest):
        return "load of what is no manifest"
    how = f"{' --force' if force else ''}{' --library' if library else ''}"
    if library:
        return f"load{how} {manifest.module}"
    key = manifest.key if type(manifest.key) is bytes and len(manifest.key) == 32 else b""
    signer = designator_of(key) if key else "nobody"
    return f"load{how} {manifest.module} {digest_of(manifest).hex()[:SHORT]} signed by {signer}"


async def send_bundle(part: Ref[Any], bundle: Bundle, *, force: bool = False) -> Loaded:
    """Have a server's part `load` take a signed bundle: only what the server lacks is sent. Raises what the server says, and then nothing was changed there."""
    manifest = bundle.manifest
    missing = await part.offer(manifest, force)
    await asyncio.gather(*[_done(part.put(pieces)) for pieces in _pieces(missing, bundle)])
    loaded: Loaded = await part.load(manifest, force)
    return loaded


async def send_library(part: Ref[Any], module: str, *, force: bool = False) -> Loaded:
    """Have a server load a module of its own path."""
    loaded: Loaded = await part.load(Manifest(module, [], {}, []), force, True)
    return loaded


def _pieces(missing: list[bytes], bundle: Bundle) -> Iterator[list[list[Any]]]:
    """What goes into each message: many small files, or a piece of a large one."""
    pieces: list[list[Any]] = []
    room = PIECE
    for digest in missing:
        data = bundle.contents[digest]
        for at in range(0, len(data) or 1, PIECE):
            piece = data[at : at + PIECE]
            if pieces and len(piece) > room:
                yield pieces
                pieces, room = [], PIECE
            pieces.append([digest, piece, at])
            room -= len(piece)
    if pieces:
        yield pieces


async def _done(promise: Ref[Any]) -> None:
    await promise
