"""Sessions on pipes: a supervised child, and two ends in one process."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from remit.dataspace import Dataspace
from remit.dataspace.syndicate import speak
from remit.values import Tagged
from remit.vat import Vat, tell
from tests.dataspace.syndicate.hand import Notes

CHILD = """
import asyncio
from remit.dataspace import Dataspace
from remit.dataspace.syndicate import own_stdio, speak
from remit.vat import Vat

async def main():
    async with Vat("child") as vat:
        async with speak(*own_stdio(), vat.spawn(Dataspace), vat=vat) as speaking:
            print("this goes to standard error, and breaks nothing")
            await speaking.ended()

asyncio.run(main())
"""


async def until(what: Any) -> None:
    async with asyncio.timeout(20):
        while not what():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("text", [False, True])
def test_a_supervised_child_serves_on_its_standard_input_and_output(text: bool, tmp_path: Path) -> None:
    """The child's oid 0 is its service; it answers in the syntax it is spoken to in; the session ends with either side."""

    async def main() -> None:
        async with Vat("parent") as vat:
            errors = tmp_path / "errors"
            with errors.open("wb") as stderr:
                child = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", CHILD),
                    stdin=(pipe := os.pipe())[0],
                    stdout=(back := os.pipe())[1],
                    stderr=stderr,
                )
            os.close(pipe[0])
            os.close(back[1])
            async with speak(back[0], pipe[1], vat=vat, text=text) as speaking:
                notes = vat.spawn(Notes, [])
                asked = await speaking.root.open()
                tell(asked).turn([["assert", 1, Tagged("hello", [])], ["sync", notes]])
                await until(lambda: notes._at.heard)
                assert speaking.connection is not None
                assert speaking.connection.session.writer.syntax == ("text" if text else "binary")
            assert await asyncio.wait_for(child.wait(), 10) == 0
            assert b"breaks nothing" in errors.read_bytes()

    asyncio.run(main())


def test_the_death_of_a_child_withdraws_what_it_asserted() -> None:
    """When the peer's end of the pipes is closed, the session is over."""

    async def main() -> None:
        async with Vat("a") as vat:
            there, back = os.pipe(), os.pipe()
            space = vat.spawn(Dataspace)
            async with speak(back[0], there[1], space, vat=vat) as speaking:
                os.write(back[1], b"[[0 <A <present alice> 1>]]\n")
                await until(lambda: space._at._space().bag)
                os.close(back[1])
                os.close(there[0])
                cause = await asyncio.wait_for(speaking.ended(), 10)
                assert "closed the connection" in cause.message
                await until(lambda: not space._at._space().bag)

    asyncio.run(main())


def test_a_peer_that_does_not_read_does_not_hold_up_the_end() -> None:
    """Closing ends the pipes even where much is unread."""

    async def main() -> None:
        async with Vat("a") as vat:
            there, back = os.pipe(), os.pipe()
            async with speak(back[0], there[1], vat=vat) as speaking:
                for _ in range(20):
                    tell(speaking.root).turn([["message", "x" * 50_000]])
                await until(lambda: speaking.connection is not None and speaking._channel.congested)
                speaking._channel.abort()
            for end in (there[0], back[1]):
                os.close(end)

    asyncio.run(main())
