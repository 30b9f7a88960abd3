"""The beginning of a single file (`remit bundle`): part of the file itself, where it unpacks the rest and runs the program. Imports nothing but the standard library.

    archive ──first time──► CACHE/DIGEST/app, lib ──► sys.path, PYTHONPATH ──► the program's own main

What is unpacked is private to its user, and known by its digest: the next start finds it. Where nothing can be kept, it is unpacked for one run.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import runpy
import shutil
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Final

__all__ = ["start"]

NOTE: Final = "bundle.json"


def start(archive: str) -> None:
    """Run the program of this archive, with the words of the command line that are the program's."""
    with zipfile.ZipFile(archive) as opened:
        note: dict[str, Any] = json.loads(opened.read(NOTE))
        _fitting(note["python"], archive)
        place = _place(opened, note["digest"])
    paths = [str(place / "app"), str(place / "lib")]
    sys.path[:] = [*paths, *[each for each in sys.path if Path(each or ".").resolve() != Path(archive).resolve()]]
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([*paths, *([inherited] if inherited else [])])
    for name in ("__main__", __name__):  # the program has these names for itself
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    module, _, function = note["program"].partition(":")
    if function:
        sys.exit(getattr(importlib.import_module(module), function)())
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _fitting(suffix: str, archive: str) -> None:
    """Go on in a Python that can load the extension modules in `lib`; end with what is needed where there is none."""
    if suffix in ("", sysconfig.get_config_var("EXT_SUFFIX")):
        return
    digits = suffix.removeprefix(".cpython-").partition("-")[0]
    version = f"{digits[:1]}.{digits[1:]}"
    found = shutil.which(f"python{version}")
    if found is not None and os.environ.get("REMIT_BUNDLE_PYTHON") != found:
        os.environ["REMIT_BUNDLE_PYTHON"] = found  # once: another one of that name may not fit either
        os.execv(found, [found, archive, *sys.argv[1:]])  # noqa: S606  # the same program, in another Python
    here = sysconfig.get_config_var("EXT_SUFFIX")
    sys.exit(
        f"{archive}: this file was made for Python {version} ({suffix}), and this is another one ({here}): run it with python{version}"
    )


def _place(opened: zipfile.ZipFile, digest: str) -> Path:
    """The directory with what is in the archive, unpacked now if it is not there."""
    try:
        store = _store()
        place = store / digest
        if not place.is_dir():
            draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=store))
            try:
                opened.extractall(draft)
                _settle(draft, place)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    except OSError:
        place = Path(tempfile.mkdtemp(prefix="remit-bundle-"))
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        opened.extractall(place)
    return place


def _store() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    store = Path(base, "remit", "bundles")
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = store.stat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise PermissionError(f"{store} can be written by others: what is in it is not taken")
    return store


def _settle(draft: Path, place: Path) -> None:
    """Have it there whole, or not at all; another process may have been faster."""
    try:
        draft.rename(place)
    except OSError:
        if not place.is_dir():
            raise
