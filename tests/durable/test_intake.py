"""The intake of durable messages and what is loaded of an outbox: what is taken, from whom, and what is refused."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from remit.durable import Batch, DurableVat, MemoryStore
from remit.durable._mail import INTAKE, pack
from remit.errors import BadArgument, NoSuchMethod, NotPassable, Refused, StoreCorrupt
from remit.testing import run_virtual
from remit.values import SturdyRef
from remit.vat import send
from tests.durable.mail import Party, Sender, acquaint, got
from tests.durable.test_durably import two
from tests.durable.vats import Box


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "remit.durable")


async def take(party: Party, target: SturdyRef, rows: list[Any]) -> Any:
    """What a node of that party's key gets when it says this to the intake of the target's node."""
    session = await party.node.session(target.locator)
    intake = await send(session.remote_bootstrap, "fetch", INTAKE)
    return await send(intake, "take", target.swiss, rows)


def test_a_number_that_was_seen_is_dropped_and_answered() -> None:
    """Told again, in whatever pieces, on whatever session: done once; the answer comes when it is kept."""

    async def main() -> None:
        a, b = two()
        async with a.up(), b.up():
            target = await b.offer()
            rows = [[number, pack("take", (number,), {})] for number in (3, 5, 9)]
            assert await take(a, target, rows[:2]) == [5, []]
            assert await take(a, target, rows[1:]) == [9, []]
            assert await take(a, target, rows) == [9, []]
            assert await take(a, target, [[4, pack("take", ("late",), {})]]) == [4, []]
            await got(b, [3, 5, 9])
            assert not b.kept._keeper.inbox.streams

    run_virtual(main)


def test_nobody_can_forge_or_block_anothers_stream() -> None:
    """The stream is the proved key's: another peer's numbers, however high, are its own."""

    async def main() -> None:
        a, b = two()
        c = Party(a.place, "c", MemoryStore(), Sender)
        async with a.up(), b.up(), c.up():
            target = await acquaint(a, b)
            await a.main.send()
            await got(b, [1])
            highest = (1 << 63) - 1
            assert await take(c, target, [[highest, pack("take", ("from c",), {})]]) == [highest, []]
            await a.main.send(2)
            await got(b, [1, "from c", 2, 3])
            assert len(b.store.load().inbox) == 2

    run_virtual(main)


def test_a_guessed_swiss_number_leaves_nothing() -> None:
    """Whoever has no sturdyref is refused, and no row is kept for it."""

    async def main() -> None:
        a, b = two()
        async with a.up(), b.up():
            target = await b.offer()
            guess = SturdyRef(target.locator, b"g" * 32)
            last, errors = await take(a, guess, [[1, pack("take", (1,), {})]])
            assert (last, [type(error) for _, error in errors]) == (1, [Refused])
            assert b.store.load().inbox == {}
            assert not b.kept._keeper.inbox.streams
            assert not b.node.known[INTAKE](a.node.key.public)._targets  # type: ignore[attr-defined]  # the same intake

    run_virtual(main)


def test_a_stolen_sturdyref_for_another_key_is_refused() -> None:
    """`only` holds for durable messages as for fetches."""

    async def main() -> None:
        a, b = two()
        c = Party(a.place, "c", MemoryStore(), Sender)
        async with a.up(), b.up(), c.up():
            target = await b.offer(only=c.node.key.public)
            row = [1, pack("take", (1,), {})]
            assert isinstance((await take(a, target, [row]))[1][0][1], Refused)
            assert await take(c, target, [row]) == [1, []]

    run_virtual(main)


def test_an_unproven_peer_is_refused() -> None:
    """Without a key there is no stream to keep a number for."""

    async def main() -> None:
        _, b = two()
        async with b.up():
            with pytest.raises(Refused, match="proved their key"):
                b.node.known[INTAKE](None)

    run_virtual(main)


@pytest.mark.parametrize(
    "rows",
    [[], [[0, b""]], [[2, b""], [2, b""]], [[1, "x"]], [["x", b""]], [[1 << 63, b""]], [[True, b""]], "x", [1], [[1]]],
)
def test_what_makes_no_sense_to_the_intake_is_refused(rows: Any) -> None:
    """Numbers rise, messages are bytes; whatever else is refused as a whole."""

    async def main() -> None:
        a, b = two()
        async with a.up(), b.up():
            target = await b.offer()
            with pytest.raises(BadArgument):
                await take(a, target, rows)
            session = await a.node.session(target.locator)
            intake = await send(session.remote_bootstrap, "fetch", INTAKE)
            with pytest.raises(NoSuchMethod):
                await intake.give(target.swiss, rows)
            assert not b.kept._keeper.inbox.streams

    run_virtual(main)


@pytest.mark.parametrize("row", [b"", b"x", b"[t[]{}]", b"[f5+{}]", b'[1"a[]]', b"[1\"a[<4'live3+>]{}]"])
def test_a_message_that_cannot_be_read_counts_and_holds_nothing_up(row: bytes) -> None:
    """It will not get better; the next one is done."""

    async def main() -> None:
        a, b = two()
        async with a.up(), b.up():
            target = await b.offer()
            last, errors = await take(a, target, [[1, row], [2, pack("take", (2,), {})]])
            assert (last, [number for number, _ in errors]) == (2, [1])
            assert isinstance(errors[0][1], BadArgument)
            await got(b, [2])

    run_virtual(main)


def test_pack_names_what_cannot_be_sent() -> None:
    """Before anything is kept."""
    with pytest.raises(NotPassable):
        pack("take", (object(),), {})


def test_a_damaged_outbox_is_named() -> None:
    """Nothing is half loaded."""
    for target, next_number in ((b"x", b"1"), (b"1+", b"1"), (None, b"x")):
        store, batch = MemoryStore(), Batch()
        if target is not None:
            batch.add_outbox(1, target, b"")
        batch.put_meta("outbox-next", next_number)
        store.commit(batch)
        with pytest.raises(StoreCorrupt, match="outbox"):
            DurableVat.open(store, roots={"main": (Box,)})


def test_who_holds_the_intake_has_been_given_nothing() -> None:
    """Everybody may fetch it, so it keeps no stranger's session from making room for others: `Session.gave`."""

    async def main() -> None:
        a, b = two()
        async with a.up(), b.up():
            target = await b.offer()
            session = await a.node.session(target.locator)
            intake = await send(session.remote_bootstrap, "fetch", INTAKE)
            (theirs,) = b.node._connections
            assert len(theirs.exports.by_position) > 1
            assert not theirs.gave()
            given = await send(session.remote_bootstrap, "fetch", target.swiss)
            assert theirs.gave()
            del intake, given

    run_virtual(main)
