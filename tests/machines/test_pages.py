"""Pages of what is too much for one message, and a large fleet's status in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import BadArgument
from remit.machines._pages import Section, page_of
from remit.net import NodeKey
from remit.values import DEFAULT_LIMITS, encode
from tests.machines.town import Town, in_town


def sections(*things: set[str]) -> list[Section]:
    """Sections a, b, … of things that are their own keys."""
    return [Section("ab"[at], sorted(each), str, lambda key: {"key": key}) for at, each in enumerate(things)]


KEYS = st.sets(st.text("xyz ", min_size=1, max_size=3))


@given(KEYS, KEYS, KEYS, st.integers(1, 3000))
def test_what_stays_is_on_exactly_one_page(ones: set[str], others: set[str], passing: set[str], room: int) -> None:
    """Whatever comes and goes between two pages, and however little fits on one."""
    found: list[tuple[str, str]] = []
    start: str | None = None
    for turn in range(100):
        here = passing if turn % 2 else set()
        page = page_of(sections(ones | here, others - here), start, room)
        found += [(name, row["key"]) for name in "ab" for row in page[name]]
        start = page["next"]
        if start is None:
            break
    assert start is None
    stayed = [("a", key) for key in sorted(ones)] + [("b", key) for key in sorted(others - passing)]
    assert [each for each in found if each in set(stayed)] == stayed


@pytest.mark.parametrize("start", ["", "c", "machines", 5, ["a"]])
def test_a_page_begins_where_the_one_before_it_ended(start: Any) -> None:
    """Anything else is refused."""
    with pytest.raises(BadArgument, match="the one before"):
        page_of(sections({"x"}), start)


def test_what_is_told_of_a_large_fleet_fits_into_messages() -> None:
    """Each page of the status, and of the machines, is within the frame of a peer with default limits; together they are all there is."""

    async def work(town: Town) -> None:
        names = [f"m{n:04}" for n in range(1500)]
        for name in names:
            await town.boss.make_machine(name, "fake")
        pages = [await town.boss.status()]
        while pages[-1]["next"] is not None:
            pages.append(await town.boss.status(pages[-1]["next"]))
        assert [each["name"] for page in pages for each in page["machines"]] == names
        assert len(pages) == 2
        told: list[list[dict[str, Any]]] = [await town.boss.list_machines("")]
        while told[-1]:
            told.append(await town.boss.list_machines(told[-1][-1]["name"]))
        assert [each["name"] for some in told for each in some] == names
        assert all(len(encode(each)) < DEFAULT_LIMITS.frame * 0.8 for each in (*pages, *told))

    in_town(work, enrol=False)


def test_thousands_of_sessions_come_in_pages_too() -> None:
    """Each once, with the machine that it is; and of the boss's burden only the peers that owe, by their machine's name."""

    async def work(town: Town) -> None:
        await town.machines("db")
        rest = {"transport": "tls", "messages": 0, "bytes": 0, "unread": 0, "paused": False}
        own = town.boxes["db"].network.designator
        rows = [{"peer": NodeKey.generate().designator, **rest} for _ in range(20)] * 120
        rows += [{"peer": "", **rest}, {"peer": own, **rest, "unread": 7}]
        town.network.debts = lambda: rows  # type: ignore[method-assign]
        pages = [await town.boss.status()]
        while pages[-1]["next"] is not None:
            pages.append(await town.boss.status(pages[-1]["next"]))
        assert len(pages) > 1 and all(len(encode(page)) < DEFAULT_LIMITS.frame * 0.8 for page in pages)
        found = [row for page in pages for row in page["sessions"]]
        assert found == [{"machine": "db" if row["peer"] == own else "", **row} for row in rows]
        assert [[each["name"] for each in page["machines"]] for page in pages] == [["db"], *[[] for _ in pages[1:]]]
        (burden,) = await town.boss.burdens("")
        assert burden["node"] == "boss" and [row["machine"] for row in burden["sessions"]] == ["db"]

    in_town(work)
