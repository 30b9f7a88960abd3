"""docs/security.md: every test that it names exists, and its limits are those of the code."""

from __future__ import annotations

import re

import pytest

from fuzz._targets import TARGETS
from remit.captp import _bootstrap, _descriptors, _outgoing, _seek, _session
from remit.net import Admission, _account, _dial_queue
from remit.values import DEFAULT_LIMITS
from tests.house.source import TOP
from tests.house.test_coverage import missing

PAGE = (TOP / "docs" / "security.md").read_text(encoding="utf-8")
TEST = re.compile(r"\btests/[\w/]+\.py(?:::\w+)+")


def test_every_named_test_exists() -> None:
    """A test that is renamed or taken out takes its claim with it, unless the page is mended."""
    named = TEST.findall(PAGE)
    assert len(named) > 100
    assert [why for test in named if (why := missing(test))] == []


def test_every_row_of_the_tables_names_a_test_or_says_that_there_is_none() -> None:
    """The last column of each table with tests."""
    bare = []
    for part in PAGE.split("\n\n"):
        lines = part.splitlines()
        if lines and lines[0].endswith("| tests |"):
            bare += [line for line in lines[2:] if not TEST.search(line) and not line.endswith("| \u2013 |")]
    assert bare == []


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("256 guests", Admission().connections),
        ("32 at once, 5 s each", Admission().handshakes),
        ("1000 members", Admission().members),
        ("a million live references", _outgoing.MAX_TABLE),
        ("2000 under way", _account.HIGH),
        ("16 MiB unread", _account.BACKLOG >> 20),
        ("10 000 in the gifter's own session", _bootstrap.MAX_GIFTS),
        ("ids of at most 256 bytes", _bootstrap.MAX_GIFT_ID),
        ("10 000 with a gap", _session.MAX_COUNTS),
        ("1000 gifts and 16 exporters", _session.MAX_COLLECTING),
        ("16 exporters", _seek.MAX_SEEKING),
        ("64 dials for all", _dial_queue.MOST),
        ("at most 500 characters", _session.MAX_REASON),
        ("`Limits.depth`, 64", DEFAULT_LIMITS.depth),
        ("`Limits.frame`, 1 MiB", DEFAULT_LIMITS.frame >> 20),
        ("`Limits.items`, 100 000", DEFAULT_LIMITS.items),
    ],
)
def test_the_pages_limits_are_the_codes(words: str, number: int) -> None:
    """A limit that is changed is changed on the page."""
    assert words in PAGE
    shown = words.replace("a million", "1000000").replace(" 000", "000").replace("16 exporters", "16")
    assert str(number) in re.findall(r"\d+", shown)


def test_positions_end_below_where_hashes_repeat() -> None:
    """As the page says."""
    assert "below 2**60" in PAGE
    assert _descriptors.MAX_POSITION == 1 << 60


def test_every_target_of_make_fuzz_is_on_the_page() -> None:
    """With what came of it."""
    assert [name for name in TARGETS if f"| {name} |" not in PAGE] == []
