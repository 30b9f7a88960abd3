"""Servers for this directory, each started once for a module that needs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.credentials import servers


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.Server]:
    with servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[servers.Server]:
    with servers.redis() as server:
        yield server
