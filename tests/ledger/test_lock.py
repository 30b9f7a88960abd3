"""Who may write a ledger: the lock, its heartbeat, its end, and its fence."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from remit.errors import Conflict, Missing
from remit.graph import Plan
from remit.ledger import SqliteLedger, open_ledger
from tests.ledger.kit import child

HOLD = """
import sys, time
from remit.graph import Plan
from remit.ledger import open_ledger
ledger = open_ledger(sys.argv[1], "shop", expiry=float(sys.argv[2]))
with ledger.locked("up") as journal:
    print(journal.lock.id, flush=True)
    sys.stdin.readline()
    try:
        journal.begin(Plan("shop", [], [], [], "", 0, ""))
    except Exception as error:
        print(type(error).__name__, error, flush=True)
    else:
        print("written", flush=True)
"""
PLAN = Plan("shop", [], [], [], "", 0, "")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "shop.db"


def elsewhere(ledger: SqliteLedger) -> None:
    """As if its holder were a process of another host."""
    connection = ledger._connection
    assert connection is not None
    place = json.loads(connection.execute("SELECT place FROM lock").fetchone()[0])
    place |= {"host": "other", "boot": "other"}
    connection.execute("UPDATE lock SET place = ?", [json.dumps(place)])


def test_one_at_a_time_and_it_says_who(path: Path) -> None:
    """The second is told who holds it, for what, since when, when last heard of, and the command with the lock's id."""
    clock = Clock()
    one, two = open_ledger(path, "shop", clock=clock), open_ledger(path, "shop", clock=clock)
    with one.locked("up") as journal:
        clock.now += 20
        with pytest.raises(Conflict) as caught, two.locked("down"):
            pass
        text = str(caught.value)
        assert f"@{os.uname().nodename} {os.getpid()} for up, since 20 s ago, last heard of 20 s ago" in text
        assert f"remit unlock {journal.lock.id}" in text
    with two.locked("down"):
        assert two.lock() is not None
    assert two.lock() is None
    one.close()
    two.close()


def test_a_dead_holder_on_this_host_holds_nothing(path: Path) -> None:
    """Killed with its lock held: the next one takes it at once, with a higher fence."""
    open_ledger(path, "shop").close()
    with child(HOLD, path, 3600) as process:
        assert process.stdout is not None
        id = process.stdout.readline().decode().strip()
        ledger = open_ledger(path, "shop", expiry=3600)
        with pytest.raises(Conflict, match=id), ledger.locked():
            pass
        process.kill()
        process.wait()
        before = ledger.lock()
        with ledger.locked() as journal:
            assert before is not None and journal.lock.fence == before.fence + 1
        ledger.close()


def test_a_reused_process_id_is_not_the_holder(path: Path) -> None:
    """A living process with the id of the holder, started at another time, or before a restart of the host: the holder is dead."""
    ledger = open_ledger(path, "shop")
    for changes in ({"started": 1}, {"boot": "another"}):
        with ledger.locked():
            assert ledger._connection is not None
            place = json.loads(ledger._connection.execute("SELECT place FROM lock").fetchone()[0]) | changes
            place["host"] = place["host"] or "x"
            ledger._connection.execute("UPDATE lock SET place = ?", [json.dumps(place)])
            if "boot" in changes and not Path("/etc/machine-id").exists():
                continue
            with ledger.locked():
                pass
    ledger.close()


@pytest.mark.parametrize("changes", [{"host": "other", "boot": "other"}, {"namespace": "pid:[1]", "started": 1}])
def test_a_holder_that_cannot_be_seen_is_waited_for(path: Path, changes: dict[str, object]) -> None:
    """On another host, or in a container with processes of its own: until its lock has expired, and then it is taken."""
    clock = Clock()
    ledger = open_ledger(path, "shop", expiry=30, clock=clock)
    with ledger.locked():
        assert ledger._connection is not None
        place = json.loads(ledger._connection.execute("SELECT place FROM lock").fetchone()[0]) | changes
        ledger._connection.execute("UPDATE lock SET place = ?", [json.dumps(place)])
        clock.now += 29
        with pytest.raises(Conflict), ledger.locked():
            pass
        clock.now += 2
        with ledger.locked() as journal:
            assert journal.lock.since == clock.now
    ledger.close()


def test_a_clock_that_was_set_back_locks_nobody_out(path: Path) -> None:
    """A beat from the future is not waited for."""
    clock = Clock()
    ledger = open_ledger(path, "shop", clock=clock)
    with ledger.locked():
        elsewhere(ledger)
        clock.now -= 3600
        with ledger.locked():
            pass
    ledger.close()


def test_it_is_renewed_while_it_is_held(path: Path) -> None:
    """The heartbeat is a thread of its own: a holder that is busy for longer than the expiry keeps it."""
    ledger, other = open_ledger(path, "shop", expiry=0.4), open_ledger(path, "shop")
    with ledger.locked("up") as journal:
        first, deadline = journal.lock.beat, time.monotonic() + 20
        while (now := other.lock()) is not None and now.beat < first + 0.8:
            assert time.monotonic() < deadline
        journal.begin(PLAN)
    ledger.close()
    other.close()


def test_who_lost_it_cannot_write(path: Path) -> None:
    """Its id was given to unlock, and perhaps another one has it by now: every write of the old holder is refused, and changes nothing."""
    ledger, other = open_ledger(path, "shop"), open_ledger(path, "shop")
    with ledger.locked("up") as journal:
        assert other.unlock(journal.lock.id).owner == journal.lock.owner
        with pytest.raises(Conflict, match="was taken away, and is free now"):
            journal.begin(PLAN)
        with other.locked("down") as second:
            with pytest.raises(Conflict, match=r"was taken over by .* for down"):
                journal.begin(PLAN)
            second.begin(PLAN)
    assert [run.purpose for run in other.history()] == ["down"]
    ledger.close()
    other.close()


def test_unlocking_needs_the_id_that_was_shown(path: Path) -> None:
    """Another id is refused, so that nobody takes a lock that has changed hands meanwhile; `steal` takes it in one step."""
    ledger, other = open_ledger(path, "shop"), open_ledger(path, "shop")
    with pytest.raises(Missing, match="nobody holds"):
        other.unlock("12345678")
    with ledger.locked("up") as journal:
        with pytest.raises(Conflict, match=f"with lock {journal.lock.id}"):
            other.unlock("12345678")
        with pytest.raises(Conflict, match=journal.lock.id), other.locked(steal="12345678"):
            pass
        with other.locked("down", steal=journal.lock.id) as second:
            assert second.lock.fence > journal.lock.fence
    assert other.lock() is None
    ledger.close()
    other.close()


def test_a_paused_holder_cannot_write_any_more(path: Path) -> None:
    """Stopped by SIGSTOP for longer than its lock lasts, then continued: it is refused, whether or not another one has come."""
    ledger = open_ledger(path, "shop", expiry=0.5)
    for taken in (True, False):
        with child(HOLD, path, 0.5) as process:
            assert process.stdout is not None and process.stdin is not None
            process.stdout.readline()
            process.send_signal(signal.SIGSTOP)
            deadline = time.monotonic() + 20
            while (held := ledger.lock()) is not None and not held.expired(time.time()):
                assert time.monotonic() < deadline
            if taken:
                with ledger.locked("other"):
                    pass
            process.send_signal(signal.SIGCONT)
            process.stdin.write(b"\n")
            process.stdin.flush()
            answer = process.stdout.readline().decode()
            assert answer.startswith("Conflict Conflict: this run may not go on: "), answer
            assert ("taken away" if taken else "it stood still for") in answer
            process.wait(20)
    assert ledger.history() == []
    ledger.close()
