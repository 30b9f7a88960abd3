"""The processes of `remit registry` and `remit server run`."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Callable
from typing import Any

import click

from remit.cli._exit import USAGE
from remit.ensemble import Home, Server, run_main, run_registry, serve
from remit.net import told_to_stop

__all__ = ["be_registry", "be_server", "be_supervisor"]


class BadModule(click.ClickException):
    """A module that cannot be run as a server."""

    exit_code = USAGE


async def be_registry(
    home: str | None,
    listen: tuple[str, ...],
    announce: tuple[str, ...],
    log_file: str | None,
    heartbeat: float,
    ready_fd: int | None,
    say: Callable[[str], None],
) -> None:
    """Be the registry until told to stop."""
    _allow_descriptors()
    async with (
        told_to_stop() as stop,
        run_registry(
            Home.find(home), listen=listen, announce=announce, heartbeat=heartbeat, log_file=log_file
        ) as server,
    ):
        say(f"registry of {server.home.path} is at {_places(server)}; its cookie: {server.home.cookie_file}")
        _ready(ready_fd)
        await _either(stop, server.stopping)
    say("registry has stopped; its servers go on")


async def be_supervisor(
    id: str,
    home: str | None,
    listen: tuple[str, ...],
    announce: tuple[str, ...],
    log_file: str | None,
    ready_fd: int | None,
    say: Callable[[str], None],
) -> None:
    """Be the supervisor of this host until told to stop."""
    from remit.ensemble.supervisor import run_supervisor

    async with (
        told_to_stop() as stop,
        run_supervisor(
            Home.find(home).make(), id, listen=listen, announce=announce, log_file=log_file, say=say
        ) as server,
    ):
        say(f"supervisor {server.id} is at {_places(server)}")
        _ready(ready_fd)
        await _either(stop, server.stopping)
    say("supervisor has stopped, and its servers with it")


async def be_server(
    id: str,
    module: str,
    arguments: tuple[str, ...],
    roles: tuple[str, ...],
    home: str | None,
    listen: tuple[str, ...],
    announce: tuple[str, ...],
    log_file: str | None,
    ready_fd: int | None,
    say: Callable[[str], None],
) -> Any:
    """Be a server with a module's `main` until that ends, or it is told to stop."""
    async with (
        told_to_stop() as stop,
        serve(
            id, roles=roles, listen=listen, announce=announce, home=home, info={"module": module}, log_file=log_file
        ) as server,
    ):
        main = main_of(module)
        say(f"server {server.id} is at {_places(server)}")
        _ready(ready_fd)
        forward = asyncio.ensure_future(_forward(stop, server.stopping))
        try:
            return await run_main(server, main, arguments)
        finally:
            forward.cancel()


def _allow_descriptors() -> None:
    """As many files and sockets as the system lets us have: each server is one."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main_of(module: str) -> Callable[..., Any]:
    """The `main` of a module that is imported by its name."""
    try:
        found = getattr(importlib.import_module(module), "main", None)
    except ModuleNotFoundError as error:
        if error.name is None or not (module == error.name or module.startswith(f"{error.name}.")):
            raise
        raise BadModule(f"there is no module {module!r}: is its directory in $PYTHONPATH?") from None
    if not callable(found):
        raise BadModule(f"module {module!r} has no function main: that is what a server runs")
    return found  # type: ignore[no-any-return]  # as just checked


async def _forward(stop: asyncio.Event, stopping: asyncio.Event) -> None:
    await stop.wait()
    stopping.set()


async def _either(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _places(server: Server) -> str:
    return ", ".join(server.node.locator.hints.values())


def _ready(descriptor: int | None) -> None:
    if descriptor is not None:
        os.write(descriptor, b"\n")
        os.close(descriptor)
