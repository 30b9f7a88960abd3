"""A command's connection to the boss: a process with a fresh key that holds one reference."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from remit.cli._config import load_config
from remit.cli._main import Settings
from remit.durable import read_secret_file
from remit.errors import Misuse, Unreachable
from remit.net import Node, NodeKey, TlsNetlayer, UnixNetlayer
from remit.values import SturdyRef
from remit.vat import Ref, Vat

__all__ = ["ask_boss", "boss_file", "connected"]

T = TypeVar("T")


def boss_file(settings: Settings) -> Path:
    """The file that holds the boss's reference."""
    if settings.boss:
        return Path(settings.boss.removeprefix("@")).expanduser()
    return load_config(settings.config).boss.directory() / "admin.ref"


def read_reference(path: Path) -> SturdyRef:
    """The sturdyref in a file that only its owner may read."""
    try:
        text = read_secret_file(path).decode().strip()
    except FileNotFoundError:
        raise click.ClickException(
            f"there is no boss reference at {path}: start one with 'remit boss run', or name the file with --boss or $REMIT_BOSS"
        ) from None
    try:
        return SturdyRef.parse(text)
    except Misuse as error:
        raise click.ClickException(f"{path} does not hold a boss's reference: {error}") from None


@asynccontextmanager
async def connected(sturdyref: SturdyRef) -> AsyncIterator[Ref[Any]]:
    """The object behind a sturdyref, for as long as the command runs."""
    key = NodeKey.generate()
    async with Vat("command") as vat, Node(key, vat) as node:
        node.use(UnixNetlayer(key))
        node.use(TlsNetlayer(key))
        yield await node.fetch_from(sturdyref)


def ask_boss(settings: Settings, question: Callable[[Ref[Any]], Awaitable[T]]) -> T:
    """Run one conversation with the boss, within the time that the person gives."""
    path = boss_file(settings)
    sturdyref = read_reference(path)

    async def conversation() -> T:
        async with connected(sturdyref) as boss:
            return await question(boss)

    async def bounded() -> T:
        try:
            async with asyncio.timeout(settings.timeout):
                return await conversation()
        except TimeoutError:
            raise Unreachable(f"no answer within {settings.timeout:g} s; is the boss of {path} running?") from None

    return asyncio.run(bounded())
