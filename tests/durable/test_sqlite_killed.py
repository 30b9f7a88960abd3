"""A process that commits is killed at random moments, again and again."""

from __future__ import annotations

import random
import select
from pathlib import Path

import pytest

from remit.durable import SqliteStore
from tests.durable.stores import child, numbers

ROUNDS = 6

ONE_BY_ONE = """
import os, sys
from remit.durable import SqliteStore
from tests.durable.stores import numbered, numbers
store = SqliteStore(sys.argv[1])
number = len(numbers(store))
while True:
    store.commit(numbered(number))
    os.write(1, b"%d\\n" % number)
    number += 1
"""

IN_GROUPS = """
import os, sys, threading
from remit.durable import SqliteStore, Writer
from tests.durable.stores import numbered, numbers
store = SqliteStore(sys.argv[1])
number, writer, room = len(numbers(store)), Writer(store), threading.Semaphore(20)
def done(error, number):
    if error is not None:
        os._exit(1)
    os.write(1, b"%d\\n" % number)
    room.release()
while True:
    room.acquire()
    writer.submit(numbered(number), lambda error, number=number: done(error, number))
    number += 1
"""


@pytest.mark.parametrize("script", [ONE_BY_ONE, IN_GROUPS], ids=["one-by-one", "in-groups"])
def test_what_was_told_to_be_kept_survives_sigkill(path: Path, script: str) -> None:
    """Every number told after its commit is there; each batch is there whole or not at all; none out of order."""
    chance = random.Random()
    told: list[int] = []
    for _ in range(ROUNDS):
        with child(script, str(path)) as process:
            lines = [process.stdout.readline() for _ in range(chance.randrange(1, 40))]
            select.select([], [], [], chance.random() * 0.003)  # any moment of a commit, at random
            process.kill()
            lines += process.stdout.read().splitlines()
        store = SqliteStore(path)
        kept = numbers(store)
        store.close()
        told += map(int, lines)
        assert told == list(range(len(told)))
        assert kept == list(range(len(kept)))
        # The next process goes on after what is kept: one batch in flight may be kept untold.
        assert len(told) <= len(kept)
        told = kept
