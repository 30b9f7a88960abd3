"""Passphrases for commands: typed at a terminal, or read from a descriptor; never an argument or an environment variable, which others can read."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import click

__all__ = ["passphrase_options", "read_passphrase"]

_MOST: Final = 1024  # bytes


def passphrase_options(command: Any) -> Any:
    """`--passphrase-fd`; and a `--passphrase` that says why there is none."""
    refused = click.option("--passphrase", hidden=True, expose_value=False, is_eager=True, callback=_refuse)
    named = click.option(
        "--passphrase-fd",
        type=click.IntRange(min=0),
        metavar="N",
        expose_value=False,
        callback=_keep,
        help="Read the passphrase from this descriptor, its first line [default: ask at the terminal].",
    )
    return refused(named(command))


def _refuse(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise click.UsageError(
            "a passphrase is no argument: other users can read command lines, and so may this one have been read. "
            "Type it when you are asked, or give --passphrase-fd N, and N<FILE behind it",
            ctx,
        )


def _keep(ctx: click.Context, param: click.Parameter, value: int | None) -> None:
    ctx.obj.passphrase_fd = value


def read_passphrase(settings: Any, of: str, *, new: bool = False) -> str:
    """The passphrase, from where the command was told; asked for twice where it is a `new` one. `of` names what it is for."""
    if settings.passphrase_fd is not None:
        return _from_descriptor(settings.passphrase_fd)
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"the passphrase of {of} is needed, and nobody can be asked for it here: give --passphrase-fd N, and N<FILE behind it"
        )
    words: str = click.prompt(f"Passphrase of {of}", hide_input=True, confirmation_prompt=new, err=True)
    return words


def _from_descriptor(descriptor: int) -> str:
    try:
        found = b""
        while b"\n" not in found and len(found) <= _MOST and (more := os.read(descriptor, _MOST)):
            found += more
        words = found.split(b"\n")[0].decode()
    except (OSError, UnicodeDecodeError):
        raise click.BadParameter(
            f"{descriptor} is no open descriptor with a passphrase in UTF-8: write 3<FILE behind --passphrase-fd 3",
            param_hint="--passphrase-fd",
        ) from None
    if not words or len(found.split(b"\n")[0]) > _MOST:
        raise click.BadParameter(
            f"the first line of descriptor {descriptor} is empty, or no passphrase", param_hint="--passphrase-fd"
        )
    return words
