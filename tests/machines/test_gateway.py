"""Machines with a network of their own: the boss is where they reach it, before it tells them where it is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from remit.errors import Broken, Conflict, ProviderError, Unreachable
from remit.machines import BossSettings, ProviderDesk
from remit.machines._facing import own_address
from remit.machines._household import household
from remit.machines._run_boss import BOSS_CLASSES, _netlayers
from remit.testing import FakeProvider
from remit.values import SturdyRef


class Walled(FakeProvider):
    """A fake provider whose machines reach this host as 127.0.0.2 only."""

    gateway_fails: Exception | None = None

    async def gateway(self) -> str:
        """See `Networked.gateway`."""
        self.calls.append(("gateway", ""))
        if self.gateway_fails is not None:
            raise self.gateway_fails
        return "127.0.0.2"


async def told(provider: Walled, listen: Any = None) -> tuple[Any, ...]:
    """A boss with this provider makes a machine, and starts it."""
    desk = ProviderDesk({"walled": provider})

    async def boss_in(place: Path) -> tuple[Any, ...]:
        settings = BossSettings(place)
        async with household(
            place,
            "boss",
            classes=BOSS_CLASSES,
            roots={"boss": (BOSS_CLASSES[1],)},
            devices=lambda _: {"providers": desk},
            netlayers=lambda key: _netlayers(settings, key),
        ) as house:
            desk.listen = listen or house.node.listen_also
            await house.durable.root("boss").create_machine("db", "walled")
            await house.durable.root("boss").start_machine("db")
            return provider.machines.popitem()[1], house.node.locator.hints["tls"]

    return await boss_in(provider.place)  # type: ignore[attr-defined]


@pytest.fixture
def walled(tmp_path: Path) -> Walled:
    provider = Walled()
    provider.place = tmp_path / "boss"  # type: ignore[attr-defined]
    return provider


def test_the_boss_listens_where_machines_reach_it_and_says_so(walled: Walled) -> None:
    """Before a machine is made: its introduction has the address, and so has the boss's signed address that it is started with."""
    machine, hint = asyncio.run(told(walled))
    loopback, gateway = hint.split(",")
    assert loopback.startswith("127.0.0.1:") and gateway.startswith("127.0.0.2:")
    assert SturdyRef.parse(machine.user_data["introduction"]).locator.hints["tls"] == hint
    assert gateway.encode() in machine.address
    assert walled.calls[0] == ("gateway", "")


def test_a_network_that_cannot_be_made_is_told_and_nothing_is_made(walled: Walled) -> None:
    """The machine would come to nobody."""
    walled.gateway_fails = ProviderError("there is no network left")
    with pytest.raises(Broken, match="there is no network left"):
        asyncio.run(told(walled))
    assert walled.machines == {}


def test_a_boss_that_cannot_listen_there_says_so(walled: Walled) -> None:
    """With the provider's name; nothing is made."""

    async def refuse(host: str) -> None:
        raise Conflict(f"{host} is taken")

    with pytest.raises(
        Broken, match=r"provider walled: the boss cannot listen where its machines are: Conflict: 127.0.0.2 is taken"
    ):
        asyncio.run(told(walled, refuse))
    assert walled.machines == {}


def test_a_boss_may_listen_at_several_addresses(tmp_path: Path) -> None:
    """`[boss] listen` may be a list; `published` stands for the first."""

    async def work() -> None:
        settings = BossSettings(tmp_path, listen=["0.0.0.0:0", "127.0.0.2:0"], published="127.0.0.1")
        async with household(
            tmp_path / "boss",
            "boss",
            classes=BOSS_CLASSES,
            roots={},
            devices=lambda _: {},
            netlayers=lambda key: _netlayers(settings, key)[1:],
        ) as house:
            hosts = [each.rpartition(":")[0] for each in house.node.locator.hints["tls"].split(",")]
            assert hosts == ["127.0.0.1", "127.0.0.2"]

    asyncio.run(work())


def test_a_machine_tells_the_address_that_it_has_on_the_way_to_others() -> None:
    """`facing` in user data: what it listens on is all addresses, what it publishes is the one on that side."""
    assert own_address("127.0.0.1") == "127.0.0.1"
    assert own_address("::1") == "::1"
    for wrong in ("nowhere.invalid\0", "999.1.1.1"):
        with pytest.raises(Unreachable, match="no way to"):
            own_address(wrong)
