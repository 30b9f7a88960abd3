"""Files that people and providers write: remit.toml, user data, references; and what machines tell of themselves."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

from fuzz._tape import Tape
from fuzz._target import Target, expect
from fuzz.values import value
from remit.cli._config import load_config
from remit.cli._exit import BadConfig
from remit.errors import BadArgument, Misuse
from remit.machines import Offer, Report
from remit.machines._config import drop_introduction, read_user_data
from remit.machines._household import where
from remit.machines._supports import check_report

__all__ = ["TARGETS"]

TOML: Final = """[boss]
state = "~/state"
listen = "127.0.0.1:4433"
published = "boss.example.org"
start = true
[providers.process]
kind = "process"
root = "machines"
[providers.process.agent]
classes = ["customers"]
path = ["examples"]
listen = "127.0.0.1:0"
"""
USER_DATA: Final = """{"version": 1, "machine": "db", "id": "abc", "introduction": "ocapn://abc.remit/s/U0VDUkVU",
"agent": {"classes": ["a"], "path": [], "listen": "127.0.0.1:0", "published": "", "tether": ""}}"""
WORDS: Final = (
    "[",
    "]",
    "=",
    '"',
    "\n",
    "boss",
    "providers",
    ".",
    "true",
    "1e400",
    "{",
    "}",
    ":",
    ",",
    "null",
    "\0",
    "\u202e",
)


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="remit-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    folder.chmod(0o700)
    return folder


def _text(tape: Tape, genuine: str) -> bytes:
    """A file's contents: the genuine ones with changes, or anything."""
    if tape.flag():
        return tape.rest()
    data = bytearray(genuine.encode())
    for _ in range(1 + tape.number(4)):
        at, kind = tape.number(1 << 10) % len(data), tape.number(4)
        if kind == 0:
            data[at] ^= 1 << tape.number(8)
        elif kind == 1:
            del data[at : at + tape.number(40)]
        elif kind == 2:
            data[at:at] = tape.choose(WORDS).encode()
        else:
            data[at:at] = tape.some(10)
        data = data or bytearray(b"x")
    return bytes(data)


def check_toml(tape: Tape) -> None:
    """A remit.toml is read, or refused with words on what to mend."""
    path = _folder() / "remit.toml"
    path.write_bytes(_text(tape, TOML))
    try:
        config = load_config(str(path))
    except BadConfig as error:
        expect(str(path) in error.message, "the file is named")
        return
    expect(isinstance(config.boss.listen, str), "what was read is of its type")


def check_user_data(tape: Tape) -> None:
    """A provider's user data are read or refused, and an introduction is never quoted."""
    path = _folder() / "user-data"
    path.unlink(missing_ok=True)
    (_folder() / "machine.json").unlink(missing_ok=True)
    path.write_bytes(_text(tape, USER_DATA))
    path.chmod(0o600)
    try:
        data = read_user_data(_folder())
    except BadArgument as error:
        expect("U0VDUkVU" not in str(error), "the secret is not repeated")
        return
    expect("U0VDUkVU" not in repr(data), "nor shown")
    try:
        invitation = data.invitation()
    except Misuse as error:
        expect("U0VDUkVU" not in str(error), "nor where it cannot be read")
    else:
        expect("U0VDUkVU" not in repr(invitation), "nor where it can")
    if tape.flag():
        drop_introduction(_folder(), data)
        expect(read_user_data(_folder()).introduction == "", "what was used is gone")
    try:
        where(data.agent.listen)
    except BadArgument:
        return


def check_reports(tape: Tape) -> None:
    """What a machine reports is of its form, or refused with `BadArgument`."""
    offer: Any = Offer("x", "test.row", supports=["read_only"])
    if tape.flag():
        name = tape.choose(("name", "interface", "description", "kind", "supports", "methods", "rules", "up"))
        offer = offer.but(**{name: value(tape, 2)})
    fields: list[Any] = [["a"], {"db": "a"}, [offer], "1"]
    if tape.flag():
        fields[tape.number(4)] = value(tape, 2)
    try:
        check_report(Report(*fields))
    except BadArgument as error:
        expect(len(str(error)) < 1000, "what is refused is not repeated at length")


def _clean() -> None:
    shutil.rmtree(_folder(), ignore_errors=True)


TARGETS: Final = (
    Target("toml", "remit.toml", check_toml, lambda: [b"\0\0\0\0", b"\1" + TOML.encode()], share=4, longest=700),
    Target(
        "user-data",
        "providers' user data",
        check_user_data,
        lambda: [b"\0\0\0", b"\1" + USER_DATA.encode()],
        share=4,
        longest=700,
    ),
    Target("reports", "machines' reports", check_reports, lambda: [b"\0\0", b"\1\0\0\1\0"], share=6),
)
