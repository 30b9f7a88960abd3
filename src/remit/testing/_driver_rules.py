"""What every driver of credentials has to hold, as functions over a service and its driver: Remit's own drivers are tested by them, and so is yours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Protocol

from remit.credentials import Credential, Driver, Held
from remit.errors import BadArgument
from remit.lib import Attenuation

__all__ = ["DRIVER_RULES", "DriverKit", "check_driver"]

FREE: Final = Attenuation()
BOUND: Final = 1.0  # seconds in which an open session loses its power, once `revoke` has returned


class Session(Protocol):
    """An open session of a grantee."""

    async def works(self) -> bool:
        """Whether the service still does something for it."""

    async def close(self) -> None:
        """End it, if it has not ended."""


class DriverKit(Protocol):
    """A service to try a driver on: how to make drivers for it, each as after a restart, and how a grantee uses a credential."""

    def driver(self, tag: str = "mine") -> Driver:
        """A new driver; all with the same tag have the same key."""

    async def log_in(self, credential: Credential) -> Session:
        """A session by this credential. Raises anything where the service refuses it."""


async def lets_in(kit: DriverKit, credential: Credential) -> bool:
    """Whether a credential gives a session that works."""
    try:
        session = await kit.log_in(credential)
    except Exception:  # noqa: BLE001  # each client library has its own
        return False
    try:
        return await session.works()
    finally:
        await session.close()


async def held(driver: Driver, edge: str) -> Held | None:
    """What the driver sees of one edge."""
    return next((each for each in await driver.observe() if each.edge == edge), None)


async def over(session: Session) -> bool:
    """Whether a session loses its power within the bound."""
    deadline = time.monotonic() + BOUND
    while time.monotonic() < deadline:
        try:
            async with asyncio.timeout(BOUND):
                if not await session.works():
                    return True
        except Exception:  # noqa: BLE001  # as above
            return True
        await asyncio.sleep(0.01)
    return False


async def a_grant_lets_in(kit: DriverKit, driver: Driver) -> None:
    """A grant is made, seen, and let in; the same grant again is the same credential, also after a restart."""
    made = await driver.grant("e1", FREE)
    assert await lets_in(kit, made), "the service does not let the credential in"
    again = kit.driver()
    assert await again.grant("e1", FREE) == made, "the same grant after a restart gives another credential"
    assert [(each.edge, list(each.generations)) for each in await again.observe()] == [("e1", [1])]
    assert await lets_in(kit, made), "granting again has spoilt the credential"
    await again.close()


async def secrets_are_hidden(kit: DriverKit, driver: Driver) -> None:
    """A credential shows no secret, and no two edges have the same."""
    made, other = await driver.grant("e1", FREE), await driver.grant("e2", FREE)
    assert made.secrets, "a credential without a secret is none"
    for name, secret in made.secrets.items():
        assert secret.text not in repr(made) + str(made) + str(made.shown()), f"the secret {name} is shown"
        assert secret.text != other.secrets[name].text, f"two edges have the same {name}"


async def a_wrong_wish_makes_nothing(kit: DriverKit, driver: Driver) -> None:
    """What cannot be enforced is refused, and so is an id that is none; nothing is made."""
    wishes: list[Callable[[], Awaitable[Any]]] = [
        lambda: driver.grant("e1", Attenuation(rate=[[1, 1.0]])),
        lambda: driver.grant("e1", Attenuation(count=1)),
        lambda: driver.grant("e1", Attenuation(methods=["no such thing"])),
    ]
    for edge in ("", "a b", 'a"b', "a'; --", "a_b", "*", "x" * 65, "é", "a\nb"):
        wishes += [partial(driver.grant, edge, FREE), partial(driver.revoke, edge), partial(driver.retire, edge, 2)]
    for wish in wishes:
        try:
            await wish()
        except BadArgument:
            continue
        raise AssertionError("a wish that cannot be fulfilled was not refused as BadArgument")
    assert await driver.observe() == [], "something was made for a wish that was refused"


async def revoking_ends_open_sessions(kit: DriverKit, driver: Driver) -> None:
    """A revocation ends what is open, lets nobody in, leaves nothing behind and other edges alone; again, it does nothing."""
    made, other = await driver.grant("e1", FREE), await driver.grant("e2", FREE)
    session, beside = await kit.log_in(made), await kit.log_in(other)
    assert await session.works() and await beside.works()
    assert await driver.revoke("e1") is True
    assert await over(session), "an open session goes on after its edge was revoked"
    assert not await lets_in(kit, made), "a revoked credential is let in"
    assert await beside.works() and await lets_in(kit, other), "another edge was hurt"
    assert await held(driver, "e1") is None, "something is left of a revoked edge"
    assert await driver.revoke("e1") is False
    await session.close()
    await beside.close()


async def rotation_overlaps(kit: DriverKit, driver: Driver) -> None:
    """Two generations are valid together; retiring the older one ends its open sessions, and leaves those of the newer one."""
    first = await driver.grant("e1", FREE)
    old = await kit.log_in(first)
    second = await driver.grant("e1", FREE, generation=2)
    assert (first.generation, second.generation) == (1, 2)
    assert await old.works() and await lets_in(kit, first) and await lets_in(kit, second), "rotation has no overlap"
    seen = await held(driver, "e1")
    assert seen is not None and list(seen.generations) == [1, 2]
    new = await kit.log_in(second)
    await driver.retire("e1", 2)
    assert await over(old), "an open session of a retired generation goes on"
    assert not await lets_in(kit, first), "a retired generation is let in"
    assert await new.works() and await lets_in(kit, second), "the newer generation was hurt"
    await driver.retire("e1", 2)
    await old.close()
    await new.close()
    await driver.revoke("e1")
    assert not await lets_in(kit, second)
    assert await driver.observe() == []


async def tags_keep_apart(kit: DriverKit, driver: Driver) -> None:
    """Two owners' marks at one service see and touch nothing of each other, though their edges have the same ids."""
    other = kit.driver("other")
    mine, theirs = await driver.grant("e1", FREE), await other.grant("e1", FREE)
    assert mine != theirs
    assert await driver.revoke("e1")
    assert await lets_in(kit, theirs) and [each.edge for each in await other.observe()] == ["e1"]
    await other.revoke("e1")
    await other.close()


async def work_at_once_converges(kit: DriverKit, driver: Driver) -> None:
    """Grants and revocations by several drivers at once end as they would have one after the other."""
    more = [kit.driver() for _ in range(3)]
    edges = [f"e{number}" for number in range(12)]
    await asyncio.gather(*(each.grant(edge, FREE) for each in more for edge in edges))
    assert [each.edge for each in await driver.observe()] == sorted(edges)
    await asyncio.gather(*(each.revoke(edge) for each in more for edge in edges))
    assert await driver.observe() == []
    for each in more:
        await each.close()


async def use_is_seen(kit: DriverKit, driver: Driver) -> None:
    """Open sessions are counted, and seen as use where the service tells when that was."""
    session = await kit.log_in(await driver.grant("e1", FREE))
    assert await session.works()
    seen = await held(driver, "e1")
    assert seen is not None and seen.sessions == 1, "open sessions are not counted"
    assert seen.used is None or abs(seen.used - time.time()) < 60
    await session.close()


async def comparing_finds_nothing_of_its_own(kit: DriverKit, driver: Driver) -> None:
    """What a driver has granted, in full, narrowed or rotated, does not differ from what it was granted; nor after use, or a restart."""
    compare = getattr(driver, "compare", None)
    if compare is None:
        return
    narrowed = Attenuation(methods=[driver.describe().methods[0]]) if driver.describe().methods else FREE
    for edge, attenuation in (("e1", FREE), ("e2", narrowed)):
        session = await kit.log_in(await driver.grant(edge, attenuation))
        await session.works()
        await driver.grant(edge, attenuation, generation=2)
        for generation in (1, 2):
            text = await compare(edge, attenuation, generation)
            assert not text, f"a fresh grant differs: {text}"
        await session.close()
    again = kit.driver()
    assert not await again.compare("e1", FREE, 1)  # type: ignore[attr-defined]  # see above
    await again.close()


Rule = Callable[[DriverKit, Driver], Awaitable[None]]
DRIVER_RULES: Final[tuple[Rule, ...]] = (
    a_grant_lets_in,
    secrets_are_hidden,
    a_wrong_wish_makes_nothing,
    revoking_ends_open_sessions,
    rotation_overlaps,
    tags_keep_apart,
    work_at_once_converges,
    use_is_seen,
    comparing_finds_nothing_of_its_own,
)


async def check_driver(kit: DriverKit, rules: tuple[Rule, ...] = DRIVER_RULES) -> None:
    """Try a driver on a real service by all rules, one after the other. Raises `AssertionError` saying which does not hold.

    The service has nothing with the tags "mine" and "other" at the beginning, and again at the end.
    """
    for rule in rules:
        driver = kit.driver()
        try:
            await driver.check()
            await rule(kit, driver)
        finally:
            for tag in ("mine", "other"):
                cleaner = kit.driver(tag)
                for each in await cleaner.observe():
                    await cleaner.revoke(each.edge)
                await cleaner.close()
            await driver.close()
