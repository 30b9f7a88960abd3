"""The disk by which a virtual machine learns who it is: an ISO 9660 image with the label `cidata` (cloud-init's NoCloud), which our own init reads, too.

user-data, meta-data    for cloud-init
remit.json, hostname    for our init: the user data as such
boss.address            the boss's signed address, as it was when the machine was last started
machine.tar             what the agent is to load (`_luggage.py`)
parcel.tar.gz           the agent's code, where the machine's image has none
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from remit.errors import ProviderError
from remit.machines.images._tree import run_tool

__all__ = ["LABEL", "blank_introduction", "write_seed"]

LABEL: Final = "cidata"
MAKERS: Final = ("genisoimage", "mkisofs", "xorrisofs")  # one program, more or less
_SIGN: Final = re.compile(rb"introduction\W{1,12}(ocapn://[^\"\\]*)")


def write_seed(target: Path, files: Mapping[str, bytes | Path]) -> None:
    """Write the disk, 0600: it holds the introduction. Raises `ProviderError` where nothing here makes such images."""
    maker = next((each for each in MAKERS if shutil.which(each)), None)
    if maker is None:
        raise ProviderError("nothing here makes ISO images: apt-get install genisoimage")
    with tempfile.TemporaryDirectory(prefix=".seed-", dir=target.parent) as place:
        top = Path(place) / "files"
        top.mkdir(mode=0o700)
        for name, content in files.items():
            if isinstance(content, Path):
                os.link(content, top / name) if _same_disk(content, top) else shutil.copyfile(content, top / name)
            else:
                (top / name).write_bytes(content)
        draft = Path(place) / "iso"
        draft.touch(mode=0o600)
        run_tool([maker, "-quiet", "-output", str(draft), "-volid", LABEL, "-joliet", "-rock", str(top)])
        draft.chmod(0o600)
        draft.rename(target)


def blank_introduction(disk: Path) -> bool:
    """Overwrite a used introduction on a disk, in place, and say whether there was one. The machine may have the disk in use."""
    try:
        with disk.open("r+b") as file:
            data = file.read()
            found = list(_SIGN.finditer(data))
            for match in found:
                start, end = match.span(1)
                file.seek(start)
                file.write(b"-" * (end - start))
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:
        return False
    return bool(found)


def _same_disk(file: Path, directory: Path) -> bool:
    return file.stat().st_dev == directory.stat().st_dev
