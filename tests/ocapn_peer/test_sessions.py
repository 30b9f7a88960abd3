"""Hellos, good, bad and crossed, as the public suite's tests have them, in both dialects."""

from __future__ import annotations

import pytest

from remit.net import NodeKey
from tests.ocapn_peer.client import ENLIVENER, side_id


def test_a_hello_is_answered_by_one_of_the_same_version(place, peer, dialect):
    """The first message is op:start-session, its key, location and signature in their forms."""
    wire = place().dial(peer, dialect)
    wire.hello()
    assert wire.heard().fields[0] == "1.0"


@pytest.mark.parametrize("fault", [{"version": "invalid-version-number"}, {"sign": b"i am invalid"}])
def test_a_bad_hello_is_aborted(place, peer, dialect, fault):
    """Another version, and a signature over something else."""
    wire = place().dial(peer, dialect)
    wire.hello(**fault)
    assert wire.named("abort").fields[0]


def crossed(open, place, peer, dialect, *, ours_wins):
    """Have the peer dial us, dial it while its hello waits, and say ours; both connections, ours first."""
    elsewhere = place("elsewhere")
    wire = open()
    wire.tell(wire.fetch(ENLIVENER), elsewhere.sturdy(b"my-object"))
    inbound = elsewhere.accept(dialect)
    inbound.heard()
    outbound = elsewhere.dial(peer, dialect)
    while (side_id(outbound.key.public) > inbound.remote_side) is not ours_wins:
        outbound.key = NodeKey.generate()
    outbound.hello()
    return outbound, inbound


def test_of_crossed_hellos_the_higher_survives_here_ours(open, place, peer, dialect):
    """The peer aborts the connection that it made; what waited for it goes over ours."""
    outbound, inbound = crossed(open, place, peer, dialect, ours_wins=True)
    inbound.named("abort")
    outbound.heard()
    args, _, _ = outbound.call_of(0)
    assert args[1:] == [b"my-object"]


def test_of_crossed_hellos_the_higher_survives_here_the_peers(open, place, peer, dialect):
    """The peer aborts our connection, and goes on with its own once it has our hello there."""
    outbound, inbound = crossed(open, place, peer, dialect, ours_wins=False)
    outbound.named("abort")
    inbound.hello()
    args, _, _ = inbound.call_of(0)
    assert args[1:] == [b"my-object"]
