"""What is done when the credential of a binding was laid out anew: files made of templates, then a command or a signal.

Commands and writing for another user run as that user, in a process of their own: whatever a path leads to, it leads there with that user's rights.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from remit.durable import write_secret_file
from remit.errors import BadArgument, RemitError
from remit.machines._laying import Laying, signal_of
from remit.machines._shelf import Shelf
from remit.values import printable

__all__ = ["Reload", "fill_in", "filled"]

_log = logging.getLogger("remit.machines")
SECONDS: Final = 30.0
"""For a command; then it is killed, with all that it has started in its process group."""
WORDS: Final = 200
"""Characters of what a command has said that are shown."""
_PLACE: Final = re.compile(r"\{([A-Za-z0-9_][A-Za-z0-9_-]{0,62})\.([A-Za-z0-9][A-Za-z0-9._-]{0,62})\}", re.ASCII)
_WRITE: Final = (
    """umask 077 && t=$(mktemp "$1.XXXXXXXX") && { cat >"$t" && mv -fT "$t" "$1" || { rm -f "$t"; exit 1; }; }"""
)
_SHORT: Final = 5  # characters that may stand in a message by chance
_MOST: Final = 1 << 20  # bytes of a template


class Reload:
    """Owned by the layout. `signal` sends a signal to a service of this machine."""

    def __init__(self, signal: Callable[[str, int], Awaitable[Any]] | None = None, seconds: float = SECONDS) -> None:
        self._signal = signal
        self._seconds = seconds

    async def tell(self, shelf: Shelf, name: str, laying: Laying, *, again: bool) -> str:
        """Do what the laying asks for; what went wrong, "" if nothing. Without `again` it is laid out for the first time: nobody uses it yet."""
        try:
            for template, path in laying.templates:
                await self._fill(shelf, template, path)
            if again and laying.reload:
                await self._run(shelf, list(laying.reload), b"", f"reload of {name}")
            if again and laying.signal:
                number, service = signal_of(laying.signal)
                if self._signal is None:
                    raise BadArgument("this machine runs no services that could get a signal")
                await self._signal(service, int(number))
        except RemitError as error:
            text = getattr(error, "message", str(error))
            _log.warning("binding %s was laid out anew, and its programs could not be told: %s", name, text)
            return text
        return ""

    async def _fill(self, shelf: Shelf, template: str, path: str) -> None:
        entries = {name: shelf.texts(name) for name in shelf.held()}
        if shelf.user is None:
            fill_in(Path(template), Path(path), entries)
            return
        what = f"template {template}"
        text = await self._run(shelf, ["/bin/cat", "--", template], b"", what)
        made = filled(decoded(text, template), entries, template)
        await self._run(shelf, ["/bin/sh", "-c", _WRITE, "sh", path], made.encode(), f"{what}, written to {path}")

    async def _run(self, shelf: Shelf, words: list[str], given: bytes, what: str) -> bytes:
        """What a program has said that was run as the programs' user; `given` is its standard input."""
        user = shelf.user
        who: dict[str, Any] = {} if user is None else {"user": user.uid, "group": user.gid, "extra_groups": []}
        environment = {"PATH": os.defpath, "SERVICE_BINDING_ROOT": str(shelf.root), "LANG": "C.UTF-8"}
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd="/",
                env=environment,
                start_new_session=True,
                **who,
            )
        except OSError as error:
            raise BadArgument(f"{what}: {words[0]} cannot be started: {error.strerror or error}") from None
        try:
            async with asyncio.timeout(self._seconds):
                answer, said = await process.communicate(given)
        except TimeoutError:
            raise BadArgument(f"{what}: it has not ended within {self._seconds:g} s, and was killed") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, 9)
                await process.wait()
        if process.returncode:
            last = scrubbed(said.decode("utf-8", "replace"), shelf)
            raise BadArgument(f"{what}: it ended with code {process.returncode}{f': {last}' if last else ''}")
        return answer


def scrubbed(said: str, shelf: Shelf) -> str:
    """The last of what a program has said, in one line, without anything that is laid out for it."""
    for name in shelf.held():
        for value in shelf.texts(name).values():
            said = said.replace(value, "…") if len(value) > _SHORT else said
    return printable(" ".join(said.split()))[-WORDS:]


def fill_in(template: Path, path: Path, entries: Mapping[str, Mapping[str, str]]) -> None:
    """Write a file (0600, whole) of a template. Raises `BadArgument` that names what cannot be filled in, and no value."""
    try:
        with template.open("rb") as file:
            text = decoded(file.read(_MOST), str(template))
        write_secret_file(path, filled(text, entries, str(template)).encode(), replace=True)
    except OSError as error:
        raise BadArgument(f"template {template}: {error.strerror or error}") from None


def decoded(data: bytes, where: str) -> str:
    """A template's text. Raises `BadArgument`."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BadArgument(f"template {where}: it is not UTF-8 text") from None


def filled(text: str, entries: Mapping[str, Mapping[str, str]], where: str) -> str:
    """The text with each `{name.entry}` replaced; braces that stand around anything else stay."""

    def entry(found: re.Match[str]) -> str:
        name, key = found.groups()
        value = entries.get(name, {}).get(key)
        if value is None:
            there = ", ".join(sorted(entries.get(name, entries)))
            raise BadArgument(f"template {where}: there is no {name}.{key}; there are: {there}")
        return value

    return _PLACE.sub(entry, text)
