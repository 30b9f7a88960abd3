"""A run is killed, or finds no room, at each of its writes."""

from __future__ import annotations

import resource
import shutil
import signal
from pathlib import Path

import pytest

from remit.errors import StoreFull
from remit.graph import plan
from remit.ledger import open_ledger
from tests.graph.kit import KINDS, actions, graph, machine
from tests.ledger.kit import FIRST, SECOND, FileWorld, child, up

# One process forks another one for each statement that writes, since starting Python takes longest.
EACH = """
import os, shutil, signal, sys
from pathlib import Path
from remit.ledger import open_ledger
from tests.ledger.kit import SECOND, FileWorld, up
base, number = Path(sys.argv[1]), 0
while True:
    place = base.with_name(f"{number}")
    shutil.copytree(base, place)
    process = os.fork()
    if process == 0:
        ledger = open_ledger(place / "state" / "shop.db", "shop")
        left = iter(range(number))
        def count(statement):
            if not statement.startswith(("SELECT", "BEGIN")) and next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
        ledger._connection.execute("PRAGMA synchronous=OFF")  # for speed: what was written outlives the process all the same
        ledger._connection.set_trace_callback(count)
        up(ledger, FileWorld(place / "world"), SECOND)
        os._exit(0)
    _, status = os.waitpid(process, 0)
    print(number, flush=True)
    if os.WIFEXITED(status):
        break
    number += 1
"""


def test_killed_at_any_write_it_goes_on(tmp_path: Path) -> None:
    """What is known is true of the world but for what was begun; the next run finishes, makes nothing twice, and then nothing is to do."""
    base = tmp_path / "base"
    ledger, world = open_ledger(base / "state" / "shop.db", "shop"), FileWorld(base / "world")
    up(ledger, world, FIRST)
    ledger.close()
    with child(EACH, base) as process:
        assert process.stdout is not None
        numbers = [int(line) for line in process.stdout]
    assert len(numbers) > 40
    for number in numbers:
        place = tmp_path / str(number)
        ledger, world = open_ledger(place / "state" / "shop.db", "shop"), FileWorld(place / "world")
        assert ledger._connection is not None
        ledger._connection.execute("PRAGMA synchronous=OFF")
        known, begun = ledger.known(), {key for step in ledger.known().open for key in (step.key, step.was)}
        there = {seen.key: seen for seen in world.actual().things}
        for key, part in known.graph.by_key.items():
            assert key in begun or there[key].what == part
            assert key in begun or (known.names or {})[key] == there[key].name
        assert set(there) <= {*known.graph.by_key, *begun}
        up(ledger, world, SECOND)
        assert ledger.known().graph.by_key == SECOND.checked().by_key
        assert actions(plan(SECOND, ledger.known(), world.actual(), KINDS)) == []
        made = world.made.read_text().splitlines()
        assert sorted(made) == sorted({*made}) and ledger.lock() is None
        ledger.close()
        shutil.rmtree(place)


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """At any size of the file: the step whose writing failed has not happened for the ledger, and the same run goes on when there is room."""
    path = tmp_path / "state" / "shop.db"
    ledger = open_ledger(path, "shop")
    world = FileWorld(tmp_path / "world")
    many = graph(*(machine(f"m{number}", "x" * 3000) for number in range(40)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with ledger.locked("up") as journal:
            journal.begin(plan(graph(), ledger.known(), world.actual(), KINDS))
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name("shop.db-wal").stat().st_size + 40_000, hard))
        with pytest.raises(StoreFull, match="free some room"):
            up(ledger, world, many)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    known = ledger.known()
    assert {seen.key for seen in world.actual().things} <= {*known.graph.by_key, *(step.key for step in known.open)}
    up(ledger, world, many)
    assert ledger.known().graph == many.checked()
    assert len(world.made.read_text().splitlines()) == 40
    ledger.close()


def test_two_processes_at_once(tmp_path: Path) -> None:
    """Both may make the file and read it; while one applies a plan, the other one is refused, and nothing is done twice."""
    script = """
import sys
from pathlib import Path
from remit.errors import Conflict
from remit.ledger import open_ledger
from tests.ledger.kit import FIRST, FileWorld, up
sys.stdin.readline()
base = Path(sys.argv[1])
ledger, done = open_ledger(base / "state" / "shop.db", "shop"), 0
while done < 3:
    ledger.known()
    try:
        up(ledger, FileWorld(base / "world"), FIRST)
        done += 1
    except Conflict as error:
        assert "locked by" in str(error)
ledger.close()
"""
    with child(script, tmp_path) as one, child(script, tmp_path) as two:
        for process in (one, two):
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()
        assert (one.wait(30), two.wait(30)) == (0, 0)
    assert len((tmp_path / "made").read_text().splitlines()) == 4
    ledger = open_ledger(tmp_path / "state" / "shop.db", "shop")
    assert ledger.known().graph == FIRST.checked()
    assert len(ledger.history()) == 6
    ledger.close()
