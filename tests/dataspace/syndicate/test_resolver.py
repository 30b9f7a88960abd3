"""Routes as questions and answers in a dataspace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from remit.dataspace import Dataspace
from remit.dataspace.syndicate import Address, PathResolver, Route, SturdyRef
from remit.values import Tagged, preserves
from remit.vat import Ref, Vat, tell
from tests.dataspace.syndicate.test_connect import KEY, room, serving

ANSWERS = preserves.parse("<group <rec a> {0: <bind <_>> 1: <bind <_>>}>")


class Local:
    """A dataspace in which questions are asked."""

    def __init__(self, vat: Vat) -> None:
        self.space = vat.spawn(Dataspace)

    async def ask(self, request: Any) -> Ref[Any]:
        party: Ref[Any] = await self.space.open()
        await party.turn([["assert", 1, Tagged("q", [request])]])
        return party

    async def answer(self, wanted: Callable[[Any], bool]) -> Any:
        """The first answer that is wanted."""
        async with asyncio.timeout(10):
            while True:
                for _, response in await self.space.query(ANSWERS):
                    if wanted(response):
                        return response
                await asyncio.sleep(0.005)

    async def none(self) -> None:
        async with asyncio.timeout(10):
            while await self.space.query(ANSWERS):
                await asyncio.sleep(0.005)


def good(response: Any) -> bool:
    return bool(response.tag == "ok")


def bad(response: Any) -> bool:
    return bool(response.tag == "error")


def test_a_route_is_resolved_for_whoever_asks(tmp_path: Path) -> None:
    """<q <resolve-path …>> is answered with address, control and object; <force-disconnect> drops and makes the connection again."""

    async def main() -> None:
        async with room() as made, serving("tcp", tmp_path, made) as (where, _, server), Vat("client") as vat:
            local = Local(vat)
            async with PathResolver(vat, local.space):
                party = await local.ask(Tagged("resolve-path", [Route.of(where, made.ref).value()]))
                path = (await local.answer(good)).value[0]
                assert path.tag == "resolved-path"
                address, control, cap = path.value
                assert Address.of(address) == server.address
                await cap.turn([["assert", 1, "hello"]])
                async with asyncio.timeout(10):
                    while not await made.space.query(preserves.parse('<lit "hello">')):
                        await asyncio.sleep(0.005)
                (before,) = server.connections
                tell(control).turn([["message", Tagged("force-disconnect", [])]])
                async with asyncio.timeout(10):
                    while before in server.connections or not server.connections:
                        await asyncio.sleep(0.005)
                again = (
                    await local.answer(lambda response: good(response) and response.value[0].value[2] is not cap)
                ).value[0]
                assert again.value[1] is control
                await party.close()
                await local.none()
                async with asyncio.timeout(10):
                    while server.connections:
                        await asyncio.sleep(0.005)

    asyncio.run(main())


def test_transports_and_steps_are_resolved_by_themselves(tmp_path: Path) -> None:
    """<connect-transport addr> gives what the peer gives for free, and <resolve-path-step #:origin step> goes on from there."""

    async def main() -> None:
        async with room() as made, serving("unix", tmp_path, made) as (where, _, _), Vat("client") as vat:
            local = Local(vat)
            async with PathResolver(vat, local.space):
                await local.ask(Tagged("connect-transport", [Address.of(where).value()]))
                reached = (await local.answer(good)).value[0]
                assert reached.tag == "connected-transport"
                origin = reached.value[2]
                await local.ask(Tagged("resolve-path-step", [origin, made.ref.value()]))
                cap = (await local.answer(lambda one: good(one) and isinstance(one.value[0], Ref))).value[0]
                await cap.turn([["assert", 1, "hello"]])
                await local.ask(Tagged("resolve-path-step", [origin, SturdyRef.mint("room", KEY + b"x").value()]))
                assert "sturdyref-failed-validation" in (await local.answer(bad)).value[0]

    tmp_path.chmod(0o700)
    asyncio.run(main())


def test_what_cannot_be_resolved_says_why(tmp_path: Path) -> None:
    """An error is asserted while a route leads nowhere; other questions are left to others."""

    async def main() -> None:
        async with Vat("client") as vat:
            local = Local(vat)
            async with PathResolver(vat, local.space):
                await local.ask(Tagged("something", [1]))
                await local.ask(Tagged("resolve-path", [Route.of(f"unix://{tmp_path}/nothing").value()]))
                assert "nothing listens there" in (await local.answer(bad)).value[0]
                await local.ask(Tagged("resolve-path", [5]))
                assert (
                    "no transport address" in (await local.answer(lambda one: "address" in str(one.value[0]))).value[0]
                )
            await local.none()

    asyncio.run(main())
