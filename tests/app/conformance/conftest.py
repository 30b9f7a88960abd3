"""The probe's answers, once for each target."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.conformance.container_kits import remove_images
from tests.app.conformance.kits import PROGRAMS, all_kits


@pytest.fixture(scope="module", params=list(all_kits()))
def target(request: pytest.FixtureRequest) -> str:
    """The name of a target's kit."""
    return request.param


@pytest.fixture(scope="module")
def answers(target: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the probe says of each case, on one target."""
    kit = all_kits()[target]()
    if kit.lacks():
        pytest.skip(kit.lacks())
    directory: Path = tmp_path_factory.mktemp("target")
    with kit.running(PROGRAMS / "probe.py", directory) as running:
        lines = running.written("probe/probe", "the end")
    return {each["case"]: each for each in map(json.loads, lines)}


@pytest.fixture(scope="session", autouse=True)
def images() -> Iterator[None]:
    """Those that were made are removed at the end."""
    yield
    remove_images()
