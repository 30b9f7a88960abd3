"""A command's connection to the boss: a process with a fresh key that holds one reference."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from remit.cli._config import load_config
from remit.cli._exit import TimedOut
from remit.cli._main import Settings
from remit.cli._secret import read_secret
from remit.durable import read_secret_file
from remit.errors import Missing, Misuse, Refused, Unreachable
from remit.net import Node, NodeKey, dialling
from remit.values import SturdyRef
from remit.vat import Ref, Vat

__all__ = ["ask_boss", "ask_reference", "connected", "wait_for_boss"]

T = TypeVar("T")
POLL = 0.1  # seconds between two looks for a boss that is not there yet


class NoReference(click.ClickException):
    """There is no file with a boss's reference (yet)."""


def ask_boss(settings: Settings, question: Callable[[Ref[Any]], Awaitable[T]], *, patient: bool = False) -> T:
    """Run one conversation with the boss, within the time that the person gives; a `patient` one bounds its parts by itself."""
    sturdyref, where = _boss_reference(settings)
    return asyncio.run(_bounded(sturdyref, where, None if patient else settings.timeout, question))


def ask_reference(settings: Settings, file: Path, question: Callable[[Ref[Any]], Awaitable[T]]) -> T:
    """Run one conversation with the object whose sturdyref is in a private file, within the time that the person gives."""
    try:
        sturdyref = SturdyRef.parse(read_secret_file(file).decode(errors="replace").strip())
    except Missing:
        raise NoReference(
            f"there is no reference at {file}: is that the state directory of a machine whose agent runs?"
        ) from None
    except Misuse as error:
        raise click.ClickException(f"{file} does not hold a reference: {error}") from None
    return asyncio.run(_bounded(sturdyref, str(file), settings.timeout, question, "agent"))


def wait_for_boss(settings: Settings) -> None:
    """Look for the boss until it answers, or until the person's time is over."""

    async def look() -> None:
        while True:
            try:
                async with _connected(*_boss_reference(settings)):
                    return
            except (NoReference, Unreachable):
                await asyncio.sleep(POLL)

    async def bounded() -> None:
        try:
            async with asyncio.timeout(settings.timeout):
                await look()
        except TimeoutError:
            raise TimedOut(
                f"no boss has answered within {settings.timeout:g} s; start one with: remit boss run"
            ) from None

    asyncio.run(bounded())


async def _bounded(
    sturdyref: SturdyRef,
    where: str,
    seconds: float | None,
    question: Callable[[Ref[Any]], Awaitable[T]],
    who: str = "boss",
) -> T:
    try:
        async with asyncio.timeout(seconds), _connected(sturdyref, where, who) as boss:
            return await question(boss)
    except TimeoutError:
        if seconds is None:
            raise
        raise TimedOut(
            f"no answer within {seconds:g} s from the {who} of {where}; what was asked may have been done. "
            "Look with remit status, or give it more time with --timeout"
        ) from None


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[tuple[Ref[Any], Node]]:
    """The boss, and the node of this process, for commands that need both."""
    async with _node_and_object(*_boss_reference(settings), "boss") as found:
        yield found


@asynccontextmanager
async def _connected(sturdyref: SturdyRef, where: str, who: str = "boss") -> AsyncIterator[Ref[Any]]:
    """The boss, for as long as the command runs."""
    async with _node_and_object(sturdyref, where, who) as (boss, _):
        yield boss


@asynccontextmanager
async def _node_and_object(sturdyref: SturdyRef, where: str, who: str) -> AsyncIterator[tuple[Ref[Any], Node]]:
    key = NodeKey.generate()
    async with Vat("command") as vat, Node(key, vat) as node:
        for netlayer in dialling(key):
            node.use(netlayer)
        try:
            boss = await node.fetch_from(sturdyref)
        except Unreachable as error:
            absent = Unreachable(
                f"the {who} of {where} does not answer; is it running?{' Start it with: remit boss run' if who == 'boss' else ''}"
            )
            absent.add_note(error.message)
            raise absent from error
        except Refused as error:
            error.add_note(f"the reference in {where} is no longer good: ask whoever runs the boss for another one")
            raise
        yield boss, node


def _boss_reference(settings: Settings) -> tuple[SturdyRef, str]:
    """The boss's reference, and where it was found."""
    where, text = _found(settings)
    try:
        return SturdyRef.parse(text.strip()), where
    except Misuse as error:
        raise click.ClickException(f"{where} does not hold a boss's reference: {error}") from None


def _found(settings: Settings) -> tuple[str, str]:
    """Where the reference is, and its text."""
    path = settings.boss or str(load_config(settings.config).boss.directory() / "admin.ref")
    try:
        return read_secret(path, "--boss")
    except Missing:
        raise NoReference(
            f"there is no boss's reference at {path.removeprefix('@')}: start a boss with 'remit boss run', "
            "or name the file with --boss or $REMIT_BOSS"
        ) from None
