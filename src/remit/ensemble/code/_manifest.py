"""What a bundle of code says of itself: its files by their digests, which module they are for, and who has signed that.

    Manifest(module, files, imports, needs, key, signature)
        files    [[path, SHA-256, bytes, library], …], sorted by path; a library comes from where its sender has packages installed
        imports  for each module the modules of the bundle that it imports when it is executed
        needs    names outside of the bundle that have to be there
        signature   Ed25519, by `key`, over a label and the digest of the four before

Everything here comes from a stranger until `checked` has looked at it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any, Final, NamedTuple

from remit.errors import BadArgument, LimitExceeded, Refused
from remit.net import proves
from remit.values import encode, printable, record

__all__ = [
    "FILE",
    "FILES",
    "SHORT",
    "TOTAL",
    "File",
    "Manifest",
    "checked",
    "digest_of",
    "files_of",
    "module_of",
    "modules_of",
    "signed",
]

FILES: Final = 2000
"""Files of one bundle; the manifest of so many fits into one message."""
FILE: Final = 16 << 20
"""Bytes of one file."""
TOTAL: Final = 64 << 20
"""Bytes of all files of one bundle; larger things are no code, and go as an upload."""
SHORT: Final = 12
"""Digits of a digest that people are shown."""
_PATH: Final = 240
_LABEL: Final = b"remit: a bundle of code, 1\0"


class File(NamedTuple):
    """One file of a bundle."""

    path: str
    digest: bytes
    size: int
    library: bool


@record("remit.code-manifest")
class Manifest:
    """What a bundle says of itself; plain data, see above. Made by `Bundle`, believed only after `checked`."""

    module: str
    files: list[Any]
    imports: dict[str, Any]
    needs: list[Any]
    key: bytes = b""
    signature: bytes = b""


def digest_of(manifest: Manifest) -> bytes:
    """SHA-256 of all that the signature is for: the same files are the same bundle, whoever signs it."""
    parts = [manifest.module, list(manifest.files), dict(manifest.imports), list(manifest.needs)]
    return sha256(encode(parts)).digest()


def signed(manifest: Manifest, key: bytes, sign: Callable[[bytes], bytes]) -> Manifest:
    """The same, signed. `key`: the raw public key that belongs to `sign`."""
    signature = sign(_LABEL + digest_of(manifest))
    return Manifest(manifest.module, manifest.files, manifest.imports, manifest.needs, key, signature)


def module_of(path: str) -> str:
    """The name of the module that is in a file, "" for other files."""
    if not path.endswith(".py"):
        return ""
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else ""


def files_of(manifest: Manifest) -> list[File]:
    """Its files, each with its parts by name."""
    return [File(*entry) for entry in manifest.files]


def modules_of(manifest: Manifest) -> dict[str, File]:
    """The files that are modules, by the modules' names."""
    return {name: file for file in files_of(manifest) if (name := module_of(file.path))}


def checked(manifest: Any) -> Manifest:
    """The manifest, if it is one, within all limits, and signed by the key that it names. Raises `BadArgument`, `LimitExceeded` or `Refused`."""
    if not isinstance(manifest, Manifest):
        raise BadArgument(f"a manifest of a bundle is wanted, not {type(manifest).__name__}")
    files: object = manifest.files
    imports: object = manifest.imports
    needs: object = manifest.needs
    _check_module(manifest.module)
    if not isinstance(files, list) or len(files) > FILES:
        raise LimitExceeded(f"a bundle has at most {FILES} files")
    _check_files([_file(entry) for entry in files])
    known = modules_of(manifest)
    if manifest.files and manifest.module not in known:
        raise BadArgument(f"the bundle of {manifest.module} does not have the module {manifest.module} in it")
    if not isinstance(imports, dict) or not isinstance(needs, list):
        raise BadArgument("the bundle's imports and needs cannot be read")
    for importer, names in imports.items():
        if (
            importer not in known
            or not isinstance(names, list)
            or any(type(name) is not str or name not in known for name in names)
        ):
            raise BadArgument(f"the bundle says what {_shown(importer)} imports, and does not have all of that in it")
    for name in needs:
        _check_module(name)
    _check_signature(manifest)
    return manifest


def _check_module(name: object) -> None:
    if type(name) is not str or len(name) > _PATH or not all(part.isidentifier() for part in name.split(".")):
        raise BadArgument(f"{_shown(name)} is not the name of a module: that is like shop.handlers")


def _file(entry: Any) -> File:
    if not isinstance(entry, list) or [type(part) for part in entry] != [str, bytes, int, bool]:
        raise BadArgument("a file of a bundle is a path, a digest, a size, and whether it belongs to a library")
    file = File(*entry)
    parts = file.path.split("/")
    if not file.path.isprintable() or "\\" in file.path or len(file.path) > _PATH or len(file.path.encode()) > _PATH:
        raise BadArgument(f"{_shown(file.path)} is not the path of a file in a bundle")
    if any(part in ("", ".", "..") for part in parts):
        raise BadArgument(
            f"{_shown(file.path)} leads out of the bundle: paths in it are like shop/handlers.py, without .. and not absolute"
        )
    if len(file.digest) != sha256().digest_size:
        raise BadArgument(f"the digest of {_shown(file.path)} is no SHA-256")
    if not 0 <= file.size <= FILE:
        raise LimitExceeded(f"{file.path} has {file.size} bytes; a file of a bundle has at most {FILE}")
    return file


def _check_files(files: list[File]) -> None:
    total = sum(file.size for file in files)
    if total > TOTAL:
        raise LimitExceeded(f"the bundle has {total} bytes in all; at most {TOTAL} are taken: upload what is no code")
    paths = [file.path for file in files]
    if paths != sorted(set(paths)):
        raise BadArgument("the files of a bundle are sorted by their paths, each there once")
    directories = {parent for path in paths for parent in _parents(path)}
    sizes: dict[bytes, int] = {}
    for file in files:
        if file.path in directories:
            raise BadArgument(f"{_shown(file.path)} is a file and a directory")
        if sizes.setdefault(file.digest, file.size) != file.size:
            raise BadArgument(f"the bundle has two sizes for the digest of {_shown(file.path)}")


def _parents(path: str) -> Iterable[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _check_signature(manifest: Manifest) -> None:
    if type(manifest.key) is not bytes or type(manifest.signature) is not bytes or not manifest.signature:
        raise Refused(
            f"the bundle of {manifest.module} is not signed: sign it with the node's or the administrators' key"
        )
    if not proves(manifest.key, manifest.signature, _LABEL + digest_of(manifest)):
        raise Refused(
            f"the signature of the bundle of {manifest.module} is not by the key that it names, or the bundle was changed since"
        )


def _shown(value: object) -> str:
    return repr(printable(value[:100])) if type(value) is str else f"a {type(value).__name__}"
