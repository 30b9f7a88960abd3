"""The chat example: clients of all kinds in one room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.test_dataspace import serving
from tests.examples.guests import KINDS, Guest, Room

AWKWARD = '"> 1>]] $(id) \\ <b> ünï 😀'


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """One server for all."""
    home = tmp_path_factory.mktemp("room")
    words = ("--listen", "tcp://127.0.0.1:0", "--captp", "127.0.0.1:0", "--state", str(home / "room"))
    with serving(home, *words):
        yield Room(home / "room")


def test_all_kinds_of_client_meet_in_one_room(room: Room, tmp_path: Path) -> None:
    """Each sees the others come, hears what they say as it was typed, and sees them go: when they leave, and when they are killed."""
    with ExitStack() as stack:
        guests = []
        for kind in KINDS:
            guests.append(Guest(room, tmp_path, kind, kind.replace(" ", "-")))
            stack.callback(guests[-1].end)
        for guest in guests:
            guest.sees(*[f"* {other.name} is here" for other in guests])
        for guest in guests:
            guest.types(f"I am {guest.name} {AWKWARD}")
        for guest in guests:
            guest.sees(*[f"{other.name}: I am {other.name} {AWKWARD}" for other in guests])
        leaver = guests.pop()
        leaver.leaves()
        for guest in guests:
            guest.sees(f"* {leaver.name} is gone")
        while len(guests) > 1:
            killed = guests.pop(0)
            killed.kill()
            for guest in guests:
                guest.sees(f"* {killed.name} is gone")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_client_leaves_when_its_input_ends(room: Room, tmp_path: Path, kind: str) -> None:
    """What was typed before is said, the others see it go, and its exit code is 0."""
    watcher = Guest(room, tmp_path, "bash", "watcher")
    leaver = Guest(room, tmp_path, kind, "leaver")
    try:
        watcher.sees("* leaver is here")
        leaver.sees("* watcher is here")
        leaver.types("good bye")
        leaver.leaves()
        watcher.sees("leaver: good bye", "* leaver is gone")
    finally:
        watcher.end()
        leaver.end()
