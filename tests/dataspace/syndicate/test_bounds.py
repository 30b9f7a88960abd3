"""What one peer may have standing in a session."""

from __future__ import annotations

import pytest

from remit.dataspace.syndicate._incoming import take_turn
from remit.errors import LimitExceeded
from tests.dataspace.syndicate.hand import Pair


def test_the_bytes_that_a_peer_has_standing_are_bounded() -> None:
    """However few assertions they are; what was withdrawn counts no longer."""
    pair = Pair()
    session, big = pair.far, "x" * (1 << 20)
    for round in range(2):
        for handle in range(200):
            take_turn(session, [(0, "A", [round, big], handle)])
        assert 200 << 20 < session.asserted < 201 << 20
        assert session.faults() == []
        for handle in range(200):
            take_turn(session, [(0, "R", None, handle)])
        assert session.asserted == 0
    with pytest.raises(LimitExceeded, match="bytes of live assertions"):
        for handle in range(300):
            take_turn(session, [(0, "A", [handle, big], handle)])
