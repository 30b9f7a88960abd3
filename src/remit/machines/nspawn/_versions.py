"""Out of which parcel the agent of a container of systemd-nspawn is started, and how that is changed while the rest of the machine goes on.

code/                       on the host, root's; read-only in the machine, as /opt/remit
DIGEST/                 a parcel, linked file by file to where the boss keeps it, or copied
current, previous       which of them: see `_versions.py`
bin, lib, parcel.json   those of the current one
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from remit.errors import ProviderError
from remit.machines._process_table import Process, children
from remit.machines._versions import CURRENT, PREVIOUS, begin, current, switch

__all__ = ["first_code", "next_code", "restart_agent", "tidy"]

_SHOWN: Final = ("bin", "lib", "parcel.json")
_PATIENCE: Final = 30.0  # seconds for the machine's systemd to answer


def first_code(directory: Path, parcel: Path) -> Path:
    """What the machine is given as /opt/remit: made with this parcel, unless there is one already."""
    code = directory / "code"
    code.mkdir(mode=0o755, exist_ok=True)
    code.chmod(0o755)
    if current(code) is None:
        begin(code, _brought(code, parcel))
    for name in _SHOWN:
        with suppress(FileExistsError):
            (code / name).symlink_to(Path(CURRENT) / name)
    return code


def next_code(directory: Path, parcel: Path) -> bool:
    """Have the next agent start out of this parcel; whether that is another one than before."""
    code = directory / "code"
    return switch(code, _brought(code, parcel))


def _brought(code: Path, parcel: Path) -> Path:
    """The name below `code` of a parcel that is all there."""
    name = Path(parcel.name)
    if not (code / name).is_dir():
        draft = code / f".{name}"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(parcel, draft, symlinks=True, copy_function=_link_or_copy)
        draft.chmod(0o755)
        draft.rename(code / name)
    return name


def _link_or_copy(source: str, target: str) -> str:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system, or as many links as a file may have
        return str(shutil.copy2(source, target, follow_symlinks=False))
    return target


def tidy(directory: Path) -> None:
    """Remove the parcels that neither run nor are gone back to."""
    code = directory / "code"
    kept = {str(current(code, link)) for link in (CURRENT, PREVIOUS)}
    for each in code.iterdir():
        if each.is_dir() and not each.is_symlink() and each.name not in kept:
            shutil.rmtree(each, ignore_errors=True)


def restart_agent(process: Process, name: str) -> None:
    """Have the systemd of a running machine start its agent again; what else runs there is not touched."""
    for leader in children(process.pid):
        words = ["nsenter", f"--target={leader.pid}", "--all", "systemctl", "restart", "remit-agent.service"]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise ProviderError(
                f"machine {name}: its systemd did not start the agent again within {_PATIENCE:g} s"
            ) from None
        if done.returncode != 0:
            raise ProviderError(
                f"machine {name}: its systemd did not start the agent again: {done.stderr.strip()[:300]}"
            )
