"""How property tests run: the same examples every time, so that a failure is somebody's change and not luck.

To look for new ones: HYPOTHESIS_PROFILE=explore make test TESTS=tests/vat

And on which event loop: asyncio's own, or uvloop's where REMIT_TEST_LOOP=uvloop, as `make test-compiled` has it.
"""

from __future__ import annotations

import asyncio
import gc
import os

import pytest
from hypothesis import settings

# No deadlines: how long one example takes says more about the machine than about the code.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

if os.environ.get("REMIT_TEST_LOOP") == "uvloop":
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


@pytest.fixture(autouse=True, scope="module")
def small_heap() -> None:
    """Many tests collect garbage, again and again, to see what is let go: they need not walk what other modules have left.

    What mypy's tests leave makes one collection as slow as half a test otherwise.
    """
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The marker alone is enough: what needs root is skipped for everybody else, and what takes minutes unless it is asked for; both say so."""
    if not os.environ.get("REMIT_TEST_BOOT"):
        for item in items:
            if item.get_closest_marker("boots") is not None:
                item.add_marker(pytest.mark.skip(reason="boots a virtual machine, which takes minutes: make test-slow"))
    if os.geteuid() != 0:
        for item in items:
            if item.get_closest_marker("needs_root") is not None:
                item.add_marker(pytest.mark.skip(reason="only root can do what this test needs"))
