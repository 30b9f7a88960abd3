"""What boss and agent processes have in common: one state directory with a key, a durable vat and a node.

STATE/          0700, held by one process at a time (`lock`)
    key.pem     the node's key, on disk before the first dial
    state.db    the durable vat
    trace.jsonl         who called whom, where that was followed
    failures.jsonl      the turns that failed, with their tracebacks, by the ids that callers heard
    boss.sock or hob.sock
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from remit.durable import DurableVat, FileLock, SqliteStore, open_state_dir, read_secret_file, write_secret_file
from remit.errors import BadArgument, Missing, Misuse, StoreCorrupt, StoreError
from remit.lib import KINDS, SwissEntry, SwissNumbers
from remit.machines._journal import Journal
from remit.net import Netlayer, Node, NodeKey, TurnLog, dialling
from remit.values import SturdyRef
from remit.vat import Ref, send

__all__ = ["Household", "first_of", "household", "where"]

SWISS_BYTES: Final = 32


class Household:
    """One running node with what it keeps; made by `household`, ends with it."""

    def __init__(
        self,
        directory: Path,
        key: NodeKey,
        durable: DurableVat,
        node: Node,
        failed: asyncio.Event,
        devices: Mapping[str, Any] | None = None,
        store: SqliteStore | None = None,
    ) -> None:
        self.directory = directory
        self.key = key
        self.durable = durable
        self.node = node
        self.network = durable.network
        self.failed = failed  # the state could not be kept
        self.devices = devices or {}
        self.store = store

    async def door(self, file: str, ref: Ref[Any], holder: str) -> SturdyRef:
        """Have the private file hold a sturdyref of this object, with today's hints.

        The file is the only place where its swiss number is written down. Deleting it and starting again makes a new one,
        and copies of the old file are of no use any more.
        """
        path = self.directory / file
        try:
            swiss = SturdyRef.parse(read_secret_file(path).decode().strip()).swiss
        except (Missing, Misuse, UnicodeDecodeError):
            swiss = os.urandom(SWISS_BYTES)
        entry = SwissEntry(f"{file}, {holder}")  # machines, which hold others, have no dot in their names
        await send(self.node.swiss, "replace", sha256(swiss).digest(), ref, entry)
        made = SturdyRef(self.node.inner_locator, swiss)
        write_secret_file(path, (made.uri() + "\n").encode(), replace=True)
        return made


@asynccontextmanager
async def household(
    state: Path,
    name: str,
    *,
    classes: Iterable[type],
    roots: Mapping[str, tuple[Any, ...]],
    devices: Callable[[NodeKey], Mapping[str, Any]],
    netlayers: Callable[[NodeKey], Iterable[Netlayer]],
) -> AsyncIterator[Household]:
    """Open a state directory and be its node. Raises `StoreLocked` where another process is, and other `StoreError`s."""
    directory = open_state_dir(state)
    with FileLock(directory / "lock", f"the state directory {directory}"):
        _check_whole(directory)
        key = NodeKey.open(directory / "key.pem")
        failed = asyncio.Event()
        failures: list[StoreError] = []

        def fail(error: StoreError) -> None:
            failures.append(error)
            failed.set()

        journal = Journal(directory / "failures.jsonl")
        log, traces = _turn_log(journal), Journal(directory / "trace.jsonl")
        made = devices(key)
        durable = DurableVat.open(
            store := SqliteStore(directory / "state.db"),
            name=name,
            recorder=log,
            mark=f"{os.urandom(3).hex()}-",
            classes=[*KINDS, *classes],
            roots={**roots, "swiss": (SwissNumbers,)},
            devices=made,
            on_failure=fail,
        )
        async with durable, Node(key, durable.vat, swiss=durable.root("swiss")) as node:
            durable.network.attach(node)
            durable.network.log = log
            _keep_traces(node, traces)
            for netlayer in netlayers(key):
                await node.listen(netlayer, private=netlayer.transport == "unix")
            for netlayer in dialling(key, but=node.netlayers):
                node.use(netlayer)
            try:
                yield Household(directory, key, durable, node, failed, made, store)
            finally:
                journal.close()
                traces.close()
                if failures:  # the cause of whatever else went wrong
                    raise failures[0]


def _turn_log(journal: Journal) -> TurnLog:
    """What fails here is written down; what earlier runs have written can be found, too."""
    log = TurnLog(journal.write)
    for entry in journal.read():
        if isinstance(entry.get("id"), str):
            log.remember(entry)
    return log


def _keep_traces(node: Node, journal: Journal) -> None:
    """The steps that are followed here are written to `trace.jsonl`; those of earlier runs can be found, too."""
    for entry in journal.read():
        node.tracing.remember(entry)
    node.tracing.write = journal.write


def _check_whole(directory: Path) -> None:
    """Refuse a directory that has lost its key or its state: to go on would be as somebody else, or without what was promised."""
    key, kept = (directory / "key.pem").exists(), (directory / "state.db").exists()
    doors = [name for name in ("admin.ref", "hob.ref") if (directory / name).exists()]
    if key == kept or (key and not doors):  # a key and nothing else: the first start was cut short
        return
    lost = "state.db" if key else "key.pem"
    raise StoreCorrupt(
        f"{directory} has lost its {lost}: restore it from a copy. (To begin anew, as a node that nobody knows, remove the directory.)"
    )


async def first_of(*events: asyncio.Event) -> None:
    """Wait until one of these is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def where(listen: str) -> tuple[str, int]:
    """Host and port to listen on, of `host:port` or `[IPv6 address]:port`; port 0 takes any free one."""
    host, colon, port = listen.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise BadArgument(f"{listen[:80]!r} is no place to listen: write host:port, such as 127.0.0.1:4433 or [::1]:0")
    return host, int(port)
