"""A small `make flood`: connections that prove nothing leave a node serving its peers, in bounded memory."""

from __future__ import annotations

import asyncio

import pytest

from tools.flood import FOREIGN, run

GROWTH = 150  # MiB: 32 handshakes with TLS at once, and what the allocator keeps of them


@pytest.mark.timeout(120)
def test_strangers_leave_the_node_serving_its_peers() -> None:
    """Of the peers' calls none is lost, others can join, and neither memory nor descriptors grow with the number of strangers."""
    phases = asyncio.run(run(400, 0.5))
    assert FOREIGN in phases[1]["phase"] or "another address" in phases[1]["phase"]
    assert sum(phase.get("strangers", 0) + phase.get("hung_up_in_tls", 0) for phase in phases) == 400
    for phase in phases:
        assert phase["lost"] == 0
        assert phase["calls"] > 0
        assert phase["descriptors"] < 300, "256 guests and the node's own"
        assert phase["memory_mib"] < phases[0]["memory_mib"] + GROWTH
    assert phases[1]["joined"] > 0
    assert phases[-1]["joined"] > 0
