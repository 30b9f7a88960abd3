"""Secrets for commands: from a file that only its owner may read, from standard input, or from a descriptor; never from the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from remit.durable import read_secret_file

__all__ = ["read_secret"]


def read_secret(given: str, hint: str) -> tuple[str, str]:
    """Where it is, in words, and its text. `given`: a path (an @ may stand before it), `-` or `fd:N`; `hint` names the option.

    Raises `remit.errors.Missing` where there is no such file, and other `StoreError`s where it is no secret.
    """
    if given == "-":
        return "standard input", sys.stdin.read()
    if given.startswith("fd:"):
        return given, _from_descriptor(given, hint)
    path = Path(given.removeprefix("@")).expanduser()
    return str(path), read_secret_file(path).decode(errors="replace")


def _from_descriptor(given: str, hint: str) -> str:
    try:
        with open(int(given.removeprefix("fd:")), errors="replace") as file:
            return file.read()
    except (ValueError, OSError):
        raise click.BadParameter(
            f"{given[:20]!r} is no open descriptor: write fd:3, and 3<FILE behind it", param_hint=hint
        ) from None
