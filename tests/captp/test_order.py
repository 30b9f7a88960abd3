"""Messages on one reference arrive in order, although promises resolve to other peers while they are on their way."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest

from remit.captp import Session
from remit.testing import HandNode
from remit.values import Locator
from tests.captp.order import run

RUNS = int(os.environ.get("ORDER_RUNS", "40"))


@pytest.fixture(autouse=True)
def _small_heap() -> Iterator[None]:
    """Each run collects garbage: what other tests have left is not looked at again and again."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("nodes", [3, 4])
def test_messages_on_one_reference_arrive_in_order_whatever_the_delays(nodes: int) -> None:
    """Promises of one node's that come to objects of another's, by way of a third's: all messages, once, in order, nothing left."""
    assert sum(run(seed, nodes).count for seed in range(RUNS)) > 40 * RUNS


def test_the_delays_of_the_links_differ() -> None:
    """The model is one: links are slow and quick by factors of ten, each in its own direction."""
    for seed in range(5):
        delays = run(seed, 4).timed.delays
        assert len(delays) >= 8
        assert max(delays.values()) > 10 * min(delays.values())
        there_and_back = [(delays[a, b], delays[b, a]) for a, b in delays if (b, a) in delays]
        assert all(there != back for there, back in there_and_back)


@pytest.mark.parametrize("nodes", [3, 4])
def test_without_the_flush_they_would_not(monkeypatch: pytest.MonkeyPatch, nodes: int) -> None:
    """The model finds the fault that the flush is there for."""
    greet = HandNode.greet

    def greet_strangers(node: HandNode, session: Session, location: Locator) -> str | None:
        session.flushes = False
        return greet(node, session, location)

    monkeypatch.setattr(HandNode, "greet", greet_strangers)
    found = 0
    for seed in range(RUNS):
        try:
            run(seed, nodes)
        except AssertionError as error:
            found += "came" in str(error)
    assert found > RUNS // 20
