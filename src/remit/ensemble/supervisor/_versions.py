"""Versions of what was uploaded: each under its digest, one of them in use.

    store/KIND/NAME/DIGEST/     64 digits of SHA-256; a program is a file of its name in it, an environment or files what was in the archive
    store/KIND/NAME/current     a link to one of them, exchanged in one step
    store/KIND/NAME/log.jsonl   which was put to use when, the newest last

A version is there whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from remit.durable import sync_dir
from remit.ensemble.supervisor._places import CURRENT, KINDS, Places
from remit.ensemble.supervisor._settings import check_name
from remit.ensemble.supervisor._unpack import put_program, unpack
from remit.errors import BadArgument, Conflict, Missing

__all__ = ["KEPT", "Versions"]

KEPT: Final = 10
"""Versions of one thing that are kept: past that, the one that was used longest ago goes when another one comes."""
_LOG: Final = "log.jsonl"
_MOST_LINES: Final = 1000


class Versions:
    """Owned by the supervisor; `clock` gives seconds since the epoch."""

    def __init__(self, places: Places, clock: Callable[[], float]) -> None:
        self._places = places
        self._clock = clock

    def has(self, kind: str, name: str, digest: str) -> bool:
        """Whether this version is here already."""
        return (self._places.kept(kind, name) / digest).is_dir()

    def add(self, kind: str, name: str, digest: str, file: Path, *, switch: bool = True) -> dict[str, Any]:
        """Make a version of a checked file, and with `switch` put it to use. Blocks; raises `BadArgument` for an archive that may not be unpacked."""
        place = self._places.kept(kind, name)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (place / digest).is_dir():
            draft = place / f".draft-{os.urandom(6).hex()}"
            draft.mkdir(mode=0o755)
            try:
                put_program(file, draft / name) if kind == "program" else unpack(file, draft)
                draft.rename(place / digest)
                sync_dir(place)
            except OSError as error:
                if not (place / digest).is_dir():
                    raise BadArgument(f"{kind} {name} cannot be kept: {error.strerror}") from None
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        if switch:
            self.use(kind, name, digest)
            self._drop_old(place)
        return self.view(kind, name)

    def use(self, kind: str, name: str, digest: str) -> None:
        """Have this version be the one in use, from one moment to the next. Who runs already goes on with what it has open."""
        place = self._places.kept(kind, name)
        link = place / f".link-{os.urandom(6).hex()}"
        link.symlink_to(digest)
        link.replace(place / CURRENT)
        sync_dir(place)
        self._note(place, digest)

    def rollback(self, kind: str, name: str, version: str = "") -> dict[str, Any]:
        """Go back to the version that was in use before the present one, or to the one whose digest begins so."""
        self._there(kind, name)
        place, now = self._places.kept(kind, name), self._now(kind, name)
        if version:
            self.use(kind, name, self.find(kind, name, version))
            return self.view(kind, name)
        before = [
            each["version"]
            for each in self._notes(place)
            if each["version"] != now and (place / each["version"]).is_dir()
        ]
        if not before:
            raise Missing(f"{kind} {name} has no version before {now[:12]}: there is nothing to go back to")
        self.use(kind, name, before[-1])
        return self.view(kind, name)

    def find(self, kind: str, name: str, beginning: str) -> str:
        """The digest that begins so. Raises `Missing`, or `Conflict` where several do."""
        found = [each for each in self._there(kind, name) if each.startswith(beginning)]
        if len(found) == 1:
            return found[0]
        have = ", ".join(each[:12] for each in self._there(kind, name))
        if found:
            raise Conflict(f"several versions of {kind} {name} begin with {beginning[:64]!r}: {have}")
        raise Missing(f"{kind} {name} has no version {beginning[:64]!r}; there are: {have}")

    def view(self, kind: str, name: str) -> dict[str, Any]:
        """One thing for people: {"kind", "name", "version" in use, "versions": [{"version", "used": seconds since the epoch, or None}, …], the newest last}."""
        place, used = self._places.kept(kind, name), dict[str, float]()
        there = self._there(kind, name)
        for each in self._notes(place):
            used[each["version"]] = each["at"]
        rows = [{"version": each, "used": used.get(each)} for each in there]
        rows.sort(key=lambda row: row["used"] or 0.0)
        return {"kind": kind, "name": name, "version": self._now(kind, name), "versions": rows}

    def listing(self, kind: str = "", name: str = "") -> list[dict[str, Any]]:
        """All that was uploaded, or what is meant."""
        if kind:
            self._places.kept(kind, name or "any")
        if name:
            return [self.view(kind or "program", name)]
        kinds = [kind] if kind else list(KINDS)
        found = [(each, path.name) for each in kinds for path in sorted((self._places.store / each).glob("[!.]*"))]
        return [self.view(each, name) for each, name in found]

    def forget(self, kind: str, name: str, version: str) -> dict[str, Any]:
        """Remove a version that is not in use."""
        digest = self.find(kind, name, version)
        if digest == self._now(kind, name):
            raise Conflict(f"version {digest[:12]} of {kind} {name} is in use: put another one to use first")
        shutil.rmtree(self._places.kept(kind, name) / digest)
        return self.view(kind, name)

    def _there(self, kind: str, name: str) -> list[str]:
        place = self._places.kept(kind, check_name(kind, name))
        if not place.is_dir():
            raise Missing(f"there is no {kind} {name}: upload it first")
        return sorted(path.name for path in place.iterdir() if path.is_dir() and len(path.name) == 64)

    def _now(self, kind: str, name: str) -> str:
        try:
            return os.readlink(self._places.kept(kind, name) / CURRENT)
        except FileNotFoundError:
            return ""

    def _notes(self, place: Path) -> list[dict[str, Any]]:
        try:
            lines = (place / _LOG).read_text().splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines[-_MOST_LINES:]:
            try:
                found.append(json.loads(line))
            except ValueError:  # the machine went down as it was written
                continue
        return found

    def _note(self, place: Path, digest: str) -> None:
        with (place / _LOG).open("a") as log:
            log.write(json.dumps({"version": digest, "at": self._clock()}) + "\n")

    def _drop_old(self, place: Path) -> None:
        """What is kept is bounded; what is in use, and what was before, are never dropped."""
        there = {path.name for path in place.iterdir() if path.is_dir() and len(path.name) == 64}
        order = [each["version"] for each in self._notes(place) if each["version"] in there]
        newest = list(dict.fromkeys(reversed(order)))[:KEPT]
        for each in there - set(newest) if len(there) > KEPT else ():
            shutil.rmtree(place / each, ignore_errors=True)
