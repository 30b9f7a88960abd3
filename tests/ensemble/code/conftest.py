"""Each test loads into a process whose modules are put back afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ensemble.code.kit import Sender, Server, own_modules


@pytest.fixture(autouse=True)
def modules() -> Iterator[None]:
    with own_modules():
        yield


@pytest.fixture
def sender(tmp_path: Path) -> Sender:
    top = tmp_path / "sender"
    top.mkdir()
    return Sender(top)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path / "server")
