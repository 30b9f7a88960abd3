"""Python functions as services: demand begins them in order, what they need is ready, and their end takes all with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from remit import Symbol, Tagged, Vat
from remit.dataspace import Dataspace, Observe, bind, during, on_message, pattern, publish
from remit.errors import BadArgument, Misuse
from remit.lib import Timer
from remit.services import (
    READY,
    LaterThan,
    Manager,
    PeriodicTick,
    RequireService,
    RestartService,
    ServiceObject,
    ServiceState,
    SetTimer,
    TimerExpired,
    requires,
    service,
    timer,
    with_services,
)
from remit.services._modules import Module, services_of
from remit.testing import run_virtual
from remit.vat import Ref, actor, field


class Here:
    """A dataspace with a manager, and functions as services."""

    def __init__(self, vat: Vat, space: Ref[Any], manager: Ref[Any]) -> None:
        self.vat, self.space, self.manager = vat, space, manager
        self.kept: list[Any] = []

    async def offer(self, *functions: Any) -> None:
        for function in services_of(functions):
            module = self.vat.spawn(Module, self.space, self.vat.devices["timer"])
            object.__setattr__(module._at, "_function", function)
            await module.begin()
            self.kept.append(module)

    async def states(self, name: str) -> set[str]:
        found = await self.space.query(ServiceState(Symbol(name), bind()))
        return {state.name for (state,) in found}


@asynccontextmanager
async def here() -> AsyncIterator[Here]:
    loop = asyncio.get_running_loop()
    async with Vat("modules") as vat:
        device = vat.device("timer", Timer(loop.time, asyncio.sleep))
        space = vat.spawn(Dataspace, device)
        manager = vat.spawn(Manager, space, device)
        await manager.begin()
        yield Here(vat, space, manager)


@actor(kind="test.program")
class Program:
    """A program that needs services."""

    space: Ref[Any]
    log: list[str] = field(list)

    def begin(self, names: list[str]) -> None:
        with_services(self.space, names, self._run)

    def _run(self) -> None:
        self.log.append("runs")
        publish(self.space, Tagged("program", ["runs"]))

    def listen(self) -> None:
        on_message(self.space, TimerExpired(bind(), bind()), lambda label, _: self.log.append(f"expired {label}"))
        on_message(self.space, PeriodicTick(2.0), lambda: self.log.append("tick"))
        during(self.space, LaterThan(5.0), lambda: self.log.append("later than 5"))

    def told(self) -> list[str]:
        return list(self.log)


def test_a_program_runs_while_what_it_needs_is_ready_and_that_starts_in_order() -> None:
    """tcp needs stream: with-services begins both, stream first, and the program when all are ready; a failure of stream ends the rest."""
    order: list[str] = []
    broken: list[bool] = [False]

    @service("stream")
    def stream(space: Ref[Any]) -> None:
        order.append("stream")
        if broken[0]:
            raise RuntimeError("no streams today")

    @service("tcp")
    @requires("stream")
    def tcp(space: Ref[Any]) -> Ref[Any]:
        order.append("tcp")
        return space

    async def main() -> None:
        async with here() as place:
            await place.offer(tcp, stream)
            program = place.vat.spawn(Program, place.space)
            assert order == []
            await program.begin(["tcp"])
            await asyncio.sleep(0.1)
            assert order == ["stream", "tcp"]
            assert await program.told() == ["runs"]
            assert [name for name, _ in await place.space.query(ServiceObject(bind(), bind()))] == [Symbol("tcp")]
            party = await place.space.open()
            await party.turn([["assert", 1, Tagged("hold-service", [Symbol("stream")])]])
            await asyncio.sleep(0.1)
            assert await place.space.query(Tagged("program", [bind()])) == []
            assert await place.states("tcp") == set()
            broken[0] = True
            await party.turn([["retract", 1]])
            await asyncio.sleep(0.1)
            assert await place.states("stream") == {"failed"}
            broken[0] = False
            await asyncio.sleep(3)
            assert await place.states("tcp") == {"started", "ready", "up"}
            assert order == ["stream", "tcp", "stream", "stream", "tcp"]
            assert await program.told() == ["runs", "runs"]

    run_virtual(main)


def test_every_kind_of_service_is_restarted_by_the_message() -> None:
    """A function, and with it what needs it, begins again; so does a service that a script or anybody else answers for."""
    order: list[str] = []

    @service("stream")
    def stream(space: Ref[Any]) -> None:
        order.append("stream")

    @service("tcp", requires=["stream"])
    def tcp(space: Ref[Any]) -> None:
        order.append("tcp")

    async def main() -> None:
        async with here() as place:
            await place.offer(tcp, stream)
            party = await place.space.open()
            await party.turn([["assert", 1, RequireService(Symbol("tcp"))]])
            await asyncio.sleep(0.1)
            await party.turn([["message", RestartService(Symbol("stream"))]])
            await asyncio.sleep(0.1)
            assert order == ["stream", "tcp", "stream", "tcp"]
            assert await place.states("tcp") == {"started", "ready", "up"}
            # Nobody heeds that this one should not run: it runs on, after a while.
            stubborn = [ServiceState(Symbol("odd"), READY), RequireService(Symbol("odd"))]
            await party.turn([["assert", at, value] for at, value in enumerate(stubborn, 2)])
            await asyncio.sleep(0.1)
            await party.turn([["message", RestartService(Symbol("odd"))]])
            await asyncio.sleep(0.1)
            assert [row["runs"] for row in await place.manager.listing() if row["name"] == "odd"] == [False]
            await asyncio.sleep(60)
            assert [row["runs"] for row in await place.manager.listing() if row["name"] == "odd"] == [True]

    run_virtual(main)


def test_interest_in_a_ready_service_is_demand_for_it() -> None:
    """Whoever observes that a service is ready has it started, and lets it stop by looking away."""

    @service("thing")
    def thing(space: Ref[Any]) -> None:
        publish(space, Tagged("thing", ["is there"]))

    async def main() -> None:
        async with here() as place:
            await place.offer(thing)
            party, listener = await place.space.open(), place.vat.spawn(Dataspace)
            await asyncio.sleep(0.1)
            assert await place.space.query(Tagged("thing", [bind()])) == []
            watch = Observe(pattern(ServiceState(Symbol("thing"), READY)), await listener.open())
            await party.turn([["assert", 1, watch]])
            await asyncio.sleep(0.1)
            assert await place.space.query(Tagged("thing", [bind()])) == [["is there"]]
            await party.turn([["retract", 1]])
            await asyncio.sleep(0.1)
            assert await place.space.query(Tagged("thing", [bind()])) == []

    run_virtual(main)


def test_decorators_are_used_as_they_are_meant() -> None:
    """@requires stands below @service; what is no service cannot be offered; modules give all of theirs."""
    import remit.services as module

    with pytest.raises(Misuse, match="stands below"):
        requires("x")(service("a")(lambda space: None))
    with pytest.raises(BadArgument, match="is no service and has none"):
        services_of([lambda space: None])
    assert Symbol("timer") in [each.name for each in services_of([module])]
    assert services_of([service("a", requires=["b", 3])(requires("c")(lambda space: None))])[0].needs == (
        Symbol("c"),
        Symbol("b"),
        3,
    )


def test_the_timer_service_keeps_its_vocabulary() -> None:
    """set-timer relative, absolute, changed and cleared; later-than; periodic-tick while it is observed."""

    async def main() -> None:
        async with here() as place:
            await place.offer(timer)
            program = place.vat.spawn(Program, place.space)
            party = await place.space.open()
            await party.turn([["assert", 1, RequireService(Symbol("timer"))]])
            await asyncio.sleep(0.1)
            await program.listen()
            for label, seconds, kind in (
                ("relative", 1.0, "relative"),
                ("absolute", 3.0, "absolute"),
                ("changed", 1.0, "relative"),
                ("changed", 7.0, "relative"),
                ("cleared", 1.0, "relative"),
                ("cleared", 0, "clear"),
            ):
                await party.turn([["message", SetTimer(label, seconds, Symbol(kind))]])
            await asyncio.sleep(8.5)
            assert await program.told() == [
                *(
                    "expired relative",
                    "tick",
                    "expired absolute",
                    "tick",
                    "later than 5",
                    "tick",
                    "expired changed",
                    "tick",
                ),
            ]

    run_virtual(main)
