"""What other ways to send have learnt about names changes nothing for messages that are kept."""

from __future__ import annotations

import asyncio

from remit.durable import MemoryStore
from remit.vat import Far, Vat, tell
from tests.durable.mail import Party, Receiver, Sender, acquaint, got
from tests.net.nodes import Place


def test_a_name_that_was_told_before_is_durable_all_the_same() -> None:
    """`tell` learns the names of methods; `durably` sends the same name durably."""

    async def main() -> None:
        place = Place()
        a, b = Party(place, "a", MemoryStore(), Sender), Party(place, "b", MemoryStore(), Receiver)
        async with a.up(), b.up():
            await acquaint(a, b)
            tell(Far(Vat("another"), None)).take  # looking it up is how a name is learnt
            await a.main.send(1)
            await got(b, [1])
            assert len(b.store.load().inbox) == 1

    asyncio.run(main())
