"""Parcels for tests that only look at how one is brought and started: small, and out of this checkout."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from remit.machines import Parcel, digest_of, read_parcel
from remit.machines._parcel_launchers import launchers
from tests.house.source import SRC

PYTHON = """#!/bin/sh
PYTHONPATH={path} exec {python} -P "$@"
"""


def small_parcel(store: Path, agent: str = "exec sleep 300", version: str = "0.0.1") -> Parcel:
    """A parcel whose agent is this line of shell, and whose host program is that of this checkout."""
    draft = store / "draft"
    (draft / "bin").mkdir(parents=True)
    texts = {**launchers(""), "remit-python": PYTHON.format(path=SRC, python=sys.executable)}
    texts["remit-agent"] = f"#!/bin/sh\n{agent}\n"
    for name, text in texts.items():
        (draft / "bin" / name).write_text(text)
        (draft / "bin" / name).chmod(0o755)
    (draft / "parcel.json").write_text(json.dumps({"format": 1, "version": version, "python": ""}))
    place = store / digest_of(draft)
    if place.exists():
        for path in sorted(draft.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        draft.rmdir()
    else:
        draft.rename(place)
    return read_parcel(place)
