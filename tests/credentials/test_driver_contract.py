"""The contract of drivers, on each of them: the fake one, PostgreSQL with two kinds of owners, Redis."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit.testing import DRIVER_RULES, check_driver
from tests.credentials.kits import FakeKit, PostgresKit, RedisKit

KITS = {
    "fake": (None, FakeKit),
    "postgres": ("postgres_server", PostgresKit),
    "postgres, owner without superuser": ("postgres_server", lambda server: PostgresKit(server, "keeper")),
    "redis": ("redis_server", RedisKit),
}


@pytest.fixture(params=KITS)
def kit(request: pytest.FixtureRequest) -> Any:
    server, make = KITS[request.param]
    made: Any = make(None if server is None else request.getfixturevalue(server))
    if hasattr(made, "reset"):
        asyncio.run(made.reset())
    return made


@pytest.mark.parametrize("rule", DRIVER_RULES, ids=lambda rule: rule.__name__)
def test_the_driver_keeps_the_rule(kit: Any, rule: Any) -> None:
    """Each rule of `remit.testing.DRIVER_RULES` holds for each driver."""
    asyncio.run(check_driver(kit, (rule,)))
