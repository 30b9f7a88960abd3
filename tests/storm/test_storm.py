"""The storm: a short one leaves nothing, and one that left something would say so."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from storm import _run as storm_run
from tests.house.source import TOP


def test_a_short_storm_leaves_nothing() -> None:
    """Parties of all kinds die in all ways, at random moments: no assertion of a dead one, no session and no process is left."""
    command = [sys.executable, "-m", "storm", "60", "--seed", "5"]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=55, check=False)
    assert (done.returncode, "storm: 0 faults" in done.stdout) == (0, True), done
    for kind in ("socket: ", "bash: killed", "syndicate: killed", "captp: killed", "service: killed"):
        assert kind in done.stdout


@pytest.mark.parametrize("what", ["an assertion stays", "a party comes twice", "a session stays"])
def test_what_is_left_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """The storm would see it."""
    monkeypatch.setattr(storm_run, "PATIENCE", 0.2)

    async def main() -> list[str]:
        async with AsyncExitStack() as stack:
            storm = storm_run.Storm(tmp_path, 1)
            await storm.open(stack)
            if what == "a session stays":
                _, writer = await storm._connect()
                writer.write(b"#f\n")
                await writer.drain()
                stack.callback(writer.close)
            party = await storm.space.open()
            for handle in (1, 2) if what == "a party comes twice" else (1,):
                await party.turn([["assert", handle, storm_run.Party("socket", 7)]])
                await storm.ledger.until(lambda: ("socket", 7) in storm.ledger.here)
                if what != "an assertion stays":
                    await party.turn([["retract", handle]])
                    await storm.ledger.until(lambda: ("socket", 7) not in storm.ledger.here)
            await storm._look()
            return storm.faults

    faults = asyncio.run(main())
    assert any(
        {"an assertion stays": "is left", "a party comes twice": "2 times", "a session stays": "1 sessions"}[what]
        in each
        for each in faults
    )


def test_a_process_that_is_left_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orphans are found by their parentage."""
    monkeypatch.setattr(storm_run, "PATIENCE", 0.1)
    before = set(storm_run.children())
    with subprocess.Popen(["sleep", "60"]) as left:
        try:
            assert any(
                f"process {left.pid} is left: sleep 60" in each for each in asyncio.run(storm_run.orphans(before))
            )
        finally:
            left.kill()
