"""Every target of `make fuzz`, for a moment: its seeds, random bytes, and structured inputs."""

from __future__ import annotations

import random

import pytest

from fuzz._structured import draw_all
from fuzz._tape import Tape, Writer
from fuzz._target import Finding, Target, expect
from fuzz._targets import TARGETS, shares

MOMENT = 60  # inputs


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> Target:
    return TARGETS[request.param]


def test_seeds_and_random_bytes_break_no_rule(target: Target) -> None:
    """The inputs that the coverage-guided engine begins with, and such as it makes."""
    chance = random.Random(target.name)
    seeds = target.seeds()
    assert seeds
    for data in [*seeds, *(chance.randbytes(chance.randrange(80)) for _ in range(MOMENT))]:
        target.check(Tape(data))


def test_structured_inputs_break_no_rule(target: Target) -> None:
    """The inputs that hypothesis draws."""
    outcome = draw_all(target, MOMENT, 1)
    assert outcome.found == []
    assert outcome.inputs >= MOMENT


def test_what_is_found_is_made_small_and_means_the_same_as_bytes() -> None:
    """A rule that is broken is reported with the bytes of the smallest input that hypothesis finds."""

    def check(tape: Tape) -> None:
        while tape.more():
            number = tape.number(1000)
            text = tape.some(5)
            expect(number < 300 or len(text) < 2, "as asked")

    outcome = draw_all(Target("x", "x", check, list, share=1), 400, 1)
    ((data, error),) = outcome.found
    assert isinstance(error, Finding)
    assert data == (300).to_bytes(2, "big") + b"\2\0\0"
    with pytest.raises(Finding, match="as asked"):
        check(Tape(data))


def test_a_tape_that_is_over_chooses_the_first() -> None:
    """Every row of bytes is an input, however short."""
    tape = Tape(b"\1")
    assert tape.number(3) == 1
    assert not tape.more()
    assert (tape.number(1 << 16), tape.some(5), tape.choose("ab"), tape.flag(), tape.rest()) == (
        0,
        b"",
        "a",
        False,
        b"",
    )


def test_a_writer_writes_what_a_tape_reads() -> None:
    """Both engines' inputs are the same kind of bytes."""
    chance = random.Random(1)
    writer = Writer(chance.randint, lambda most: chance.randbytes(chance.randrange(most + 1)), 3)
    asked = [writer.number(5), writer.number(1 << 16), writer.some(9), writer.choose("abc"), writer.rest()]
    tape = Tape(bytes(writer.written))
    assert [tape.number(5), tape.number(1 << 16), tape.some(9), tape.choose("abc"), tape.rest()] == asked


def test_every_target_gets_its_share() -> None:
    """N is split over the targets that were asked for, and each gets something."""
    whole = shares(1_000_000, list(TARGETS))
    assert min(whole.values()) > 0 and 900_000 < sum(whole.values()) <= 1_000_000
    assert set(shares(1, list(TARGETS)).values()) == {1}
