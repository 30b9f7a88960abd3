"""Metrics as Prometheus reads them."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import BadArgument
from remit.net import Family, exposition


def test_families_are_written_in_the_text_format() -> None:
    """Each family has its help and type before its samples; labels are sorted; whole numbers have no point."""
    sessions = Family("remit_sessions", "gauge", "Sessions with other nodes.")
    sessions.add(3, transport="tls", machine="m").add(1.5, transport="unix", machine="")
    said = Family("remit_turns_total", "counter", "Turns that ended.").add(12)
    assert exposition([sessions, said, Family("remit_nothing", "gauge", "Nothing.")]) == (
        "# HELP remit_sessions Sessions with other nodes.\n"
        "# TYPE remit_sessions gauge\n"
        'remit_sessions{machine="m",transport="tls"} 3\n'
        'remit_sessions{transport="unix"} 1.5\n'
        "# HELP remit_turns_total Turns that ended.\n"
        "# TYPE remit_turns_total counter\n"
        "remit_turns_total 12\n"
    )


def test_a_histogram_has_its_own_samples() -> None:
    """Buckets, sum and count stand in the family of a histogram, and nowhere else."""
    wait = Family("remit_wait_seconds", "histogram", "How long.")
    wait.add(1, "_bucket", le="0.1").add(2, "_bucket", le="+Inf").add(0.3, "_sum").add(2, "_count")
    assert 'remit_wait_seconds_bucket{le="+Inf"} 2\n' in exposition([wait])
    with pytest.raises(BadArgument, match="no samples"):
        Family("remit_wait_seconds", "gauge", "How long.").add(1, "_bucket", le="1")


@given(st.text(), st.text())
def test_whatever_a_label_says_it_stays_one_line(text: str, words: str) -> None:
    """Values of labels and help come from others: no text of theirs begins another line or label."""
    family = Family("remit_x", "gauge", words).add(1, name=text)
    lines = exposition([family]).split("\n")
    assert len(lines) == 4
    said = lines[2].removeprefix("remit_x").removesuffix(" 1")
    if text:
        body = said.removeprefix('{name="').removesuffix('"}')
        assert re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), body) == text
        assert '"' not in re.sub(r"\\.", "", body)


def test_what_is_no_number_is_written_as_the_format_has_it() -> None:
    """Infinity and what is no number have names of their own; large integers lose nothing."""
    said = exposition(
        [
            Family("x", "untyped", "X.")
            .add(math.inf, a="1")
            .add(-math.inf, a="2")
            .add(math.nan, a="3")
            .add(1 << 40, a="4")
        ]
    )
    assert [line.split()[-1] for line in said.splitlines()[2:]] == ["+Inf", "-Inf", "NaN", str(1 << 40)]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Family("remit-x", "gauge", "X."),
        lambda: Family("remit_x", "number", "X."),
        lambda: Family("remit_x", "counter", "X."),
        lambda: Family("remit_x", "gauge", "X.").add(1, __name__="x"),
        lambda: Family("remit_x", "gauge", "X.").add(1, a="b").add(2, a="b"),
        lambda: exposition([Family("remit_x", "gauge", "X."), Family("remit_x", "gauge", "X.")]),
    ],
)
def test_what_the_format_does_not_have_is_refused(wrong) -> None:  # type: ignore[no-untyped-def]
    """A wrong name, kind or label, or a sample that is there twice, is an error of whoever builds it."""
    with pytest.raises(BadArgument):
        wrong()
