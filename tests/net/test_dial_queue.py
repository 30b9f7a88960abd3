"""Dials on others' behalf: few at a time, and never before our own."""

from __future__ import annotations

import asyncio
from typing import Any

from remit.errors import Unreachable
from remit.net import NodeKey
from remit.net._dial_queue import MOST, DialsForOthers
from remit.values import Locator
from tests.net.nodes import Place, until


def test_so_many_at_once_then_in_their_order() -> None:
    """The next one starts when one has ended."""
    started: list[Any] = []
    dials = DialsForOthers(started.append)
    for number in range(MOST + 3):
        dials.ask(number, own=False)  # type: ignore[arg-type]  # a number will do
    assert started == list(range(MOST))
    dials.over(5)  # type: ignore[arg-type]
    assert started == list(range(MOST + 1))
    assert dials.give_up() == [MOST + 1, MOST + 2]
    dials.over(6)  # type: ignore[arg-type]
    assert started == list(range(MOST + 1))


def test_our_own_dials_wait_for_nobody() -> None:
    """Not even one that waits for others already: it is started now, and once."""
    started: list[Any] = []
    dials = DialsForOthers(started.append)
    for number in range(MOST + 2):
        dials.ask(number, own=False)  # type: ignore[arg-type]
    dials.ask(-1, own=True)  # type: ignore[arg-type]
    dials.hurry(MOST + 1)  # type: ignore[arg-type]
    dials.hurry(MOST + 1)  # type: ignore[arg-type]
    dials.hurry(0)  # type: ignore[arg-type]
    assert started == [*range(MOST), -1, MOST + 1]
    for number in (-1, MOST + 1):
        dials.over(number)  # type: ignore[arg-type]
    assert len(started) == MOST + 2, "they took nobody's place"
    dials.over(0)  # type: ignore[arg-type]
    assert started[-1] == MOST


def test_a_node_dials_few_at_once_for_others_and_tells_all_when_it_closes(folder, run) -> None:
    """Gifts from hundreds of exporters that do not answer: the node's own dial goes through, and nobody waits for ever."""

    class Silent:
        transport = "memory"
        dialled = 0

        async def dial(self, locator: Any, receive: Any) -> Any:
            Silent.dialled += 1
            await asyncio.Event().wait()

        async def close(self) -> None:
            pass

    async def main() -> None:
        outcomes: list[Any] = []
        place = Place("memory", folder)
        async with place.node("near", listen=False) as near:
            near.netlayers["memory"] = Silent()  # type: ignore[assignment]
            places = [Locator("remit", NodeKey.generate().designator, {"memory": "x"}) for _ in range(MOST + 40)]
            for location in places:
                near.session_to(location, outcomes.append)
            await until(lambda: Silent.dialled == MOST)
            own = [asyncio.create_task(near.session(places[-1])), asyncio.create_task(near.session(places[-2]))]
            await until(lambda: Silent.dialled == MOST + 2)
            assert outcomes == []
        assert len(outcomes) == MOST + 40
        assert all(isinstance(outcome, Unreachable) for outcome in outcomes)
        for task in own:
            assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], Unreachable)

    run(main())


def test_a_strangers_hints_do_not_keep_us_from_a_peer(folder, run) -> None:
    """A gift names the peer with a place where nobody answers; who wants it by its true hints meanwhile is not made to wait for more."""

    async def main() -> None:
        place = Place("memory", folder)
        async with place.node("far") as far, place.node("near", listen=False) as near:
            slow = asyncio.Event()
            dial = near.netlayers["memory"].dial

            async def trapped(locator: Any, receive: Any) -> Any:
                if locator.hints["memory"] == "trap":
                    await slow.wait()
                    raise Unreachable("nobody is here")
                return await dial(locator, receive)

            near.netlayers["memory"].dial = trapped  # type: ignore[method-assign]
            outcomes: list[Any] = []
            near.session_to(Locator("remit", far.designator, {"memory": "trap"}), outcomes.append)
            own = asyncio.create_task(near.session(far.locator))
            await until(lambda: near._dials and next(iter(near._dials.values())).also)
            slow.set()
            assert (await own).state == "open"
            await until(lambda: outcomes)
            assert outcomes == [await own]

    run(main())
