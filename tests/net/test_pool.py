"""What all sessions of a node together may hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.net._account import BYTES, HIGH, MOST, STUCK, TICK, SessionAccount
from remit.net._pool import EXTRA, LEAST, SESSIONS, Pool
from tests.net.test_account import Desk, borrow


def desks(pool: Pool, count: int) -> list[Desk]:
    """So many sessions that share a pool."""
    made = []
    for _ in range(count):
        desk = Desk()
        desk.account.close()
        desk.account = SessionAccount(desk, desk.later, desk.ends.append, pool)  # type: ignore[arg-type]
        made.append(desk)
    return made


def room(desk: Desk) -> int:
    """How many messages are taken until the channel is not read."""
    count = 0
    while desk.reading:
        desk.account.borrow()
        count += 1
    return count


def test_few_sessions_have_what_one_has_and_many_share_it() -> None:
    """Up to 128 nobody notices the others; 1,280 have a tenth each, of messages and of bytes; those who leave make room again."""
    pool = Pool()
    few = desks(pool, SESSIONS)
    assert room(few[0]) == HIGH
    many = desks(pool, 9 * SESSIONS)
    assert room(many[0]) == HIGH // 10
    many[1].account.hold(BYTES // 10 - 1)
    assert many[1].reading
    many[1].account.hold(2)
    assert not many[1].reading
    for each in many[2:]:
        each.account.close()
        each.account.close()  # a second time does nothing
    assert room(few[1]) > HIGH * 9 // 10


def test_the_sum_is_bounded_however_many_there_are() -> None:
    """10,000 sessions that all take what they get hold no more than four times what 128 may; each gets something, and one large message."""
    pool = Pool()
    crowd = desks(pool, 10_000)
    assert pool.share == LEAST
    assert sum(room(each) for each in crowd) <= 2 * HIGH * SESSIONS
    assert all(each.account.debt >= HIGH * LEAST for each in crowd)
    desk = desks(pool, 1)[0]
    desk.account.hold(1 << 20)
    assert desk.account.held == 1 << 20 and not desk.reading


def test_what_is_given_in_addition_comes_out_of_one_store() -> None:
    """Sessions that get stuck are given more, as long as there is some for all; one that gets none ends when nothing was done for long."""
    pool = Pool()
    stuck = desks(pool, 8)
    for desk in stuck:
        borrow(desk, HIGH * MOST * 2)
        desk.tick(20)
    assert sum(desk.account.room - 1 for desk in stuck) <= EXTRA
    rooms = sorted(desk.account.room for desk in stuck)
    assert rooms[0] < MOST == rooms[-1]
    poor = next(desk for desk in stuck if desk.account.room < MOST)
    poor.tick(int(STUCK / TICK) + 2)
    assert len(poor.ends) == 1
    for desk in stuck:
        desk.account.close()
    assert (pool.sessions, pool.extra) == (0, 0)


@given(
    st.lists(st.tuples(st.sampled_from(["join", "leave", "borrow", "repay", "tick"]), st.integers(0, 7)), max_size=200)
)
def test_nothing_of_the_store_is_lost(steps: list[tuple[str, int]]) -> None:
    """Whatever sessions do, and when they end, the pool counts just what those that are left have."""
    pool = Pool()
    there: dict[int, Any] = {}
    for what, which in steps:
        if what == "join":
            if which not in there:
                there[which] = desks(pool, 1)[0]
        elif which in there:
            desk = there[which]
            if what == "leave":
                desk.account.close()
                del there[which]
            elif what == "borrow":
                borrow(desk, HIGH)
            elif what == "repay" and desk.account.debt:
                for _ in range(HIGH):
                    desk.account.repay()
            else:
                desk.tick()
        assert pool.sessions == len(there)
        assert pool.extra == sum(desk.account.room - 1 for desk in there.values())


@pytest.mark.parametrize("kind", ["node", "hub"])
def test_nodes_and_servers_of_dataspaces_have_one_pool_for_all_their_sessions(kind: str) -> None:
    """Each session joins it, and leaves it with its end."""
    import asyncio

    from remit.testing import run_virtual
    from tests.net.nodes import Door, Place, offer, until

    async def nodes() -> None:
        place = Place()
        async with place.node() as b:
            async with place.node() as a:
                await a.fetch_from(await offer(b, b.vat.spawn(Door)))
                assert (a.pool.sessions, b.pool.sessions) == (1, 1)
            await until(lambda: b.pool.sessions == 0)

    async def servers() -> None:
        from remit import Vat
        from remit.dataspace import Dataspace
        from remit.dataspace.syndicate import connect, listen
        from remit.dataspace.syndicate._hub import Hub

        async with Vat("server") as server, Vat("client") as client, asyncio.timeout(20):
            async with listen("tcp://127.0.0.1:0", server.spawn(Dataspace)) as listening:
                async with connect(str(listening.address), vat=client) as far:
                    assert far is not None
                    while Hub.of(client).pool.sessions != 1:
                        await asyncio.sleep(0)
                while Hub.of(client).pool.sessions:
                    await asyncio.sleep(0)

    if kind == "node":
        run_virtual(nodes)
    else:
        asyncio.run(servers())
