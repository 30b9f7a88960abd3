"""A state directory belongs to one node, and is refused when a part of it is lost."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from remit.durable import SqliteStore
from remit.errors import Misuse, StoreCorrupt
from remit.machines import BossSettings, run_boss
from remit.net import Node, NodeKey, dialling
from remit.testing import CrashStore
from remit.values import Locator, SturdyRef
from remit.vat import Vat


async def short_boss(state: Path, **how: Any) -> None:
    """Run a boss until it has said where it is."""
    ready = asyncio.Event()
    running = asyncio.ensure_future(run_boss(BossSettings(state, **how), lambda _: ready.set()))
    saying = asyncio.ensure_future(ready.wait())
    await asyncio.wait({running, saying}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    saying.cancel()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    if not running.cancelled() and (error := running.exception()) is not None:
        raise error


@pytest.mark.parametrize("lost", ["key.pem", "state.db"])
def test_a_directory_that_lost_its_key_or_its_state_is_refused(tmp_path: Path, lost: str) -> None:
    """Going on would be as somebody else, or without what was promised: nothing is made anew."""
    state = tmp_path / "boss"
    asyncio.run(short_boss(state))
    for path in state.glob(f"{lost}*"):
        path.unlink()
    before = sorted(os.listdir(state))
    with pytest.raises(StoreCorrupt, match=f"has lost its {lost}: restore it"):
        asyncio.run(short_boss(state))
    assert sorted(set(os.listdir(state)) - {"lock"}) == sorted(set(before) - {"lock"})


def test_a_first_start_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    """A key alone is where a first start may have ended: the next one takes it."""
    state = tmp_path / "boss"
    asyncio.run(short_boss(state))
    key = (state / "key.pem").read_bytes()
    for path in state.iterdir():
        if path.name != "key.pem" and path.is_file():
            path.unlink()
    asyncio.run(short_boss(state))
    assert (state / "key.pem").read_bytes() == key


def test_only_files_on_this_host_know_of_unix_sockets(tmp_path: Path) -> None:
    """The boss's reference for this host has both hints; what machines are told is where others find it, by tls."""
    state = tmp_path / "boss"
    asyncio.run(short_boss(state))
    own = SturdyRef.parse((state / "admin.ref").read_text().strip())
    assert set(own.locator.hints) == {"tls", "unix"}


def test_a_boss_with_a_full_disk_is_loaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit finds no room: the boss says so, waits, and comes back with what was kept, in the same process."""
    monkeypatch.setattr("remit.machines._run_boss.AGAIN", 0.01)
    state = tmp_path / "boss"
    asyncio.run(short_boss(state))
    full: list[CrashStore] = []

    def store(path: Path) -> Any:
        if full:
            full[0].inner.close()  # which the crash left to us
            return SqliteStore(path)
        full.append(CrashStore(SqliteStore(path), 1, "full"))
        return full[0]

    monkeypatch.setattr("remit.machines._household.SqliteStore", store)
    said: list[str] = []

    async def work() -> None:
        running = asyncio.ensure_future(run_boss(BossSettings(state, start=False), said.append))
        async with asyncio.timeout(30):
            while not any("is at" in line for line in said[1:]):
                await asyncio.sleep(0.01)
                assert not running.done(), running.exception()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(work())
    assert full[0].crashed
    assert any("trying again" in line for line in said)


def test_a_boss_is_reached_over_a_websocket(tmp_path: Path) -> None:
    """With `websocket` it listens there as well: whoever has that hint alone reaches it, and hears the other hints from it."""

    async def main() -> None:
        state = tmp_path / "boss"
        ready = asyncio.Event()
        settings = BossSettings(state, websocket="127.0.0.1:0")
        running = asyncio.ensure_future(run_boss(settings, lambda _: ready.set()))
        async with asyncio.timeout(30):
            await ready.wait()
        reference = SturdyRef.parse((state / "admin.ref").read_text().strip())
        url = reference.locator.hints["websocket"]
        assert url.startswith("ws://127.0.0.1:")
        only = SturdyRef(Locator("remit", reference.locator.designator, {"websocket": url}), reference.swiss)
        key = NodeKey.generate()
        async with Vat("caller") as vat, Node(key, vat) as node:
            for netlayer in dialling(key):
                node.use(netlayer)
            boss = await node.fetch_from(only)
            assert await boss.list_machines() == []
            (session,) = node._connections
            assert node._connections[session].channel.transport == "websocket"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


def test_a_websocket_for_other_hosts_needs_a_web_server_with_tls(tmp_path: Path) -> None:
    """A boss that is to be reached from elsewhere without TLS does not start; with the URL of what is in front of it, it does."""
    with pytest.raises(Misuse, match="without TLS"):
        asyncio.run(short_boss(tmp_path / "open", websocket="0.0.0.0:0"))
    asyncio.run(short_boss(tmp_path / "behind", websocket="0.0.0.0:0", websocket_url="wss://example.org/boss"))
