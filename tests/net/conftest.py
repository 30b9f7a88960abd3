"""Fixtures of the netlayer tests."""

from __future__ import annotations

import pytest

from tests.net.kit import KITS, RUNNERS, opened


@pytest.fixture(params=sorted(KITS))
def kit_class(request):
    return KITS[request.param]


@pytest.fixture(params=sorted(RUNNERS))
def run(request):
    """Runs a coroutine on each event loop that is installed."""
    return RUNNERS[request.param]


@pytest.fixture
def folder(tmp_path):
    """A directory that only we may enter."""
    path = tmp_path / "private"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def test(kit_class, folder, run):
    """Runs a test's body with a fresh kit of netlayers, on each event loop."""

    def runner(body):
        async def main():
            async with opened(kit_class, folder) as kit:
                await body(kit)

        run(main())

    return runner
