"""Random networks against their shadow: every call reaches the right object in order, nothing leaks, whoever misbehaves."""

from __future__ import annotations

import pytest

from tests.captp.shadow import hold, program

RUNS = 25


@pytest.mark.parametrize("nodes", [3, 4, 5])
def test_calls_reach_their_objects_in_order_and_nothing_is_left(nodes: int) -> None:
    """References sent, borrowed, pipelined on and handed off, messages delivered in any order: none is lost."""
    for seed in range(RUNS):
        hold(nodes, program(seed, 120, nodes=nodes, cuts=False, evil=False))


@pytest.mark.parametrize("nodes", [3, 5])
def test_cut_links_lose_calls_but_mislead_none(nodes: int) -> None:
    """With links that break at any moment calls may be lost, and come neither twice, nor late, nor to another object."""
    for seed in range(RUNS):
        hold(nodes, program(seed, 120, nodes=nodes, cuts=True, evil=False))


@pytest.mark.parametrize("nodes", [3, 4])
def test_a_hostile_node_harms_nobody_else(nodes: int) -> None:
    """Random operations that look valid, at any moment: the others' calls are all there, and their tables end empty."""
    for seed in range(RUNS):
        hold(nodes, program(seed, 120, nodes=nodes, cuts=False, evil=True))
