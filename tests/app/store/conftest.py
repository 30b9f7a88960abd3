"""Each test of this directory that takes `kit` runs on every kind of store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.store.kits import KITS, Kit
from tests.credentials import servers


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.Server]:
    with servers.postgres() as server:
        yield server


@pytest.fixture(params=list(KITS))
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Kit:
    server = request.getfixturevalue("postgres_server") if request.param == "postgres" else None
    made: Kit = KITS[request.param](tmp_path, server)
    return made
