"""What runs in a container: it puts the component's directory together from its secrets, in memory, and is the component, or runs it, where it is a command."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from remit.app.hosting._command import run_command
from remit.app.hosting._manifest import read_manifest
from remit.app.hosting._process import run_persona
from remit.durable import open_state_dir, write_secret_file
from remit.errors import Missing, StoreCorrupt

__all__ = ["HOME", "PERSONA", "SECRETS", "run_contained", "unpack"]

SECRETS: Final = "/run/secrets"
PERSONA: Final = "/run/persona"
"""Where a container has room for its directory, in memory."""
HOME: Final = "home"
"""The directory in it."""
_EDGE: Final = "edge."


def run_contained(words: list[str] | None = None, secrets: str = SECRETS, place: str = PERSONA) -> int:
    """Be the component whose secrets are in a directory, or, with words, run it as a command; the exit code. `place` is the container's own, and ends with it."""
    path = unpack(Path(secrets), Path(place) / HOME)
    data = read_manifest(path).data
    if data:
        open_state_dir(Path(data))  # below its volume, whose own mode is the engine's affair
    return run_persona(path) if words is None else run_command(path, words)


def unpack(secrets: Path, path: Path) -> Path:
    """The component's directory, made of its secrets. Raises `Missing` where there are none, `StoreCorrupt` for what is none of ours."""
    try:
        own = json.loads((secrets / "persona").read_text())
    except FileNotFoundError:
        raise Missing(
            f"there is no secret {secrets}/persona: this program runs in a container that remit build has described"
        ) from None
    except ValueError as error:
        raise StoreCorrupt(f"{secrets}/persona cannot be read: {error}") from None
    for each in (path, path / "edges", path / "grants"):
        open_state_dir(each)
    for name, text in own.items():
        if os.path.normpath(name) != name or name.startswith(("/", "..")):
            raise StoreCorrupt(f"{secrets}/persona has a file {name!r}")
        write_secret_file(path / name, text.encode(), replace=True)
    for held in sorted(secrets.glob(f"{_EDGE}*")):
        write_secret_file(path / "edges" / f"{held.name.removeprefix(_EDGE)}.ref", held.read_bytes(), replace=True)
    return path
