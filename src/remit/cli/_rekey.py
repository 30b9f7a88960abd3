"""`remit boss rekey`: another key for the boss."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from remit.cli._config import load_config
from remit.cli._main import Settings
from remit.cli._show import as_json_option, say, show_json, table
from remit.cli._times import at
from remit.durable import FileLock, open_state_dir, read_secret_file
from remit.errors import Missing, StoreLocked
from remit.values import SturdyRef

if TYPE_CHECKING:
    from remit.vat import Ref

__all__ = ["rekey"]

POLL = 0.1  # seconds between two looks whether the boss is there again


@click.command()
@click.option("--state", metavar="DIR", help="The boss's state directory [default: as configured].")
@click.option("--status", is_flag=True, help="Change nothing; say which machines have not heard of the key yet.")
@as_json_option
@click.pass_obj
def rekey(settings: Settings, state: str | None, status: bool, as_json: bool) -> None:
    """Give the boss another key, while it runs (it starts again by itself) or not. Machines follow it; invitations end.

    The same command again goes on where a crash has interrupted it. Copies of `admin.ref` elsewhere are of no use afterwards.
    """
    directory = (
        Path(state).expanduser().absolute() if state else load_config(settings.config).boss.directory().absolute()
    )
    if not (directory / "key.pem").exists():
        raise Missing(f"there is no boss in {directory}: name its directory with --state")
    here = Settings(settings.config, str(open_state_dir(directory) / "admin.ref"), settings.timeout, settings.debug)
    if status:
        _show(here, as_json)
        return
    try:
        lock = FileLock(directory / "lock")
    except StoreLocked:
        done = _of_running(here, directory)
    else:
        done = _of_stopped(directory, lock)
    if as_json:
        show_json(done)
        return
    say(f"the boss's key is {done['key']} now; invitations have ended, and copies of admin.ref are of no use")
    if done["missing"]:
        say(f"not told yet: {', '.join(done['missing'])}; see: remit boss rekey --status")


def _of_running(here: Settings, directory: Path) -> dict[str, Any]:
    from remit.cli._connect import ask_boss, wait_for_boss  # a boss that is stopped needs no network

    async def question(boss: Ref[Any]) -> dict[str, Any]:
        found: dict[str, Any] = await boss.keyring().begin()
        return found

    done = ask_boss(here, question)
    deadline = time.monotonic() + here.timeout
    while _named(directory) != done["key"] and time.monotonic() < deadline:
        time.sleep(POLL)
    wait_for_boss(here)
    return done


def _named(directory: Path) -> str:
    """Which key `admin.ref` names."""
    return SturdyRef.parse(read_secret_file(directory / "admin.ref").decode().strip()).locator.designator


def _of_stopped(directory: Path, lock: FileLock) -> dict[str, Any]:
    from remit.machines import begin_rekey, finish_rekey  # the boss's weight, for this command only
    from remit.net import designator_of

    with lock:
        chain = begin_rekey(directory)
    finish_rekey(directory)
    return {"key": designator_of(chain[-1].new), "told": [], "missing": []}


def _show(here: Settings, as_json: bool) -> None:
    from remit.cli._connect import ask_boss  # as above

    async def question(boss: Ref[Any]) -> dict[str, Any]:
        found: dict[str, Any] = await boss.keyring().state()
        return found

    found = ask_boss(here, question)
    if as_json:
        show_json(found)
        return
    say(f"key {found['key']}" + (f", since {at(found['since'])}" if found["since"] else ", its first"))
    table(["MACHINE", "HAS HEARD"], [[each["machine"], "yes" if each["heard"] else "no"] for each in found["machines"]])
