"""How a command ends: exit codes, and errors as people read them. The codes are documented in docs/machines.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import click

from remit.errors import Broken, Refused, RemitError
from remit.values import printable

__all__ = [
    "CHANGES",
    "FAILED",
    "INTERRUPTED",
    "PARTLY",
    "REFUSED",
    "TIMED_OUT",
    "USAGE",
    "BadConfig",
    "TimedOut",
    "code_of",
    "has_secret",
    "told",
]

FAILED: Final = 1
USAGE: Final = 2
PARTLY: Final = 3
REFUSED: Final = 4
TIMED_OUT: Final = 5
CHANGES: Final = 6
INTERRUPTED: Final = 130

CODES: Final = "0 done, 1 failed, 2 wrong usage, 3 partly done, 4 authority missing, 5 timed out, 6 something to do (plan --detailed-exitcode), 130 interrupted"

# The path `/s/` is what makes a secret of a locator: OCapN draft specification "Locators", section "OCapN Sturdyref URI".
_STURDYREF: Final = re.compile(
    r"ocapn:/*[^?\s]*/s/"
    r"|<\s*ref\s*\{",  # Syndicate Protocol, Sturdy references
    re.IGNORECASE,
)


class BadConfig(click.ClickException):
    """A configuration that cannot be used: something for the person to mend, as wrong usage is."""

    exit_code = USAGE


class TimedOut(click.ClickException):
    """The time that the person gave is over."""

    exit_code = TIMED_OUT


def told(error: BaseException) -> str:
    """An error in words: what kind, what happened, what is known besides, and under which id it was logged."""
    kind, message, id = type(error).__name__, str(error), ""
    if isinstance(error, Broken):
        kind, message, id = error.kind, error.message, error.id
    if not isinstance(error, RemitError):
        message += "\nThis is a fault in Remit itself; `remit --debug …` shows where."
    notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
    return printable(f"{kind}: {message}{notes}{f' [{id}]' if id else ''}", lines=True)


def code_of(error: BaseException) -> int:
    """The exit code that stands for an error."""
    return REFUSED if isinstance(error, Refused) else FAILED


_LOGIN: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://[^/?#\s]*:[^/?#\s@]+@", re.IGNORECASE
)  # RFC 3986, section 3.2.1: a password in a URI


def has_secret(text: str) -> bool:
    """Whether there is a sturdyref, or a URI with a password, in a text."""
    return bool(_STURDYREF.search(text) or _LOGIN.search(text))


def refuse_secrets(words: Sequence[str]) -> None:
    """Refuse a sturdyref among the words of a command line, which every user of the machine can read."""
    for place, word in enumerate(words, 1):
        if _STURDYREF.search(word):
            raise click.UsageError(
                f"word {place} of this command is a sturdyref: a secret, and other users can read command lines. "
                "Put it into a file of mode 600 and give @FILE, or give - and write it to standard input; "
                "and take this one back, since it may have been read."
            )
        if _LOGIN.search(word):
            raise click.UsageError(
                f"word {place} of this command has a password in it, and other users can read command lines. "
                "Put it into a file of mode 600 and name the file (--owner FILE), or write it to standard input; and change that password."
            )
