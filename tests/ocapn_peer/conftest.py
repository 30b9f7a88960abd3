"""One long-lived peer process in each dialect, and places of our own to dial from."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import count

import pytest

from tests.ocapn_peer.client import NEW, OLD, Place, served

NAMES = count()  # no test meets what is left of another's sessions


@pytest.fixture(scope="session")
def peers():
    """The locator of the example's process in a dialect, started when it is first asked for."""
    with ExitStack() as stack:
        started = {}

        def peer(dialect):
            if dialect not in started:
                started[dialect] = stack.enter_context(served(dialect))
            return started[dialect]

        yield peer


@pytest.fixture(params=[OLD, NEW])
def dialect(request):
    return request.param


@pytest.fixture
def peer(peers, dialect):
    return peers(dialect)


@pytest.fixture
def place():
    """Makes addresses of foreign peers; all are closed at the end."""
    made = []

    def make(name="the-suite"):
        made.append(Place(f"{name}-{next(NAMES)}"))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def open(place, peer, dialect):  # what the tests do with it
    """A session of a place's with the peer."""

    def session(at=None):
        return (at or place()).dial(peer, dialect).open()

    return session
