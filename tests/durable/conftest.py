from __future__ import annotations

from pathlib import Path

import pytest

from tests.durable.stores import Kind


@pytest.fixture(params=["memory", "sqlite"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    """Each implementation of a store in turn."""
    return Kind(request.param, tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store may be made: in a state directory of its own, which is not there yet."""
    return tmp_path / "state" / "vat.db"
