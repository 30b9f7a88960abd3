"""The parcel: all that an agent needs besides Python, made from the installation that runs, with nothing from the internet.

    STORE/DIGEST/
        bin/remit-agent     starts an agent: finds a Python that fits, and runs `python3 -P -m remit.machines`
        bin/remit           the command line, bin/remit-python any program, with the same modules
        lib/                remit and its dependencies
        parcel.json         which versions these are, and for which Python

A parcel is known by its digest: the same files are the same parcel, wherever and whenever it is made. Python may leave `__pycache__` in it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, NamedTuple

from remit.errors import BadArgument, Missing, ProviderError

__all__ = ["Parcel", "digest_of", "find_parcel", "pack", "parcel", "read_parcel", "running_parcel", "unpack"]

FORMAT: Final = 1
NOTE: Final = "parcel.json"
SHORT: Final = 16
"""Digits of a digest that are shown, and that an agent tells its boss."""
_MOST: Final = 1 << 30
"""Bytes of an unpacked parcel; those that there are have 30 MB."""
_METADATA: Final = "Metadata-Version: 2.1\nName: remit\nVersion: {}\n"
_PIECE: Final = 1 << 20


class Parcel(NamedTuple):
    """One unpacked parcel. `python` is the suffix of its extension modules ("": any Python from 3.11); `path` the directory that is named by the digest."""

    digest: str
    version: str
    python: str
    path: Path

    @property
    def short(self) -> str:
        """The digest as people see it."""
        return self.digest[:SHORT]

    @property
    def agent(self) -> Path:
        """The program that starts an agent."""
        return self.path / "bin" / "remit-agent"


Source = Path | bytes


def parcel(store: str | os.PathLike[str], *, extras: Collection[str] | None = None, compiled: bool = False) -> Parcel:
    """The parcel of the installation that runs, in the directory `store`; one that is there already is not made again.

    `extras`: of remit, by name (None: all that an agent can use and that are installed here). `compiled`: with remit's own extension modules, where there are
    any. Raises `ProviderError` with what is not installed. Blocks for some tenths of a second: call it from a thread.
    """
    from remit.machines._parcel_contents import closure, extras_here, files_of, version_here  # agents make no parcels
    from remit.machines._parcel_launchers import launchers

    running = running_parcel()
    if running is not None:  # what runs out of a parcel can only pass that on
        return _put(Path(store), _tree(running.path), running.digest)
    chosen = extras_here(extras)
    parts = closure(chosen)
    files: dict[str, Source] = {}
    for part in parts.values():
        files |= {f"lib/{name}": path for name, path in files_of(part, compiled=compiled)}
    suffix = _suffix(files)
    note = {
        "format": FORMAT,
        "version": version_here(),
        "python": suffix,
        "extras": chosen,
        "distributions": {name: parts[name].version for name in sorted(parts)},
    }
    files |= {f"bin/{name}": text.encode() for name, text in launchers(suffix).items()}
    files[f"lib/remit-{note['version']}.dist-info/METADATA"] = _METADATA.format(note["version"]).encode()
    files[NOTE] = json.dumps(note, indent=1, sort_keys=True).encode() + b"\n"
    return _put(Path(store), files, _digest(files))


def running_parcel() -> Parcel | None:
    """The parcel that this process runs out of; None in any other installation."""
    top = Path(__file__).resolve().parents[3]
    return read_parcel(top) if Path(__file__).resolve().parents[2].name == "lib" and (top / NOTE).is_file() else None


def read_parcel(path: Path) -> Parcel:
    """The parcel in this directory, as its name and its note say; `digest_of` makes sure. Raises `Missing` where there is none."""
    try:
        note = json.loads((path / NOTE).read_bytes())
        version, python = str(note["version"]), str(note["python"])
    except (OSError, ValueError, KeyError, TypeError):
        raise Missing(f"there is no parcel in {path}") from None
    return Parcel(path.name, version, python, path)


def find_parcel(store: Path, digest: str) -> Parcel:
    """The one parcel of a store whose digest begins so. Raises `Missing` with those that there are."""
    there = sorted(path.parent.name for path in store.glob(f"*/{NOTE}") if not path.parent.name.startswith("."))
    found = [each for each in there if digest and each.startswith(digest)]
    if len(found) != 1:
        what = "several parcels begin" if found else "no parcel begins"
        shown = ", ".join(each[:SHORT] for each in found or there) or "none"
        raise Missing(f"{what} with {digest[:64]!r}; there are: {shown}")
    return read_parcel(store / found[0])


def digest_of(path: Path) -> str:
    """The digest of what is in this directory, whatever it is called."""
    return _digest(_tree(path))


def pack(made: Parcel, file: IO[bytes]) -> None:
    """Write a parcel as a compressed tar archive: the same bytes each time."""
    import gzip
    import tarfile

    with (
        gzip.GzipFile("", "wb", 1, file, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for name, source in sorted(_tree(made.path).items()):
            entry = tarfile.TarInfo(name)
            entry.mode = _mode(name)
            entry.size = len(source) if isinstance(source, bytes) else source.stat().st_size
            with _opened(source) as data:
                archive.addfile(entry, data)


def unpack(file: IO[bytes], store: str | os.PathLike[str], digest: str = "") -> Parcel:
    """Unpack what `pack` wrote into the directory `store`. Raises `BadArgument` where it is something else, or not the parcel of this digest."""
    import tarfile
    import zlib

    place = Path(store)
    draft = _draft(place)
    try:
        _extract(file, draft)
        found = digest_of(draft)
        if digest and found != digest:
            raise BadArgument(
                f"this is not the parcel {digest[:SHORT]} but {found[:SHORT]}: it was damaged or exchanged on its way"
            )
        read_parcel(draft)
        _settle(draft, place / found)
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise BadArgument(f"this is no parcel: {error}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return read_parcel(place / found)


# --- files --------------------------------------------------------------------------------------------


def _tree(top: Path) -> dict[str, Source]:
    found = ((PurePosixPath(path.relative_to(top)), path) for path in top.rglob("*") if path.is_file())
    return {str(name): path for name, path in found if "__pycache__" not in name.parts}


def _mode(name: str) -> int:
    return 0o755 if name.startswith("bin/") else 0o644


def _digest(files: Mapping[str, Source]) -> str:
    """SHA-256 of a line for each file, in the order of their names: mode, name, SHA-256 of its contents."""
    whole = sha256()
    for name in sorted(files):
        whole.update(f"{_mode(name):o} {name}\0{_hash(files[name])}\n".encode())
    return whole.hexdigest()


def _hash(source: Source) -> str:
    found = sha256()
    with _opened(source) as data:
        while piece := data.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def _opened(source: Source) -> IO[bytes]:
    return BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _suffix(files: Mapping[str, Source]) -> str:
    """That of the extension modules that are for one version of Python; those for all of them (`.abi3.so`) ask for nothing besides."""
    made = {f".{name.rpartition('/')[2].partition('.')[2]}" for name in files if name.endswith(".so")}
    own = sorted(each for each in made if each.startswith(".cpython-"))
    if len(own) > 1:
        raise ProviderError(
            f"the installed packages are for several Pythons ({', '.join(own)}): no agent could run them"
        )
    return own[0] if own else ""


def _put(store: Path, files: Mapping[str, Source], digest: str) -> Parcel:
    place = store / digest
    if not (place / NOTE).is_file():
        draft = _draft(store)
        try:
            for name, source in files.items():
                _write(draft / name, source, _mode(name))
            _settle(draft, place)
        except OSError as error:
            raise ProviderError(f"the parcel cannot be put into {store}: {error.strerror}") from None
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return read_parcel(place)


def _draft(store: Path) -> Path:
    store.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = store / f".draft-{os.urandom(6).hex()}"
    draft.mkdir(mode=0o755)
    return draft


def _settle(draft: Path, place: Path) -> None:
    """Have it there whole, or not at all; somebody else may have been faster."""
    try:
        draft.rename(place)
    except OSError:
        if not (place / NOTE).is_file():
            raise


def _write(target: Path, source: Source, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with _opened(source) as data, target.open("xb") as file:
        shutil.copyfileobj(data, file, _PIECE)
    target.chmod(mode)


def _extract(file: IO[bytes], draft: Path) -> None:
    import tarfile

    left = _MOST
    with tarfile.open(fileobj=file, mode="r:gz") as archive:
        for entry in archive:
            name = PurePosixPath(entry.name)
            left -= entry.size
            data: Any = archive.extractfile(entry) if entry.isreg() else None
            if data is None or name.is_absolute() or ".." in name.parts or left < 0:
                raise BadArgument(f"this is no parcel: {entry.name[:100]!r} does not belong into one")
            target = draft / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                shutil.copyfileobj(data, out, _PIECE)
            target.chmod(_mode(str(name)))
