"""One executable file of a program: its modules, Remit, and what both need, for hosts that have nothing but a Python."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from remit.ensemble.code import Bundle
from remit.errors import BadArgument, ProviderError, StoreError

__all__ = ["SingleFile", "single_file"]

_INTERPRETER: Final = "/usr/bin/env python3"
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_BEGIN: Final = """\
import sys
if sys.version_info < (3, 11):
    sys.exit("this program needs Python 3.11 or newer; this is %d.%d" % sys.version_info[:2])
import os
from _remit_single_start import start
start(os.path.dirname(os.path.abspath(__file__)))
"""


class SingleFile(NamedTuple):
    """A file that was made. `digest` of what is in it; `python`: the suffix of its extension modules, "" if any Python from 3.11 runs it."""

    path: Path
    digest: str
    python: str
    files: int
    size: int


def single_file(
    program: str,
    target: Path,
    parcel: Path,
    *,
    present: Collection[str] = (),
    path: Sequence[str] | None = None,
    interpreter: str = _INTERPRETER,
) -> SingleFile:
    """Make the file `target` of a program: `module` (run as `python -m module`) or `module:function` (called without arguments), found on `path`.

    `parcel`: an unpacked parcel with Remit in it (`remit.machines.parcel`). `present`: packages that the host has. The same files make the same file, to the byte.
    Raises what `Bundle.of` does, and `BadArgument` where the program needs what is neither Python nor part of Remit.
    """
    module, _, function = program.partition(":")
    if function and not function.isidentifier():
        raise BadArgument(f"{program[:80]!r} is no program: write module, or module:function")
    bundle = Bundle.of(module, present=present, path=sys.path if path is None else path, thorough=True)
    lacking = [name for name in bundle.manifest.needs if name not in present]
    if lacking:
        raise BadArgument(
            f"{module} needs {', '.join(lacking)}, which is not found here or has parts that are no Python: "
            f"install it on the host, and say so: --present {lacking[0]}"
        )
    files = _files(bundle, parcel)
    suffix, digest = _suffix(parcel), _digest(files)
    note = {"format": 1, "program": program, "python": suffix, "digest": digest}
    files["bundle.json"] = json.dumps(note, indent=1, sort_keys=True).encode() + b"\n"
    files["__main__.py"] = _BEGIN.encode()
    files["_remit_single_start.py"] = Path(__file__).with_name("_single_start.py").read_bytes()
    _write(target, files, interpreter)
    return SingleFile(target, digest, suffix, len(files), target.stat().st_size)


def _files(bundle: Bundle, parcel: Path) -> dict[str, bytes]:
    lib = parcel / "lib"
    files = {
        f"lib/{path.relative_to(lib).as_posix()}": path.read_bytes()
        for path in lib.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    if not files:
        raise ProviderError(f"there is no parcel in {parcel}")
    for name, digest, _, library in bundle.manifest.files:
        files[f"{'lib' if library else 'app'}/{name}"] = bundle.contents[digest]
    return files


def _suffix(parcel: Path) -> str:
    return str(json.loads((parcel / "parcel.json").read_bytes())["python"])


def _digest(files: Mapping[str, bytes]) -> str:
    whole = sha256()
    for name in sorted(files):
        whole.update(f"{name}\0{sha256(files[name]).hexdigest()}\n".encode())
    return whole.hexdigest()


def _write(target: Path, files: Mapping[str, bytes], interpreter: str) -> None:
    """The file is there whole, or not at all."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with draft.open("xb") as file:
            file.write(f"#!{interpreter}\n".encode())
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                for name in sorted(files):
                    entry = zipfile.ZipInfo(name, _DATE)
                    entry.external_attr = 0o644 << 16
                    archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED, 6)
        draft.chmod(0o755)
        draft.replace(target)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
