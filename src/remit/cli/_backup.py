"""`remit boss backup`, `restore` and `move`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from remit.cli._config import load_config
from remit.cli._main import Settings
from remit.cli._secret import read_secret
from remit.cli._show import as_json_option, say, show_json
from remit.durable import FileLock, SqliteStore, open_state_dir, write_secret_file
from remit.errors import Missing, StoreLocked

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["backup", "move", "restore"]

_FILE = click.Path(path_type=Path, dir_okay=False)


def _passphrase_options(command: Any) -> Any:
    command = click.option("--plain", is_flag=True, help="Without a passphrase: whoever reads the copy is the boss.")(
        command
    )
    return click.option(
        "--passphrase", metavar="FILE", help="Where the passphrase is: a private file, '-' or fd:N [default: ask]."
    )(command)


def _state_option(command: Any) -> Any:
    return click.option("--state", metavar="DIR", help="The boss's state directory [default: as configured].")(command)


@click.command()
@click.argument("file", type=_FILE)
@_state_option
@_passphrase_options
@as_json_option
@click.pass_obj
def backup(
    settings: Settings, file: Path, state: str | None, passphrase: str | None, plain: bool, as_json: bool
) -> None:
    """Copy the boss into FILE, while it runs or not: its key, all that it keeps, and its admin reference."""
    from remit.machines import pack_state  # the boss's weight, for these commands only

    directory, secret = _directory(settings, state), _chosen(passphrase, plain, new=True)
    data = _with_copy(settings, directory, lambda copy: pack_state(directory, copy, secret))
    write_secret_file(file, data)
    _done(
        as_json,
        {"file": str(file), "bytes": len(data), "state": str(directory)},
        f"{file} is a copy of the boss; keep it as its key",
    )


@click.command()
@click.argument("file", type=_FILE)
@_state_option
@_passphrase_options
@as_json_option
@click.pass_obj
def move(settings: Settings, file: Path, state: str | None, passphrase: str | None, plain: bool, as_json: bool) -> None:
    """Copy a boss that is stopped into FILE, to be restored elsewhere: it does not start here any more."""
    from remit.machines import mark_moved, pack_state  # as above

    directory, secret = _directory(settings, state), _chosen(passphrase, plain, new=True)
    with FileLock(directory / "lock", f"the state directory {directory}"):
        data = _offline(directory, lambda copy: pack_state(directory, copy, secret))
        write_secret_file(file, data)
        mark_moved(directory, file)
    _done(
        as_json,
        {"file": str(file), "bytes": len(data), "state": str(directory), "moved": True},
        f"the boss is in {file}, and does not start here any more; where it goes: remit boss restore {file.name}",
    )


@click.command()
@click.argument("file", type=_FILE)
@_state_option
@click.option(
    "--passphrase",
    metavar="FILE",
    help="Where the passphrase is: a private file, '-' or fd:N [default: ask, if there is one].",
)
@as_json_option
@click.pass_obj
def restore(settings: Settings, file: Path, state: str | None, passphrase: str | None, as_json: bool) -> None:
    """Make a boss's state directory out of FILE. Its machines find it again once it runs; the one that it was copied from must not."""
    from remit.machines import read_copy, unpack_state, write_state  # as above

    directory = (
        Path(state).expanduser().absolute() if state else load_config(settings.config).boss.directory().absolute()
    )
    data = read_copy(file)
    secret = None if b'"cipher": "plain"' in data[:200] else _chosen(passphrase, plain=False, new=False)
    files = unpack_state(data, secret)
    write_state(directory, files)
    _done(
        as_json,
        {"state": str(directory), "files": sorted(files)},
        f"{directory} holds the boss; to run it: remit boss run",
    )


def _directory(settings: Settings, state: str | None) -> Path:
    directory = (
        Path(state).expanduser().absolute() if state else load_config(settings.config).boss.directory().absolute()
    )
    if not (directory / "key.pem").exists():
        raise Missing(f"there is no boss in {directory}: name its directory with --state")
    return open_state_dir(directory)


def _with_copy(settings: Settings, directory: Path, pack: Callable[[Path], bytes]) -> bytes:
    """What `pack` makes of a copy of the store: taken here where no boss runs, by the boss where one does."""
    try:
        lock = FileLock(directory / "lock")
    except StoreLocked:
        from remit.cli._connect import ask_boss  # an offline copy needs no network

        here = Settings(settings.config, str(directory / "admin.ref"), settings.timeout, settings.debug)
        copy = Path(ask_boss(here, lambda boss: boss.copy_state()))
        try:
            return pack(copy)
        finally:
            copy.unlink(missing_ok=True)
    with lock:
        return _offline(directory, pack)


def _offline(directory: Path, pack: Callable[[Path], bytes]) -> bytes:
    copy = directory / "copy-offline.db"
    copy.unlink(missing_ok=True)
    store = SqliteStore(directory / "state.db")
    try:
        store.copy_to(copy)
        return pack(copy)
    finally:
        store.close()
        copy.unlink(missing_ok=True)


def _chosen(given: str | None, plain: bool, new: bool) -> str | None:
    """The passphrase, from where it was said to be, or asked of a person; None where none is wanted."""
    if plain and given:
        raise click.UsageError("--plain is without a passphrase: give one of the two")
    if plain:
        return None
    if given:
        words = read_secret(given, "--passphrase")[1].rstrip("\n")
    elif sys.stdin.isatty():
        words = click.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True)
    else:
        raise click.UsageError(
            f"nobody can be asked here for a passphrase: give --passphrase FILE{' or --plain' if new else ''}"
        )
    if not words:
        raise click.UsageError("an empty passphrase keeps nobody out: choose one, or give --plain")
    return str(words)


def _done(as_json: bool, data: dict[str, Any], words: str) -> None:
    if as_json:
        show_json(data)
    else:
        say(words)
