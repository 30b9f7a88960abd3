"""What tests need to know of nspawn on this host."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from remit.machines._process_table import children

__all__ = ["leader", "missing"]


def missing() -> str:
    """Why no machine of nspawn can be made here; "" if one can."""
    if os.geteuid() != 0:
        return "only root can run containers with systemd-nspawn"
    for program, package in (("systemd-nspawn", "systemd-container"), ("debootstrap", "debootstrap")):
        if shutil.which(program) is None:
            return f"{program} is not installed: apt-get install {package}"
    return ""


def leader(directory: Path) -> int:
    """The host's id of the first process in a machine."""
    (found,) = children(int((directory / "process").read_text().split()[0]))
    return found.pid
