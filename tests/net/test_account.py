"""The account of one session: what is under way pauses its channel, and never for ever. (docs/design.md, section 4)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.net._account import BACKLOG, BYTES, HIGH, LOW, MOST, STUCK, TICK, UNREAD, SessionAccount


class Desk:
    """A channel and a clock that note and do what they are told."""

    def __init__(self) -> None:
        self.congested = False
        self.reading = True
        self.timers: list[Callable[[], None]] = []
        self.ends: list[str] = []
        self.account = SessionAccount(self, self.later, self.ends.append)  # type: ignore[arg-type]

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        assert seconds == TICK
        self.timers.append(call)

    def pause(self) -> None:
        self.reading = False

    def resume(self) -> None:
        self.reading = True

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            timers, self.timers = self.timers, []
            assert len(timers) <= 1, "one look at a time"
            for timer in timers:
                timer()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def borrow(desk: Desk, count: int) -> None:
    for _ in range(count):
        desk.account.borrow()


def repay(desk: Desk, count: int) -> None:
    for _ in range(count):
        desk.account.repay()


def test_above_the_limit_the_channel_is_not_read_below_half_of_it_it_is(desk: Desk) -> None:
    """In messages: with the distance in between, so that it does not flutter."""
    borrow(desk, HIGH - 1)
    assert desk.reading
    borrow(desk, 1)
    assert not desk.reading
    repay(desk, HIGH - LOW - 1)
    assert not desk.reading
    repay(desk, 1)
    assert desk.reading
    assert "not read" not in repr(desk.account)


def test_large_messages_are_held_until_all_that_they_caused_is_done(desk: Desk) -> None:
    """In bytes: a message's own are owed once, from its first turn to the last of what it led to."""
    loans = [desk.account.loan(BYTES // 4) for _ in range(4)]
    for loan in loans:
        loan.borrow()
    assert not desk.reading
    assert desk.account.held == BYTES // 4 * 4
    loans[0].borrow()  # it sends a message of its own
    loans[0].repay()
    assert desk.account.held == BYTES // 4 * 4
    for loan in loans[1:3]:
        loan.repay()
    assert desk.reading
    loans[0].repay()
    loans[3].repay()
    assert (desk.account.held, desk.account.debt) == (0, 0)


def test_a_debt_that_gets_less_by_itself_is_waited_for(desk: Desk) -> None:
    """While anything gets done nothing more is read, however long it takes."""
    borrow(desk, HIGH)
    for _ in range(100):
        repay(desk, 1)
        desk.tick()
    assert not desk.reading
    assert desk.account.room == 1


def test_where_nothing_gets_done_more_is_read(desk: Desk) -> None:
    """What is under way may wait for what the peer has sent already: the room doubles, and is small again afterwards."""
    borrow(desk, HIGH)
    desk.tick()
    assert desk.reading
    borrow(desk, HIGH)
    assert not desk.reading
    desk.tick(2)
    assert desk.reading
    assert desk.account.room == 4
    repay(desk, 2 * HIGH)
    desk.tick()
    assert desk.account.room == 1
    assert desk.timers == []


def test_a_peer_that_fills_all_its_room_with_what_never_ends_is_given_up(desk: Desk) -> None:
    """Its memory is bounded, and it hears why."""
    while desk.account.debt < HIGH * MOST:
        if desk.reading:
            borrow(desk, 1)
        else:
            desk.tick()
    assert not desk.reading
    desk.tick(round(STUCK / TICK) - 1)
    assert desk.ends == []
    repay(desk, 1)
    desk.tick(round(STUCK / TICK) - 1)
    assert desk.ends == [], "something was done meanwhile"
    desk.tick(3)
    assert desk.ends == [f"{HIGH * MOST - 1} calls of its were under way, and none was done for 60 s"]


def test_what_stays_unread_pauses_and_ends(desk: Desk) -> None:
    """Past the backlog a peer is not listened to; heard again without having read, it may have some more, but not for ever."""
    desk.account.wrote(BACKLOG + 1)
    assert desk.reading, "the channel takes it"
    desk.congested = True
    desk.account.wrote(BACKLOG + 1)
    assert not desk.reading
    desk.account.relieve()
    assert desk.reading
    desk.account.wrote(BACKLOG + 1)
    desk.congested = False
    desk.account.congestion(False)
    assert desk.reading
    desk.congested = True
    for _ in range(UNREAD // BACKLOG):
        assert desk.ends == []
        desk.account.wrote(BACKLOG + 1)
        desk.account.relieve()
    assert desk.ends == ["it has left 64 MiB unread"]


def test_an_account_that_is_closed_looks_no_more(desk: Desk) -> None:
    """When its session is over the clock is left alone."""
    borrow(desk, HIGH)
    desk.account.close()
    desk.tick()
    assert desk.timers == []
    repay(desk, HIGH)


@given(st.lists(st.sampled_from(["borrow", "repay", "large", "done", "tick", "wrote", "read"]), max_size=60))
def test_any_history_leaves_a_channel_that_is_read(steps: list[str]) -> None:
    """Whatever happened: when all is repaid and read, the channel is read; paused and owing, somebody will look again."""
    desk = Desk()
    loans: list[Any] = []
    owed = 0
    for step in steps:
        if step == "borrow":
            borrow(desk, 700)
            owed += 700
        elif step == "repay":
            some = min(owed, 500)
            repay(desk, some)
            owed -= some
        elif step == "large":
            loans.append(desk.account.loan(1 << 20))
            loans[-1].borrow()
        elif step == "done" and loans:
            loans.pop(0).repay()
        elif step == "tick":
            desk.tick()
        elif step == "wrote":
            desk.congested = True
            desk.account.wrote(BACKLOG // 2)
        elif step == "read":
            desk.congested = False
            desk.account.congestion(False)
        assert desk.reading is not desk.account.paused
        assert not desk.account.owes or desk.timers
    repay(desk, owed)
    for loan in loans:
        loan.repay()
    desk.account.congestion(False)
    assert desk.reading
    assert (desk.account.debt, desk.account.held) == (0, 0)
